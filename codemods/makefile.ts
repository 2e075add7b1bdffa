/** Sites of Makefiles: assignments, and recipe lines as shell text. `$$` and `$(VAR)` read as expansions. */

import { type Extraction, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';

const ASSIGNMENT = /^(?:export[ ]+)?([A-Za-z_][\w.-]*)[ \t]*(?:[:?+]|::)?=[ \t]*(.*?)[ \t]*\r?$/;

export function extract(text: string, context: ExtractContext): Extraction {
  const settings: Setting[] = [];
  const sites: RawSite[] = [];
  const commands: string[][] = [];
  for (const [start, end] of logicalLines(text)) {
    const line = text.slice(start, end);
    const assignment = line.startsWith('\t') ? null : ASSIGNMENT.exec(line);
    if (assignment) {
      const [, key = '', value = ''] = assignment;
      const at = start + line.lastIndexOf(value, line.replace(/\r$/, '').trimEnd().length - value.length);
      const uses = usesOf(text, key);
      const scope = { role: 'environment' as const, uses };
      if (value !== '') settings.push({ key, value: mapSlice(text, at, at + value.length), scope });
    } else if (line.startsWith('\t') && (isCandidate(line, context) || line.includes('$'))) {
      const skip = /^\t[ \t]*[@+-]*/.exec(line)?.[0].length ?? 1;
      if (line[skip] === '#') continue;
      const result = scanShell(mapSlice(text, start + skip, end), { role: 'command' }, context);
      sites.push(...result.sites);
      commands.push(...result.commands);
    }
  }
  return { sites: [...scanBlock(settings, 'file', context), ...sites], facts: { ...noFacts(), commands } };
}

/** Recipe lines that expand the variable, or one that is put together from it. */
function usesOf(text: string, key: string): Use[] {
  const lines = text.split('\n');
  const names = new Set([key]);
  const isRead = (line: string) =>
    [...names].some(name => new RegExp(`\\$[({]${name}[)}]|\\$\\$\\{?${name}\\b`).test(line));
  for (const known of names) {
    for (const line of lines) {
      const [, name] = line.startsWith('\t') ? [] : (ASSIGNMENT.exec(line) ?? []);
      if (name !== undefined && name !== known && isRead(line)) names.add(name);
    }
  }
  return lines
    .filter(line => line.startsWith('\t') && isRead(line))
    .map(line => ({
      words: line
        .trim()
        .replace(/^[@+-]+/, '')
        .split(/\s+/),
      service: null,
      image: null,
    }));
}
