/** Sites of Windows batch files: `set NAME=value`, and command lines. `%NAME%` reads as an expansion that names nothing. */

import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const settings: Setting[] = [];
  const sites: RawSite[] = [];
  for (const [start, end] of logicalLines(text)) {
    const line = text.slice(start, end);
    const set = /^\s*@?set\s+"?([A-Za-z_]\w*)=([^"\r]*?)"?\s*$/i.exec(line);
    if (set) {
      const [, key = '', value = ''] = set;
      const at = start + line.indexOf('=') + 1;
      if (value !== '')
        settings.push({ key, value: mapSlice(text, at, at + value.length), scope: { role: 'environment' } });
    } else if (!/^\s*(?:@?rem\b|::)/i.test(line) && isCandidate(line, context)) {
      sites.push(...scanShell(mapSlice(text, start, end), { role: 'command' }, context).sites);
    }
  }
  return { sites: [...scanBlock(settings, 'file', context), ...sites], facts: noFacts() };
}
