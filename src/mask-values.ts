/**
 * The secrets that a name announces, in every syntax that gives a name a value. Nobody says which language a line is in,
 * so the name's surroundings decide where an unquoted value ends; where they leave it open, the longer reading counts.
 */
import { isNoValue, isReading, isReference, isSecretName, isVariable, isVariableName, TYPE } from './mask-names.ts';
import { closeQuote, findQuotes, readQuoted } from './mask-quotes.ts';
import type { Span } from './model.ts';

/** What is left open at the end of a line: a value, or an argument, that stands on the next one. */
export type Open = 'value' | 'argument' | null;

interface Name {
  text: string;
  start: number;
  end: number;
  /** The last character before it, blanks and its own quote aside; '' where it opens its line or its quotes. */
  before: string;
  /** Where its value ends at the latest: the end of the line or of the quotes around it. */
  limit: number;
  /** True inside quotes. */
  enclosed: boolean;
  link: Link;
}

/** What ties a name to a value, which starts at `at`. */
interface Link {
  operator: string;
  /** The quote that closes the name. */
  quote: string;
  at: number;
}

interface Value {
  secrets: Span[];
  /** How far the fallbacks of an expression were looked for. */
  read?: number;
  /** Where to look for the next name. */
  end: number;
  open?: Open;
}

const HINT = /pass|pwd|pw|secret|token|credential|key/gi;
const isWordCharacter = (char: string | undefined): boolean => char !== undefined && /[\w.-]/.test(char);

/** `inCall`: the line above opens a call. Nothing is looked for in `covered`, the spans of URLs, in their order. */
export function findNamedSecrets(line: string, inCall: boolean, covered: Span[]): { secrets: Span[]; open: Open } {
  const secrets: Span[] = [];
  let open: Open = null;
  let quotes: Span[] | null = null;
  let quote = 0;
  let cover = 0;
  let from = 0;
  for (let hint = nextHint(line, 0); hint !== -1; hint = nextHint(line, from)) {
    let start = hint;
    let end = hint;
    while (start > from && isWordCharacter(line[start - 1])) start--;
    while (isWordCharacter(line[end])) end++;
    // A line break in a JSON string: `"…\nPASSWORD=it\n…"`.
    if (line[start - 1] === '\\' && /[nrt]/.test(line[start] ?? '')) start++;
    from = end;
    while (cover < covered.length && (covered[cover]?.end ?? 0) <= start) cover++;
    if ((covered[cover]?.start ?? line.length) <= start || !isSecretName(line.slice(start, end))) continue;
    quotes ??= findQuotes(line);
    while (quote < quotes.length && (quotes[quote]?.end ?? 0) <= start) quote++;
    const value = readValue(line, nameAt(line, start, end, quotes[quote], inCall));
    if (!value) continue;
    secrets.push(...value.secrets);
    from = Math.max(end, value.end);
    open = value.open ?? null;
  }
  return { secrets, open };
}

function nextHint(line: string, from: number): number {
  HINT.lastIndex = from;
  return HINT.exec(line)?.index ?? -1;
}

/** What may stand before a setting's name: list items, comments, prompts, `export`, `ENV`. */
const HEAD = /^(?:[-+#>*|$%;]+|\/\/+|export|set|setx|declare|readonly|local|env|ENV|ARG|const|let|var|val)$/;

function nameAt(line: string, start: number, end: number, quote: Span | undefined, inCall: boolean): Name {
  const text = line.slice(start, end);
  const around = quote && quote.start < start && !(quote.start === start - 1 && quote.end === end + 1) ? quote : null;
  const origin = around ? around.start + 1 : 0;
  const limit = around ? around.end - 1 : line.length;
  let i = start;
  const nested = i > origin && /["'`]/.test(line[i - 1] ?? '') ? (line[i - 1] ?? '') : '';
  if (nested) i -= line[i - 2] === '\\' ? 2 : 1;
  // Quotes inside quotes: `sh -c 'psql "password=it"'`.
  if (nested && around && !line.startsWith(nested, end) && line[end] !== '\\') {
    const close = closeQuote(line, start, limit, i === start - 2 ? `\\${nested}` : nested);
    return { text, start, end, before: '', limit: close === -1 ? limit : close, enclosed: true };
  }
  while (i > origin && /\s/.test(line[i - 1] ?? '')) i--;
  const words =
    line
      .slice(Math.max(origin, i - 40), i)
      .split(/\\n/)
      .at(-1)
      ?.trim()
      .split(/\s+/) ?? [];
  const opens = i <= origin || words.every(word => word === '' || HEAD.test(word));
  const before = opens ? (i <= origin && inCall && !around ? '(' : '') : (line[i - 1] ?? '');
  return { text, start, end, before: before === '\\' ? '' : before, limit, enclosed: around !== null };
}

const OPERATOR =
  '=>(?=[\\s"\'])|:=|[=!]==?(?=\\s)|\\?\\?=?|\\|\\|=?|=|:(?=[\\s"\'`\\\\]|$)|\\bor\\b|,\\s*\\\\?["\']?value\\\\?["\']?\\s*[:=]|\\svalue=|,|\\((?=["\'`])|>(?=[^<>]*</)|\\|(?=\\s*`)';
/** Between a name and its value, e.g. `": `, `"] = `, `: str = `, `) or `, `', default=`, `: str = Field(default=`. */
const LINK = new RegExp(
  `(\\\\?["'\`]?)[ \\t]{0,40}[\\])]{0,2}[ \\t]{0,40}(?::[ \\t]{0,9}${TYPE}[\\w.\\[\\], |]{0,60}?(?=[ \\t]{0,9}=))?[ \\t]{0,40}(${OPERATOR})[ \\t]*(?:default[ \\t]{0,9}=[ \\t]{0,9})?`,
  'y',
);
const FLAG_LINK = /\\?["'],?\s+|=|\s+(?!-|\\?$)/y;
/** E.g. `Field(default=`, `SecretStr(`: calls around a literal. */
const CALLS = /(?:[A-Za-z_][\w.]{0,60}\(\s{0,9}){1,3}(?:default\s{0,9}=\s{0,9})?(?=[rbuf]{0,2}["'`])/y;
const DEFAULT = /\w+(?::?[-=]|:(?![?+]))/y;

function readValue(line: string, name: Name): Value | null {
  if (line.startsWith('${', name.start - 2)) return readDefault(line, name);
  const link = readLink(line, name);
  if (!link) return null;
  const { at, operator } = link;
  if (at >= line.length) return { secrets: [], end: at, open: operator === ',' ? 'argument' : 'value' };
  if (at >= name.limit || (line[at] === '#' && /\s/.test(line[at - 1] ?? ''))) return null;
  if (name.before === '?' || name.before === '&') return plain(line, name, at, endOfParameter(line, at, name.limit));
  const rest = line.slice(at, Math.min(name.limit, at + 120));
  if (isReading(rest)) return { secrets: findFallbacks(line, at, name.limit), end: name.end };
  CALLS.lastIndex = at;
  // Code has blanks around it, or commas; an env file and a string have not.
  const isCode = /\s/.test(line[at - 1] ?? '') ? !name.enclosed : /[({,]/.test(name.before);
  const literal = isCode && CALLS.test(line) ? CALLS.lastIndex : at;
  const quoted = readQuoted(line, literal, name.limit);
  // Inside quotes, a quoted value followed by more may just be a value that starts with a quote.
  if (quoted && !(name.enclosed && name.before === '' && line.slice(quoted.end, name.limit).trim() !== '')) {
    const text = line.slice(quoted.inner.start, quoted.inner.end);
    return { secrets: isVariableName(text) ? [] : visible(line, quoted.inner), end: quoted.end };
  }
  if (/[,(]$|or|\|/.test(operator)) return null;
  if (operator === '>') return plain(line, name, at, line.indexOf('</', at));
  return plain(line, name, at, endOfValue(line, name, at, operator));
}

function readLink(line: string, name: Name): { at: number; operator: string } | null {
  if (name.text.startsWith('-')) {
    FLAG_LINK.lastIndex = name.end;
    const link = FLAG_LINK.exec(line)?.[0];
    if (link !== undefined) return { at: FLAG_LINK.lastIndex, operator: link.trim() || ' ' };
    return /^["']?,?\s*$/.test(line.slice(name.end, name.end + 9)) ? { at: line.length, operator: ',' } : null;
  }
  // Dockerfile and SQL: `ENV PASSWORD it`, `WITH PASSWORD 'it'`.
  const blank = /^ENV\s+$/i.test(line.slice(0, name.start).trimStart()) || /^password$/i.test(name.text);
  const next = blank ? /^\s{1,40}/.exec(line.slice(name.end, name.end + 41))?.[0].length : undefined;
  if (next && (line[name.end + next] === "'" || /^ENV\s+$/i.test(line.slice(0, name.start).trimStart()))) {
    return { at: name.end + next, operator: ' ' };
  }
  LINK.lastIndex = name.end;
  const [, quote = '', operator = ''] = LINK.exec(line) ?? [];
  if (operator === '') return null;
  const isArgument = quote !== '' && name.before === '(';
  if (operator === ',' && !isArgument) return null;
  // A call that sets it, e.g. `.withPassword("it")`, but not `verify_password("it")`.
  if (operator === '(' && !/(?:^|\.|[sS]et_?|with_?)(?:password|passwd|pwd|secret|token)$/i.test(name.text))
    return null;
  if (operator === '|' && quote !== '`') return null;
  // `-v $PWD:/app`, but `$password = …`.
  if (line[name.start - 1] === '$' && /^[:,]/.test(operator)) return null;
  return { at: LINK.lastIndex, operator };
}

/** The default in `${POSTGRES_PASSWORD:-it}`. */
function readDefault(line: string, name: Name): Value {
  DEFAULT.lastIndex = name.start;
  if (!DEFAULT.test(line)) return { secrets: [], end: name.end };
  const start = DEFAULT.lastIndex;
  let end = start;
  for (let depth = 0; end < name.limit; end++) {
    if (line[end] === '{') depth++;
    else if (line[end] === '}' && depth-- === 0) break;
  }
  return { secrets: visible(line, { start, end }), end };
}

/** The part of a value that is no reference: nothing, the default of a variable, or all. */
export function visible(line: string, { start, end }: Span): Span[] {
  for (;;) {
    const text = line.slice(start, end);
    if (isReference(text)) return [];
    const operator = /^\$\{\w+(?::?[-=]|:(?![?+]))/.exec(text)?.[0];
    if (!operator || !text.endsWith('}')) return [{ start, end }];
    start += operator.length;
    end--;
  }
}

function plain(line: string, name: Name, at: number, end: number): Value | null {
  const text = line.slice(at, end);
  if (isNoValue(text, name.text)) return null;
  const passesOn = /[({,]/.test(name.before) || /^(?:[,)].*|;\s*)$/.test(line.slice(end, end + 40));
  if (passesOn && isVariable(text)) return null;
  return { secrets: visible(line, { start: at, end }), end };
}

/** The literals that an expression falls back to, e.g. `it` in `getenv("A", "it")`, `read() || 'it'`. */
function findFallbacks(line: string, at: number, limit: number): Span[] {
  const text = line.slice(at, Math.min(limit, at + 200));
  const found: Span[] = [];
  for (const match of text.matchAll(
    /(?:,|\bor|\|\||\?\?|\?:|\belse|\bdefault\s{0,9}[=:])\s{0,20}(?=[rbuf]{0,2}["'`])/g,
  )) {
    const quoted = readQuoted(line, at + match.index + match[0].length, limit);
    if (quoted && !isVariableName(line.slice(quoted.inner.start, quoted.inner.end)))
      found.push(...visible(line, quoted.inner));
  }
  return found;
}

/** `?user=app&password=it&ssl=1`: quotes are part of the value. */
function endOfParameter(line: string, at: number, limit: number): number {
  const PARAMETER = /[^&\s"#]*/y;
  PARAMETER.lastIndex = at;
  PARAMETER.test(line);
  return Math.min(limit, PARAMETER.lastIndex);
}

/** A word of a command; expansions and quotes may hold blanks. */
const WORD =
  /(?:\$\([^)]{0,80}\)|\$?\{\{[^}]{0,80}\}\}|\$\{[^}]{0,80}\}|\\.|'[^']{0,80}'|"[^"\\]{0,80}"|(?!<\/\w{1,30}>)\S)+/y;
/** An item of `{…}`, `[…]`, `(…)`. */
const ITEM = /(?:\$?\{\{[^{}]{0,80}\}\}|\$\{[^{}]{0,80}\}|[^,)}\]])*/y;
/** The same after a colon: parentheses are nothing special in YAML. */
const FLOW_ITEM = /(?:\$?\{\{[^{}]{0,80}\}\}|\$\{[^{}]{0,80}\}|[^,}\]])*/y;
const PROGRAMS =
  'psql|pg_\\w+|pgbench|pgcli|createdb|dropdb|createuser|vacuumdb|docker|docker-compose|podman|kubectl|helm|python3?|node|npm|npx|yarn|pnpm|make|bash|sh|ruby|rails|bundle|rake|php|java|go|flyway|alembic|prisma|redis-cli|exec|sudo|curl';
/** After a value without quotes, e.g. ` psql -h db`, ` && make`, ` \`, ` PGHOST=db`, ` dbname=app`. */
const COMMAND = new RegExp(
  `\\s+(?:(?:${PROGRAMS})(?=\\s|$)|&&\\s|\\\\$|[A-Z][A-Z0-9_]{2,}=|(?:host|port|user|dbname|sslmode)\\s?=)`,
  'y',
);
/** The next setting of an Npgsql string. */
const SETTING = /;\s{0,9}(?:host|server|port|database|user(?:name| id)?|uid|ssl ?mode|pooling)\s{0,9}=/i;

function endOfValue(line: string, name: Name, at: number, operator: string): number {
  const { before, limit } = name;
  WORD.lastIndex = at;
  WORD.test(line.length === limit ? line : line.slice(0, limit));
  const word = Math.max(at, Math.min(limit, WORD.lastIndex));
  COMMAND.lastIndex = word;
  if (COMMAND.test(line) && COMMAND.lastIndex <= limit) return word;
  if (before === ';') return trimmed(line, at, indexOrLimit(line, ';', at, limit));
  if (/[({[,]/.test(before)) {
    const item = operator === ':' ? FLOW_ITEM : ITEM;
    item.lastIndex = at;
    item.test(line);
    return item.lastIndex < limit ? trimmed(line, at, item.lastIndex) : word;
  }
  if (before !== '') return word;
  const text = line.slice(at, limit);
  const ends = [text.search(SETTING), name.enclosed ? text.indexOf('\\n') : text.search(/\s#/)].filter(i => i !== -1);
  const end = trimmed(line, at, at + Math.min(text.length, ...ends));
  return operator === '=' || end !== limit || !/[,;]/.test(line[end - 1] ?? '') ? end : end - 1;
}

function indexOrLimit(line: string, char: string, at: number, limit: number): number {
  const index = line.indexOf(char, at);
  return index === -1 || index > limit ? limit : index;
}

function trimmed(line: string, start: number, end: number): number {
  while (end > start && /\s/.test(line[end - 1] ?? '')) end--;
  return end;
}
