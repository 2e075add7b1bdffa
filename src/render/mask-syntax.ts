/** What masking has to know of names, references and quotes, in all languages at once. */
import type { Span } from '../model/index.ts';

const SECRET =
  /pass(?:word|wd|phrase)|secret|token(?!i[sz]|_?types?|defs)|credential|pgpass|(?:api|private|access|account|auth|signing|encryption)[_.-]?key|(?:^|[_.-])(?:pass|pwd|pw)(?![a-z])/i;
/** E.g. `dbPass`, `userPwd`. */
const CAMEL_CASE = /[a-z](?:Pass|Pwd|Pw)(?![a-z])/;
const ABOUT =
  'file|path|dir|name|ref|url|uri|endpoint|encryption|policy|field|length|min|max|expiry|expires|ttl|timeout|minutes|seconds|' +
  'hours|days|age|type|validators|hashers|column|algorithm|env|var|prompt|regex|pattern|label|placeholder|error|count|limit';
/** Of a file or a setting about secrets, e.g. `PASSWORD_FILE`, `passwordFile`, `password_encryption`, `secretName`. */
const NO_SECRET = new RegExp(`(?:[_.-](?:${ABOUT})|[a-z](?:${ABOUT.replace(/\b[a-z]/g, c => c.toUpperCase())}))$`);
/** Whether there is one, e.g. `hasPassword`, libpq's name of a file, and parts of something else, e.g. `token.kind` in a parser. */
const ABOUT_IT = /^(?:has|is|sets|needs|uses)(?:_|[A-Z])|^token\.|^PGPASSFILE$/;
/** Lists of names, e.g. the `secrets:` of Docker Compose. */
const LIST = /(?:^|[_.-])(?:secrets|tokens)$/i;

export function isSecretName(word: string): boolean {
  const name = word.slice(-120).replace(/[.-]+$/, '');
  if (!SECRET.test(name) && !CAMEL_CASE.test(name)) return false;
  return !NO_SECRET.test(/[a-z]/.test(name) ? name : name.toLowerCase()) && !LIST.test(name) && !ABOUT_IT.test(name);
}

/** E.g. `${A}`, `${A:?message}`, `${A:-}`, `$(cat f)`, `${{ a }}`, `{{ a }}`, `{a.b}`, `#{a}`. */
const BRACED =
  /^(?:\$\$?\{\w+(?::?[?+][^}]*|:?-)?\}|\$\((?:[A-Z][A-Z0-9_]*|[\w./-]+ [^)]*)\)|\$?\{\{[^}]*\}\}|#?\{[\w.[\]'"]*\})+$/;
/** E.g. `$A`, `$$A`, `%A%`, `%s`, `%(a)s`, `<a>`, `****`. */
const BARE = /^(?:\$\w+|\$\$[A-Z][A-Z0-9_]*|%[A-Z][A-Z0-9_]*%|%s|%\(\w+\)s|<[^<>]*>|\*+)$/;
/** A place in a store of secrets, a tag of YAML: `!Ref`, `!secret`. */
const STORED =
  /^(?:arn:aws:[\w:/.+=@-]+|op:\/\/[\w/ -]+|!(?:Ref|Sub|GetAtt|ImportValue|secret|env|ENV|reference|vault)\b.*)$/;

/** A reference to a variable, a file or a placeholder: it shows nothing. */
export const isReference = (value: string): boolean =>
  value === '' || BRACED.test(value) || BARE.test(value) || STORED.test(value);

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

/** E.g. `POSTGRES_PASSWORD`: a literal that names the variable. */
export const isVariableName = (value: string): boolean => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(value);

const NOTHING = /^(?:true|false|null|none|nil|undefined|[|>][+-]?\d?|[{[(]+[\])}]*|\\)[\s),;:\]}]*$/i;
/** E.g. `Record<string, string> = {`, `Span | null;`, `(a: B): C =>`, `users.map(user => user.name)`. */
const EXPRESSION =
  /^(?:(?:Record|Map|Set|Array|Partial|Readonly|Promise|[Dd]ict|[Ll]ist)[<[]|\w{1,60}(?:\[\])?\s\|\s(?:null|undefined|None)\b|[^"'`]{1,200}\s=>(?:\s|$))/;
/** E.g. `digest(salt, text)`, `tokens[at]`, `isEmpty && a !== b`. */
const STATEMENT = /^!?[A-Za-z_$][\w$]{0,60}(?:\.\w{1,60}){0,9}(?:[([]|\s(?:&&|\|\||\?|[=!]==)\s)[^"'`]{0,200}$/;
export const TYPE =
  '(?:str|string|String|bytes|bool|boolean|Secret(?:Str)?|Any|any|unknown|Optional|Union|Annotated|Final)(?![\\w-])';
const DECLARED = new RegExp(`^${TYPE}(?:\\[[\\w., |]*\\]?)?\\s*(?:[|,;)=}].*)?$`);
const OBJECTS =
  'os|self|this|settings|config|process|env|app|args|options|opts|params|cfg|conf|secrets|vault|std|System';
const READERS = '(?:get|read|load|fetch|lookup|require|resolve|find|prompt|generate|random|env|input|config)\\w*';
/** E.g. `os.getenv(`, `self.password`, `process.env.A`, `get_secret(`, `await readFile(`. */
const CODE = new RegExp(`^(?:await\\s+|new\\s+)?(?:(?:${OBJECTS})(?:\\.|\\?\\.)\\w|(?:\\w+\\.){0,4}${READERS}[([])`);

/** An expression that reads a secret from elsewhere; only its beginning counts. */
export const isReading = (value: string): boolean => CODE.test(value);

/** Words for no value, code and types, e.g. `None`, `str | None = None`, `string;`; a constant has no type. */
export const isNoValue = (value: string, isTyped: boolean): boolean =>
  NOTHING.test(value) || EXPRESSION.test(value) || (isTyped && DECLARED.test(value));

/** An expression that fills a statement; no literal, as that would be in quotes. */
export const isStatement = (value: string): boolean => STATEMENT.test(value);

/** An argument or a property that passes a variable on, e.g. `password` in `connect(password=password)`. */
export const isVariable = (value: string): boolean =>
  value.length < 80 && /^[A-Za-z_]+(?:\.[A-Za-z_]+)*$/.test(value) && isSecretName(value);

/** Where `quote` (which may be an escaped one, `\"`) closes, from `from` on, or -1. */
export function closeQuote(line: string, from: number, limit: number, quote: string): number {
  for (let i = line.indexOf(quote, from); i !== -1 && i < limit; i = line.indexOf(quote, i + quote.length)) {
    let backslashes = 0;
    while (i - backslashes > from && line[i - backslashes - 1] === '\\') backslashes++;
    if (quote.length > 1 ? backslashes === 0 : backslashes % 2 === 0) return i;
  }
  return -1;
}

/** As a shell reads it: a backslash inside single quotes is itself, and adjacent quotes are one word. */
function joinedEnd(line: string, close: number, limit: number): number {
  let end = close;
  for (;;) {
    let next = end + 1;
    while (line[next] === '\\' && /["']/.test(line[next + 1] ?? '')) next += 2;
    const quote = line[next];
    if (next >= limit || (quote !== "'" && quote !== '"')) return next > end + 1 ? Math.min(next - 1, limit - 1) : end;
    const closing = quote === '"' ? closeQuote(line, next + 1, limit, quote) : line.indexOf(quote, next + 1);
    if (closing === -1 || closing >= limit) return end;
    end = closing;
  }
}

const OPENER = /(?:[rbuf]{1,2}|[LEN@$])?(\\?"|['`])/iy;

export interface Quoted {
  inner: Span;
  end: number;
  /** Its quote, where it never closes. */
  open: '"' | "'" | '`' | null;
}

/** The literal at `at`, its prefix included; one that never closes takes the rest. */
export function readQuoted(line: string, at: number, limit: number): Quoted | null {
  OPENER.lastIndex = at;
  const quote = OPENER.exec(line)?.[1];
  const start = OPENER.lastIndex;
  if (quote === undefined || start > limit) return null;
  const escaped = closeQuote(line, start, limit, quote);
  const raw = quote === "'" ? line.indexOf(quote, start) : -1;
  const closes = [escaped, raw].filter(close => close !== -1 && close < limit);
  if (closes.length === 0) {
    return { inner: { start, end: limit }, end: limit, open: quote.length > 1 ? null : (quote as Quoted['open']) };
  }
  const close = quote.length > 1 ? escaped : Math.max(...closes.map(close => joinedEnd(line, close, limit)));
  return { inner: { start, end: close }, end: close + quote.length, open: null };
}

/** The quoted parts of a line, outermost, quotes included. An apostrophe opens none. */
export function findQuotes(line: string): Span[] {
  const found: Span[] = [];
  /** Quotes that never close again. */
  const spent = new Set<string>();
  for (let i = 0; i < line.length; i++) {
    const quote = line[i] ?? '';
    if ((quote !== '"' && quote !== "'" && quote !== '`') || !opens(line, i)) continue;
    let close = spent.has(quote) ? -1 : closeQuote(line, i + 1, line.length, quote);
    if (close === -1) {
      spent.add(quote);
      close = quote === "'" ? line.indexOf(quote, i + 1) : -1;
    }
    if (close === -1) continue;
    if (quote === "'") while (line.startsWith("\\''", close + 1)) close = nextQuote(line, close);
    found.push({ start: i, end: close + 1 });
    i = close;
  }
  return found;
}

function nextQuote(line: string, close: number): number {
  const next = line.indexOf("'", close + 4);
  return next === -1 ? line.length - 1 : next;
}

function opens(line: string, at: number): boolean {
  const before = line[at - 1];
  if (before === undefined) return true;
  if (line[at] !== "'") return before !== '\\';
  return /[^\w)\]\\]/.test(before) || (/[rbuf]/i.test(before) && !/\w/.test(line[at - 2] ?? ''));
}
