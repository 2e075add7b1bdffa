/** The `*_DIRECT` companion of a pooled variable: the old value under a new name, right after it, in the same style. */

import type { Entry, Newline, Span } from '../src/model/index.ts';
import { readExpansions } from '../src/text/expansion.ts';
import { lineEndOf } from '../src/text/lines.ts';

export interface Companion {
  span: Span;
  text: string;
}

/** Variables that already serve as the direct way, most specific first. */
export const directNames = (key: string, suffix: string): string[] => [
  `${key}${suffix}`,
  ...withDirect(key.split('_')),
  ...(key.endsWith('_URL') ? ['DIRECT_URL'] : []),
  `${key}_UNPOOLED`,
  `${key}_NON_POOLING`,
];

/** `DIRECT_DATABASE_URL`, `DATABASE_DIRECT_URL` */
const withDirect = (parts: readonly string[]): string[] =>
  parts.map((_, i) => [...parts.slice(0, i), 'DIRECT', ...parts.slice(i)].join('_'));

/**
 * @param renamed variables that are pooled themselves: the companion reads their direct twins.
 * E.g.: `${DATABASE_URL:-old}` → `DATABASE_URL_DIRECT: ${DATABASE_URL_DIRECT:-old}`
 */
export function makeCompanion(
  text: string,
  entry: Entry,
  suffix: string,
  renamed: ReadonlySet<string>,
  newline: Newline,
  isCompose: boolean,
): Companion {
  const value = renameVariables(text.slice(entry.value.start, entry.value.end), renamed, suffix, isCompose);
  return addEntry(text, entry, `${entry.key}${suffix}`, value, newline);
}

/** A further entry right after one, in its style. `value` is the text of a value; in lists that of the whole item. */
export function addEntry(text: string, entry: Entry, name: string, value: string, newline: Newline): Companion {
  const at = entry.style === 'flow' ? entry.span.end : lineEndOf(text, entry.span.end);
  const span = { start: at, end: at };
  switch (entry.style) {
    case 'map':
      return { span, text: `${newline}${entry.indent}${name}: ${value}` };
    case 'dotenv': {
      const lead = /^(?:export|set)[ \t]+/.exec(text.slice(entry.span.start))?.[0] ?? '';
      return { span, text: `${newline}${entry.indent}${lead}${name}=${value}` };
    }
    case 'list':
      return { span, text: `${newline}${entry.indent}${renameItem(value, entry.key, name)}` };
    case 'flow':
      return {
        span,
        text:
          entry.span.start === entry.value.start ? `, ${renameItem(value, entry.key, name)}` : `, ${name}: ${value}`,
      };
  }
}

/** `"KEY=value"` → `"KEY_DIRECT=value"`, the quote kept. */
export const renameItem = (item: string, key: string, name: string): string =>
  item.replace(new RegExp(`^(["']?)${key.replace(/[.$]/g, '\\$&')}`), `$1${name}`);

/**
 * Renames the variables of expansions, nested ones too, and nothing else. `isCompose`: one without a default falls back to the variable
 * itself, since an env file of before has no direct one. E.g.: `${DB_URL}` → `${DB_URL_DIRECT:-${DB_URL}}`
 */
export function renameVariables(text: string, names: ReadonlySet<string>, suffix: string, isCompose = false): string {
  let out = '';
  let at = 0;
  for (const expansion of readExpansions(text, 0, text.length)) {
    const { variable, fallback } = expansion;
    const start = text.indexOf(variable ?? '', expansion.start);
    if (variable === null) continue;
    if (isCompose && !fallback && names.has(variable)) {
      const whole = text.slice(expansion.start, expansion.end);
      out += `${text.slice(at, expansion.start)}\${${variable}${suffix}:-${whole}}`;
      at = expansion.end;
      continue;
    }
    out += text.slice(at, start) + variable + (names.has(variable) ? suffix : '');
    at = start + variable.length;
    if (!fallback) continue;
    const inner = renameVariables(text.slice(fallback.start, fallback.end), names, suffix, isCompose);
    out += text.slice(at, fallback.start) + inner;
    at = fallback.end;
  }
  return out + text.slice(at);
}

/** Variables around the span: those whose default holds it. */
export function enclosingVariables(text: string, value: Span, site: Span): string[] {
  const found: string[] = [];
  let { start, end } = value;
  for (;;) {
    const outer = readExpansions(text, start, end).find(
      expansion => expansion.fallback && expansion.fallback.start <= site.start && site.end <= expansion.fallback.end,
    );
    if (!outer?.fallback || outer.variable === null) return found;
    found.push(outer.variable);
    ({ start, end } = outer.fallback);
  }
}
