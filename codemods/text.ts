/**
 * Command lines in text files (`.txt`, crontabs, Procfiles), one logical line at a time, so that an apostrophe in prose
 * can't swallow the lines after it. Also the last resort for formats without a codemod: see `residue`.
 */

import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { type Scope, scanUrls } from '../src/scan/scan-value.ts';
import { type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { scanShell } from './shell.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const sites = logicalLines(text).flatMap(([start, end]) => {
    const line = mapSlice(text, start + (TIMES.exec(text.slice(start, end))?.[0].length ?? 0), end);
    return isCandidate(line.text, context) && !/^\s*#/.test(line.text)
      ? scanShell(line, { role: 'command' }, context).sites
      : [];
  });
  return { sites, facts: noFacts() };
}

/** The times in front of a crontab's command, and the user of a system's own. */
const TIMES =
  /^\s*(?:(?:[\d*/,-]+\s+){5}|@(?:reboot|hourly|daily|weekly|monthly|yearly|every\s+\S+)\s+)(?:[a-z][\w-]*\s+(?=[A-Z_]+=|\/))?/;

/** Spans of lines, those that end in a backslash joined with the next. */
export function logicalLines(text: string): [number, number][] {
  const lines: [number, number][] = [];
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && text[i] !== '\n') continue;
    const before = text[i - 1] === '\r' ? text[i - 2] : text[i - 1];
    if (before === '\\' && i < text.length) continue;
    if (i > start) lines.push([start, i]);
    start = i + 1;
  }
  return lines;
}

/** Cheap test before parsing. */
export const isCandidate = (text: string, context: ExtractContext): boolean =>
  text.includes('://') || /\b(?:host|psql|pg_|port)|(?:HOST|PORT)=|-h\s*\w/i.test(text) || hasKnownPair(text, context);

const hasKnownPair = (text: string, context: ExtractContext): boolean =>
  [...text.matchAll(/(?<![\w.-])([\w.-]+):\d{4,5}\b/g)].some(match =>
    context.names.has((match[1] ?? '').toLowerCase()),
  );

const COMMENT = /^\s*(?:#|\/\/|--|;|\*|\/\*|<!--|REM\b|::)|\s(?:#|\/\/)\s/i;

/** URLs that the structured extraction did not report: in comments, and in places that no codemod understands. */
export function residue(text: string, found: RawSite[], scope: Scope, context: ExtractContext): RawSite[] {
  const mapped: MappedText = mapSlice(text, 0, text.length);
  // Sorted by their start, so that a text full of URLs takes no quadratic time.
  const known = found.map(site => site.extent ?? site.span).sort((a, b) => a.start - b.start);
  let at = 0;
  let reach = 0;
  const isKnown = ({ extent, span }: RawSite): boolean => {
    const { start, end } = extent ?? span;
    while (at < known.length && (known[at]?.start ?? 0) < end) reach = Math.max(reach, known[at++]?.end ?? 0);
    return reach > start;
  };
  return scanUrls(mapped, scope, context)
    .filter(site => !isKnown(site))
    .map(site => {
      const line = text.slice(text.lastIndexOf('\n', site.span.start - 1) + 1, site.span.start);
      return COMMENT.test(line)
        ? { ...site, role: 'comment' as const }
        : { ...site, facts: [...site.facts, 'not-parsed'] };
    });
}
