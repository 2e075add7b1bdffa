/** Variables that a command's own words expand. A shell does that before it looks at an assignment in front of the command. */
import type { Span, Step } from '../model/index.ts';
import { type Expansion, isWholeExpansion, readExpansions } from '../text/expansion.ts';

export interface StepRead extends Span {
  /** The expansion as it stands in the file. E.g.: `$DATABASE_URL`, `\$DATABASE_URL`, `$(DATABASE_URL)` */
  text: string;
}

/**
 * Where the command's words expand the variable; null where an expansion takes a part of the value, or is made by
 * somebody who has no direct one, so that no text can stand in its place.
 */
export function readsInStep(step: Step, text: string, name: string): StepRead[] | null {
  const found: StepRead[] = [];
  for (const one of expansionsOf(step, text)) {
    if (one.variable !== name) continue;
    const raw = text.slice(one.start, one.end);
    if (step.syntax === 'exec' || !isWholeExpansion(raw, name) || !isMadeInside(step, raw)) return null;
    const start = one.start - (step.syntax === 'quoted' && text[one.start - 1] === '\\' ? 1 : 0);
    found.push({ start, end: one.end, text: text.slice(start, one.end) });
  }
  return found;
}

/** The text that reads the direct variable first. E.g.: `$DATABASE_URL` → `${DATABASE_URL_DIRECT:-$DATABASE_URL}` */
export function directFirst({ text }: StepRead, own: string, { syntax }: Step): string {
  // A single dollar is make's, whose variable may come from the environment too; its own function asks for both.
  if (syntax === 'make' && !text.startsWith('$$')) return `$(or $(${own}),${text})`;
  const dollar = /^\\?\${1,2}/.exec(text)?.[0] ?? '$';
  return `${dollar}{${own}:-${text}}`;
}

/** An assigned value in the place of the expansion; null where its quotes could not stand there. */
export function inlined(step: Step, value: string, { start, end }: StepRead, text: string): string | null {
  const bare = /^"([^"\\]*)"$/s.exec(value)?.[1] ?? (/["'\\\s]/.test(value) ? null : value);
  if (bare === null || step.syntax !== 'shell') return null;
  return text[start - 1] === '"' && text[end] === '"' ? bare : `"${bare}"`;
}

const ASSIGNMENT = /[A-Za-z_]\w*\+?=(?:"[^"]*"|'[^']*'|[^\s"'])*\s+/y;

function expansionsOf({ at, end, syntax }: Step, text: string): Expansion[] {
  let from = at;
  for (ASSIGNMENT.lastIndex = at; ASSIGNMENT.test(text) && ASSIGNMENT.lastIndex < end; ) from = ASSIGNMENT.lastIndex;
  return readExpansions(text, from, end).flatMap(one => {
    if (one.variable !== null || !text.startsWith('$(', one.start)) return [one];
    if (syntax !== 'make') return readExpansions(text, one.start + 2, one.end - 1);
    const [, name] = /^\$\((\w+)\)$/.exec(text.slice(one.start, one.end)) ?? [];
    return name === undefined ? [] : [{ ...one, variable: name }];
  });
}

/**
 * By the shell or by make, not by compose, which knows nothing of what stands in the service's environment. Make takes `$NAME` for `$(N)AME`,
 * and knows none of a shell's operators.
 */
function isMadeInside({ syntax }: Step, raw: string): boolean {
  if (syntax === 'compose') return raw.startsWith('$$');
  return syntax === 'make' ? raw.startsWith('$$') || /^\$[({]\w+[)}]$/.test(raw) : !raw.startsWith('$$');
}
