/**
 * Sites of INI files, Java properties, TOML, systemd units and others that write `key = value` on a line. The line is
 * all that is needed to find a value; a value that runs over lines is not read and so never edited.
 */
import { type MappedText, mapEscaped, mapSlice } from '../src/mapped-text.ts';
import { type Extraction, noFacts, type RawSite } from '../src/model.ts';
import { type Setting, scanBlock } from '../src/scan-block.ts';
import type { Scope } from '../src/scan-value.ts';
import type { ExtractContext } from './codemod.ts';
import { isCommandLine, scanShell } from './shell.ts';

const LINE =
  /^([ \t]*)([#;!]+[ \t]*)?("[^"\n]*"|'[^'\n]*'|[\w.@\- ]*?[\w.@-])[ \t]*(?:=|:(?!\/))[ \t]*(.*?)[ \t]*\r?$/gm;
const SECTION = /^[ \t]*\[+([^\]\n]*)\]+/;

export function extract(text: string, context: ExtractContext): Extraction {
  const blocks = new Map<string, Setting[]>();
  const commands: RawSite[] = [];
  let section = '';
  let from = 0;
  for (const match of text.matchAll(LINE)) {
    for (const line of text.slice(from, match.index).split('\n')) section = SECTION.exec(line)?.[1] ?? section;
    from = match.index + match[0].length;
    const [whole, , comment, rawKey = '', rawValue = ''] = match;
    if (rawValue === '') continue;
    const start = match.index + whole.trimEnd().length - rawValue.length;
    const scope: Scope = { role: comment ? 'comment' : 'setting', facts: comment ? ['commented'] : [] };
    const key = rawKey.replace(/^["']|["']$/g, '');
    const block = `${section}${comment ? '#' : ''}`;
    const value = readValue(text, start, start + rawValue.length);
    if (!comment && (/^Exec[A-Z]/.test(key) || isCommandLine(value.text))) {
      commands.push(...scanShell(value, { role: 'command', key: null }, context).sites);
      continue;
    }
    const settings = blocks.get(block) ?? [];
    blocks.set(block, settings);
    settings.push({ key, value, scope });
  }
  const sites = [...blocks].flatMap(([block, settings]) => scanBlock(settings, block, context));
  return { sites: [...sites, ...commands], facts: noFacts() };
}

function readValue(text: string, start: number, end: number): MappedText {
  const quote = text[start];
  if (quote === '"' || quote === "'") {
    const close = text.lastIndexOf(quote, end - 1);
    if (close > start) return quote === '"' ? mapEscaped(text, start + 1, close) : mapSlice(text, start + 1, close);
  }
  return mapSlice(text, start, end);
}
