/**
 * Sites of INI files, Java properties, TOML, systemd units and others that write `key = value` on a line. The line is
 * all that is needed to find a value; a value that runs over lines is not read and so never edited.
 */

import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import type { Scope } from '../src/scan/scan-value.ts';
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
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
    const scope: Scope = {
      role: comment ? 'comment' : 'setting',
      facts: comment ? ['commented'] : [],
      section: section === '' ? [] : section.split('.'),
    };
    const key = rawKey.replace(/^["']|["']$/g, '');
    const block = `${section}${comment ? '#' : ''}`;
    const value = readValue(text, start, start + rawValue.length);
    if (!comment && (/^Exec[A-Z]/.test(key) || isCommandLine(value.text))) {
      commands.push(...scanShell(value, { role: 'command', key: null }, context).sites);
      continue;
    }
    const settings = blocks.get(block) ?? [];
    blocks.set(block, settings);
    const isUnit = key === 'Environment' && section === 'Service';
    settings.push(...(isUnit ? readAssignments(text, start, start + rawValue.length, scope) : [{ key, value, scope }]));
  }
  const sites = [...blocks].flatMap(([block, settings]) => scanBlock(settings, block, context));
  return { sites: [...sites, ...commands], facts: noFacts() };
}

/** systemd: `Environment=A=1 "B=2 3"` has several variables. Source: systemd.exec(5) */
function readAssignments(text: string, start: number, end: number, scope: Scope): Setting[] {
  const words = [...text.slice(start, end).matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)];
  return words.flatMap(match => {
    const word = match[1] ?? match[2] ?? match[3] ?? '';
    const at = start + match.index + (match[3] === undefined ? 1 : 0);
    const equals = word.indexOf('=');
    const value = mapSlice(text, at + equals + 1, at + word.length);
    return equals > 0 ? [{ key: word.slice(0, equals), value, scope: { ...scope, role: 'environment' as const } }] : [];
  });
}

function readValue(text: string, start: number, end: number): MappedText {
  const quote = text[start];
  if (quote === '"' || quote === "'") {
    const close = text.lastIndexOf(quote, end - 1);
    if (close > start) return quote === '"' ? mapEscaped(text, start + 1, close) : mapSlice(text, start + 1, close);
  }
  return mapSlice(text, start, end);
}
