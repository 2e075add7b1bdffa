/** Sites of Windows batch files: `set NAME=value`, and command lines. `%NAME%` reads as an expansion that names nothing. */

import { type Extraction, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import type { Embedded } from './embedded.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';

export function extract(text: string, context: ExtractContext): Extraction & { embedded: Embedded[] } {
  const settings: Setting[] = [];
  const embedded: Embedded[] = [];
  const sites: RawSite[] = [];
  const lines = logicalLines(text);
  for (const [start, end] of lines) {
    const line = text.slice(start, end);
    const echo = /^(\s*@?echo[ .])(.*?)\s*(?:>>?\s*("[^"]+"|\S+)\s*)?$/i.exec(line);
    const path = echo ? (echo[3] ?? blockTarget(text, end))?.replace(/^"|"$/g, '') : undefined;
    if (echo && path) {
      const at = start + (echo[1]?.length ?? 0);
      embedded.push({ path, text: mapSlice(text, at, at + (echo[2]?.length ?? 0)) });
      continue;
    }
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
  return { sites: [...scanBlock(settings, 'file', context), ...sites], facts: noFacts(), embedded };
}

/** The file that a block writes, from a line in it: `( … ) > .env`. */
const blockTarget = (text: string, from: number): string | undefined =>
  /^[^()]*\n\s*\)\s*>>?\s*("[^"]+"|\S+)/.exec(text.slice(from, from + 5000))?.[1];

/** What is set holds for all commands after it. */
export const commandsAfter = (text: string, lines: readonly [number, number][], end: number): Use[] =>
  lines
    .filter(([start]) => start > end)
    .slice(0, 300)
    .map(([from, to]) => text.slice(from, to).trim())
    .filter((line, i, all) => all.indexOf(line) === i && !/^\$env:/i.test(line))
    .filter(line => !/^@?(?:set|echo|rem|cd|if|goto|pause|exit|endlocal|setlocal|call :|:)\b|^::|^$/i.test(line))
    .map(line => ({ words: line.replace(/^@/, '').split(/\s+/), service: null, image: null }));
