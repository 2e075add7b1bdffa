/** Sites of Windows batch files: `set NAME=value`, and command lines. `%NAME%` reads as an expansion that names nothing. */

import { type Extraction, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const settings: Setting[] = [];
  const sites: RawSite[] = [];
  const lines = logicalLines(text);
  for (const [start, end] of lines) {
    const line = text.slice(start, end);
    const set = /^\s*@?set\s+"?([A-Za-z_]\w*)=([^"\r]*?)"?\s*$/i.exec(line);
    if (set) {
      const [, key = '', value = ''] = set;
      const at = start + line.indexOf('=') + 1;
      if (value !== '')
        settings.push({
          key,
          value: mapSlice(text, at, at + value.length),
          scope: { role: 'environment', uses: commandsAfter(text, lines, end) },
        });
    } else if (!/^\s*(?:@?rem\b|::)/i.test(line) && isCandidate(line, context)) {
      sites.push(...scanShell(mapSlice(text, start, end), { role: 'command' }, context).sites);
    }
  }
  return { sites: [...scanBlock(settings, 'file', context), ...sites], facts: noFacts() };
}

/** What is set holds for all commands after it. */
const commandsAfter = (text: string, lines: readonly [number, number][], end: number): Use[] =>
  lines
    .filter(([start]) => start > end)
    .map(([from, to]) => text.slice(from, to).trim())
    .filter(line => !/^@?(?:set|echo|rem|cd|if|goto|pause|exit|endlocal|setlocal|call :|:)\b|^::|^$/i.test(line))
    .map(line => ({ words: line.replace(/^@/, '').split(/\s+/), service: null, image: null }));
