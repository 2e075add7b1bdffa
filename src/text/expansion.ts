/**
 * Expansions and placeholders inside a value: `${VAR:-default}`, `$VAR`, `$(cmd)`, `{name}`, `{{ template }}`,
 * `%(name)s`, `%s`, `<name>`, `#{ruby}`. Compose writes a literal dollar as `$$`, so `$${VAR}` counts as well.
 */
export interface Expansion {
  start: number;
  end: number;
  /** The variable's name for `$VAR` and `${VAR…}`; null for every other placeholder. */
  variable: string | null;
  /** The span of the default in `${VAR:-default}`, `${VAR-default}`, `${VAR:=default}`, Spring's `${VAR:default}`, and dbt's `env_var('VAR', 'default')`. */
  fallback: { start: number; end: number } | null;
}

const NAME = /[A-Za-z_][A-Za-z0-9_.]*/y;
const PRINTF = /%(?:\([A-Za-z_][\w.]*\))?[sdr]/y;
const ANGLE = /<[A-Za-z_][\w .-]*>/y;

/** The expansion that starts at `at`, or null where the character stands for itself. */
export function readExpansion(text: string, at: number, end: number): Expansion | null {
  const char = text[at];
  if (char === '$') return readDollar(text, at, end);
  if (char === '{' && text[at + 1] === '{') return readJinja(text, at, end);
  if (char === '{' || (char === '#' && text[at + 1] === '{')) {
    const close = matchBrace(text, char === '#' ? at + 1 : at, end);
    return close === -1 ? null : hole(at, close + 1);
  }
  if (char === '%') return readPattern(PRINTF, text, at, end);
  if (char === '<') return readPattern(ANGLE, text, at, end);
  return null;
}

const ENV_VAR =
  /\{\{\s*env_var\(\s*(['"])(\w+)\1\s*(?:,\s*(['"])([^'"{}]*)\3\s*)?\)(?:\s*\|\s*(?:int|as_number|string|as_text))*\s*\}\}/y;

/** A template; dbt's `{{ env_var('NAME', 'default') | int }}` is a read of the environment. */
function readJinja(text: string, at: number, end: number): Expansion | null {
  ENV_VAR.lastIndex = at;
  const match = ENV_VAR.exec(text);
  if (!match || ENV_VAR.lastIndex > end) {
    const close = matchBrace(text, at, end);
    return close === -1 ? null : hole(at, close + 1);
  }
  const start = at + match[0].indexOf(match[3] ?? '', match[0].indexOf(',')) + 1;
  const fallback = match[4] === undefined ? null : { start, end: start + match[4].length };
  return { start: at, end: ENV_VAR.lastIndex, variable: match[2] ?? null, fallback };
}

function hole(start: number, end: number): Expansion {
  return { start, end, variable: null, fallback: null };
}

function readPattern(pattern: RegExp, text: string, at: number, end: number): Expansion | null {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match && pattern.lastIndex <= end ? hole(at, pattern.lastIndex) : null;
}

function readDollar(text: string, at: number, end: number): Expansion | null {
  let i = at + 1;
  if (text[i] === '$') i++;
  if (text[i] === '(') {
    const close = matchPair(text, i, end, '(', ')');
    return close === -1 ? null : hole(at, close + 1);
  }
  if (text[i] !== '{') {
    NAME.lastIndex = i;
    const match = NAME.exec(text);
    if (!match || NAME.lastIndex > end) return null;
    const name = match[0].replace(/\.+$/, '');
    return { start: at, end: i + name.length, variable: name, fallback: null };
  }
  const close = matchBrace(text, i, end);
  if (close === -1) return null;
  NAME.lastIndex = i + 1;
  const match = NAME.exec(text);
  if (!match || NAME.lastIndex > close) return hole(at, close + 1);
  const operatorAt = i + 1 + match[0].length;
  const operator = /^(:-|:=|-|=)/.exec(text.slice(operatorAt, operatorAt + 2))?.[0];
  // Spring and other property files write `${VAR:default}`; `:?` and `:+` are shell operators without a default.
  const spring = !operator && text[operatorAt] === ':' && !/[?+]/.test(text[operatorAt + 1] ?? '') ? ':' : undefined;
  const length = (operator ?? spring)?.length ?? 0;
  return {
    start: at,
    end: close + 1,
    variable: match[0],
    fallback: length > 0 ? { start: operatorAt + length, end: close } : null,
  };
}

/** The offset of the brace that closes the one at `open`, or -1. */
function matchBrace(text: string, open: number, end: number): number {
  return matchPair(text, open, end, '{', '}');
}

function matchPair(text: string, open: number, end: number, left: string, right: string): number {
  let depth = 0;
  // No expansion is that long; without a bound, a text full of open braces would take quadratic time.
  const stop = Math.min(end, open + 2000);
  for (let i = open; i < stop; i++) {
    if (text[i] === left) depth++;
    else if (text[i] === right && --depth === 0) return i;
    else if (text[i] === '\n') return -1;
  }
  return -1;
}

/** All expansions of text[start, end) that do not stand inside one another. */
export function readExpansions(text: string, start: number, end: number): Expansion[] {
  const found: Expansion[] = [];
  for (let i = start; i < end; ) {
    const expansion = readExpansion(text, i, end);
    if (expansion) found.push(expansion);
    i = expansion ? expansion.end : i + 1;
  }
  return found;
}

/** The text expands the variable, also within a default or as one of make's: `${A:-$NAME}`, `$(NAME)`. */
export const expandsVariable = (text: string, name: string): boolean =>
  text.includes(name) && new RegExp(`\\$[{(]?${name}\\b`).test(text);

/** The expansion gives the value as a whole: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, make's `$(NAME)`, with one dollar or two. */
export const isWholeExpansion = (text: string, name: string): boolean =>
  new RegExp(`^\\$\\$?(?:${name}|[{(]${name}(?::?[-?][^{}]*)?[})])$`).test(text);

/** The variable, and all that are put together from it: `A=$NAME`, then `B=x$A`. */
export function variablesFrom(assigns: readonly { name: string; raw: string }[], name: string): Set<string> {
  const found = new Set([name]);
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const one of assigns) if ([...found].some(known => expandsVariable(one.raw, known))) found.add(one.name);
  }
  return found;
}
