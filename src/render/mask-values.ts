/** The secrets that a name announces, in every syntax that gives a name a value. */

import type { Span } from '../model/index.ts';
import { endOfParameter, endOfValue, type Surroundings } from './mask-ends.ts';
import {
  closeQuote,
  findQuotes,
  isNoValue,
  isReading,
  isSecretName,
  isStatement,
  isVariable,
  isVariableName,
  readQuoted,
  TYPE,
  visible,
} from './mask-syntax.ts';

/** What is left open at the end of a line: a value or an argument that stands on the next one, or a literal (its quote). */
export type Open = 'value' | 'argument' | '"' | "'" | '`' | null;

interface Name extends Surroundings {
  text: string;
  start: number;
  end: number;
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
  /** Where to look for the next name. */
  end: number;
  open?: Open;
}

const HINT = /pass|pwd|pw|secret|token|credential|key/gi;
const WORD_REST = /[\w.-]*/y;
const isWordCharacter = (char: string): boolean => /[\w.-]/.test(char);

/** `inCall`: the line above opens a call. Nothing is looked for in `covered`, the spans of URLs, in their order. */
export function findNamedSecrets(line: string, inCall: boolean, covered: Span[]): { secrets: Span[]; open: Open } {
  const secrets: Span[] = [];
  let open: Open = null;
  let quotes: Span[] | null = null;
  const known = new Map<string, boolean>();
  let quote = 0;
  let cover = 0;
  let from = 0;
  let read = 0;
  for (let hint = nextHint(line, 0); hint !== -1; hint = nextHint(line, from)) {
    let start = hint;
    while (start > from && isWordCharacter(line[start - 1] ?? '')) start--;
    WORD_REST.lastIndex = hint;
    WORD_REST.test(line);
    const end = WORD_REST.lastIndex;
    // A line break in a JSON string: `"…\nPASSWORD=it\n…"`.
    if (line[start - 1] === '\\' && /[nrt]/.test(line[start] ?? '')) start++;
    from = end;
    while (cover < covered.length && (covered[cover]?.end ?? 0) <= start) cover++;
    if ((covered[cover]?.start ?? line.length) <= start && !/[?&]/.test(line[start - 1] ?? '')) continue;
    const text = line.slice(start, end);
    if (!known.has(text)) known.set(text, isSecretName(text));
    if (!known.get(text)) continue;
    const isDefault = line.startsWith('${', start - 2);
    const link = isDefault ? null : readLink(line, start, end);
    if (!isDefault && !link) continue;
    quotes ??= findQuotes(line);
    while (quote < quotes.length && (quotes[quote]?.end ?? 0) <= start) quote++;
    const name = nameAt(line, start, end, quotes[quote], inCall);
    if (link && isReading(line.slice(link.at, Math.min(name.limit, link.at + 120)))) {
      secrets.push(...findFallbacks(line, Math.max(read, link.at), Math.min(name.limit, link.at + 200)));
      read = link.at + 200;
      continue;
    }
    const value = link ? readValue(line, name, link) : readDefault(line, name);
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
  let limit = around ? around.end - 1 : line.length;
  let i = start;
  const own = i > origin && /["'`]/.test(line[i - 1] ?? '') ? (line[i - 1] ?? '') : '';
  if (own) i -= line[i - 2] === '\\' ? 2 : 1;
  // Quotes inside quotes: `sh -c 'psql "password=it"'`, `sh -c "psql \"host=db password=it\""`.
  const opensNested = own !== '' && around !== null && !line.startsWith(own, end) && line[end] !== '\\';
  const isNested = around !== null && line.slice(Math.max(origin, i - 200), i).split('\\"').length % 2 === 0;
  if (opensNested || isNested) {
    const close = closeQuote(line, end, limit, isNested || i < start - 1 ? '\\"' : own);
    if (close !== -1) limit = close;
  }
  if (opensNested) return { text, start, end, before: '', limit, enclosed: true };
  while (i > origin && /\s/.test(line[i - 1] ?? '')) i--;
  const lead = line.slice(Math.max(origin, i - 40), i);
  const words = lead.replace(/^.*\\n/, '').split(/\s+/);
  const opens = words.every(word => word === '' || HEAD.test(word));
  const before = opens ? (i <= origin && inCall && !around ? '(' : '') : lead.slice(-1).replace('\\', '');
  return { text, start, end, before, limit, enclosed: around !== null };
}

const OPERATOR = [
  '=>(?=[\\s"\'])', // PHP, Ruby: `'password' => 'it'`
  ':=|(?<=\\s)[=!]==?(?=\\s)|\\?\\?=?|\\|\\|=?|=|\\bor\\b',
  ':(?=[\\s"\'`\\\\]|$)', // not `image:tag`
  ',\\s*\\\\?["\']?value\\\\?["\']?\\s*[:=]|\\svalue=', // `"name": "PASSWORD", "value": "it"`
  ',|\\((?=["\'`])', // `getenv("PASSWORD", "it")`, `.withPassword("it")`
  '>(?=[^<>]*</)', // `<password>it</password>`
  '\\|(?=\\s*`)', // Markdown
].join('|');
const BLANKS = '[ \\t]{0,40}';
/** Between a name and its value, e.g. `": `, `"] = `, `: str = `, `) or `, `', default=`, `: str = Field(default=`. */
const LINK = new RegExp(
  `(\\\\?["'\`]?)${BLANKS}[\\])]{0,2}${BLANKS}` +
    `(?::${BLANKS}${TYPE}[\\w.\\[\\], |]{0,60}?(?=[ \\t]{0,9}=))?${BLANKS}` +
    `(${OPERATOR})[ \\t]*(?:default[ \\t]{0,9}=[ \\t]{0,9})?`,
  'y',
);
const FLAG_LINK = /\\?["'],?\s+|=|\s+(?!-|\\?$)/y;
/** E.g. `Field(default=`, `SecretStr(`: calls around a literal. */
const CALLS = /(?:[A-Za-z_][\w.]{0,60}\(\s{0,9}){1,3}(?:default\s{0,9}=\s{0,9})?(?=[rbuf]{0,2}["'`])/y;
const DEFAULT = /\w+(?::?[-=]|:(?![?+]))/y;

function readLink(line: string, start: number, end: number): Link | null {
  const text = line.slice(start, end);
  if (text.startsWith('-')) {
    FLAG_LINK.lastIndex = end;
    const link = FLAG_LINK.exec(line)?.[0];
    if (link !== undefined) return { operator: link.trim() || ' ', quote: '', at: FLAG_LINK.lastIndex };
    return /^["']?,?\s*$/.test(line.slice(end, end + 9)) ? { operator: ',', quote: '', at: line.length } : null;
  }
  const head = line.slice(Math.max(0, start - 40), start);
  const blanks = /^[ \t]{1,40}/.exec(line.slice(end, end + 41))?.[0].length ?? 0;
  const isSql = /^password$/i.test(text) && /^E?'/i.test(line.slice(end + blanks, end + blanks + 2));
  // `ENV PASSWORD it`, `WITH PASSWORD 'it'`, .netrc: `login app password it`.
  if (blanks > 0 && (isSql || /^\s*ENV\s+$|\blogin\s+\S+\s+$/.test(head)))
    return { operator: ' ', quote: '', at: end + blanks };
  LINK.lastIndex = end;
  const [, quote = '', operator = ''] = LINK.exec(line) ?? [];
  if (operator === '') return null;
  // A call that sets it, e.g. `.withPassword("it")`, but not `verify_password("it")`.
  if (operator === '(' && !/(?:^|\.|[sS]et_?|with_?)(?:password|passwd|pwd|secret|token)$/i.test(text)) return null;
  // A row of a table: `| \`PASSWORD\` | \`it\` |`.
  if (operator === '|' && quote !== '`') return null;
  // `-v $PWD:/app`, but `$password = …`.
  if (line[start - 1] === '$' && /^[:,]/.test(operator)) return null;
  return { operator, quote, at: LINK.lastIndex };
}

function readValue(line: string, name: Name, { operator, quote, at }: Link): Value | null {
  const { before, limit, enclosed } = name;
  if (operator === ',' && !name.text.startsWith('-') && (quote === '' || before !== '(')) return null;
  // `if (password):` announces none.
  if (at >= line.length && operator === ':' && before !== '') return null;
  if (at >= line.length) return { secrets: [], end: at, open: operator === ',' ? 'argument' : 'value' };
  if (at >= limit || (!enclosed && line[at] === '#' && /\s/.test(line[at - 1] ?? ''))) return null;
  if (before === '?' || before === '&') return plain(line, name, at, endOfParameter(line, at, limit));
  CALLS.lastIndex = at;
  const literalAt = !enclosed && CALLS.test(line) ? CALLS.lastIndex : at;
  const quoted = readQuoted(line, literalAt, limit);
  // A shell joins `'it'it`, and in an env file a backtick is no quote.
  const ends =
    quoted !== null &&
    !/[\w$@#%^*!-]/.test(line[quoted.end] ?? '') &&
    !(line[quoted.inner.start - 1] === '`' && line[at - 1] === '=');
  // `SecretStr("it")`, but `abc("it` is a password; and one inside quotes may start with other quotes.
  const isCall = literalAt > at && quoted !== null && /[),]/.test(line[quoted.end] ?? '');
  const isWhole = !enclosed || before !== '' || (quoted !== null && line.slice(quoted.end, limit).trim() === '');
  if (quoted && ends && (isCall || (literalAt === at && isWhole))) {
    const secrets = isVariableName(line.slice(quoted.inner.start, quoted.inner.end)) ? [] : visible(line, quoted.inner);
    return { secrets, end: quoted.end, open: quoted.open && limit === line.length ? quoted.open : null };
  }
  // What `==` compares with, and what a call is given, is a variable where it has no quotes.
  if (/^(?:,|\(|or|\||[=!]==?$)/.test(operator) && !name.text.startsWith('-')) return null;
  if (operator === '>') return plain(line, name, at, line.indexOf('</', at));
  return plain(line, name, at, endOfValue(line, at, operator, name));
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

function plain(line: string, name: Name, at: number, end: number): Value | null {
  const text = line.slice(at, end);
  const isNoConstant = /[a-z]/.test(name.text);
  if (isNoValue(text, isNoConstant)) return null;
  const isAlone = name.before === '' && !name.enclosed && /^\s*;\s*$/.test(line.slice(end, end + 40));
  if (isAlone && isNoConstant && /\s/.test(line[at - 1] ?? '') && isStatement(text)) return null;
  const argument = isNoConstant ? text.replace(/[,)]{1,3}$/, '') : text;
  const passesOn =
    argument !== text ||
    /[({,]/.test(name.before) ||
    /^(?:self|this)\./.test(name.text) ||
    /^(?:[,)].*|;\s*)$/.test(line.slice(end, end + 40));
  if (passesOn && isVariable(argument)) return null;
  return { secrets: visible(line, { start: at, end }), end };
}

/** The literals that an expression falls back to, e.g. `it` in `getenv("A", "it")`, `read() || 'it'`. */
function findFallbacks(line: string, at: number, limit: number): Span[] {
  const text = line.slice(at, Math.max(at, limit));
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
