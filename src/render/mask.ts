/**
 * Passwords out of any text that leaves the process: masked once, before every renderer, context lines too. It errs on
 * the side of masking: a word too many behind `****` costs a glance, a leaked password an incident.
 */

import type { Span } from '../model/index.ts';
import { closeQuote, isReference, isSecretName, readQuoted, visible } from './mask-syntax.ts';
import { findUrlPasswords } from './mask-urls.ts';
import { findNamedSecrets, type Open } from './mask-values.ts';

export const MASK = '****';

/** The text with every password replaced; lines stay as many as they were. */
export function maskSecrets(text: string): string {
  const lines = text.split('\n');
  const manifest = findSecretData(lines);
  let above: Above = START;
  return lines
    .map((whole, i) => {
      if (whole.trim() === '') return whole;
      const end = whole.endsWith('\r') ? '\r' : '';
      const line = end ? whole.slice(0, -1) : whole;
      const mask = (line: string) => maskBelow(line, above, lines, i, manifest[i] === true);
      let masked = mask(line);
      // A mask changes what stands around the next name; what is shown must not change when it is masked once more.
      for (let before = line, pass = 0; masked.text !== before && line.length < LONG && pass < 9; pass++) {
        before = masked.text;
        masked = mask(before);
      }
      above = masked.above;
      return masked.text + end;
    })
    .join('\n');
}

/** Nobody wrote such a line. */
const LONG = 10_000;

/** What the lines above leave to know. */
interface Above {
  /** The last one that is not empty, and what it left open. */
  line: string;
  open: Open;
  /** The indentation of a secret's name whose block this is: `password: |`, or `variable "password" {` with its default. */
  block: number | null;
  owner: number | null;
  inKey: boolean;
}

const START: Above = { line: '', open: null, block: null, owner: null, inKey: false };
const indentOf = (line: string): number => line.length - line.trimStart().length;
/** Far enough for a private key in quotes. */
const LONGEST_LITERAL = 100;

function maskBelow(
  line: string,
  above: Above,
  lines: string[],
  i: number,
  isManifest: boolean,
): { text: string; above: Above } {
  const indent = indentOf(line);
  const block = above.block !== null && indent > above.block ? above.block : null;
  const owner = above.owner !== null && indent > above.owner ? above.owner : null;
  const inKey = above.inKey && /^\s*(?:[A-Za-z0-9+/=]+|\*{4})\s*$/.test(line);
  const quote = above.open?.length === 1 ? above.open : null;
  const blank = line.slice(0, indent) + MASK;
  if (block !== null || inKey) return { text: blank, above: { ...START, line, block, owner, inKey } };
  if (quote !== null && lines.slice(i, i + LONGEST_LITERAL).some(below => below.includes(quote))) {
    const close = closeQuote(line, 0, line.length, quote);
    const rest = close === -1 ? '' : quote + maskLine(line.slice(close + 1), START, '').text;
    return { text: blank + rest, above: { ...START, line, open: close === -1 ? above.open : null } };
  }
  const masked = isManifest ? maskManifestLine(line) : maskLine(line, { ...above, owner }, lines[i + 1] ?? '');
  return {
    text: masked.text,
    above: {
      line,
      open: masked.open,
      block: isSecretName(BLOCK.exec(line)?.[1] ?? '') ? indent : null,
      owner: isSecretName(OWNER.exec(line)?.[1] ?? '') ? indent : owner,
      inKey: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*$/.test(line),
    },
  };
}

/** E.g. `password: |`, `- password: >-`. */
const BLOCK = /^\s*(?:-\s+)?["']?([\w.-]+)["']?\s*:\s*[|>][+-]?\d?[+-]?\s*(?:#.*)?$/;
/** E.g. `variable "db_password" {`, `"password": {`, `DBPassword:`; below it a `default` is the secret. */
const OWNER = /^\s*(?:\w+\s+)?["']?([\w.-]+)["']?\s*(?::\s*\{?|\{)\s*$/;

function maskLine(line: string, above: Above, below: string): { text: string; open: Open } {
  const carried = findCarried(line, above, below);
  const urls = findUrlPasswords(line);
  const named = findNamedSecrets(
    line,
    /\($/.test(above.line),
    urls.map(url => url.authority),
  );
  const spans = [...carried, ...urls.flatMap(url => url.password ?? []), ...named.secrets, ...findFields(line)];
  return { text: overwrite(line, spans), open: named.open };
}

/** E.g. `- name: DB_PASSWORD`, `"name": "DB_PASSWORD",`; the value is on the line below, or the one above. */
const NAMED = /^\s*(?:-\s+)?["']?(?:name|key)["']?\s*[:=]\s*["']?([\w.-]+)["']?,?\s*$/;
const VALUE = /^\s*(?:-\s+)?["']?value["']?\s*[:=]\s*/;
const DEFAULT = /^\s*["']?(?:default|value)["']?\s*[:=]\s*/i;

/** The secret of a name on another line. */
function findCarried(line: string, above: Above, below: string): Span[] {
  const isNamed = (other: string): boolean => isSecretName(NAMED.exec(other)?.[1] ?? '');
  const value = VALUE.exec(line)?.[0].length;
  if (value !== undefined && (isNamed(above.line) || (isNamed(below) && !/^\s*-/.test(below))))
    return literal(line, value, true);
  const fallback = above.owner === null ? undefined : DEFAULT.exec(line)?.[0].length;
  if (fallback !== undefined) return literal(line, fallback, true);
  if (above.open === null) return [];
  const isItem = /^\s*-\s/.test(line) && /^\s*-\s/.test(above.line);
  const isDeeper =
    /^\s*(?:-\s+)?["']?[\w.-]+["']?\s*:\s*$/.test(above.line) &&
    indentOf(line) > indentOf(above.line) &&
    !/^\s*(?:-\s|["']?[\w.-]+["']?\s*:)/.test(line);
  const start = /^\s*(?:-\s+)?(?:default\s*=\s*)?/.exec(line)?.[0].length ?? 0;
  if (line[start] === '-') return [];
  return literal(line, start, isDeeper || (isItem && above.open === 'argument'));
}

/** The literal at `at`; without quotes, the rest of the line where `unquoted`. */
function literal(line: string, at: number, unquoted: boolean): Span[] {
  const quoted = readQuoted(line, at, line.length);
  if (quoted) return visible(line, quoted.inner);
  const end = line.replace(/\s+#.*$|\s+$|,$/, '').length;
  return unquoted && end > at ? visible(line, { start: at, end }) : [];
}

/** A line of .pgpass, also behind `echo "`: `db:5432:app:app:it`. The first group stays. */
const PGPASS =
  /((?:^\s*(?:#\s*)?|[\s"'])(?:[\w.*[\]/-]|\\[:\\])+:(?:\d{4,5}|\*):(?:[^:\s"'\\]|\\[:\\])+:(?:[^:\s"'\\]|\\[:\\])+:)(?=[^\r\n])/g;
/** A line of PgBouncer's userlist.txt: `"app" "it"`. */
const USERLIST = /^(\s*"[^"]*"\s+")(?:[^"]|"")*"\s*$/;

function findFields(line: string): Span[] {
  const user = USERLIST.exec(line)?.[1];
  if (user !== undefined) return [{ start: user.length, end: line.lastIndexOf('"') }];
  const found: Span[] = [];
  for (const { index, 0: match } of line.matchAll(PGPASS)) {
    const start = index + match.length;
    const quote = match[0] === '"' || match[0] === "'" ? match[0] : '';
    const close = quote ? line.indexOf(quote, start) : -1;
    const atStart = line.slice(0, index).trim() === '' && !quote;
    const end = atStart
      ? line.trimEnd().length
      : close !== -1
        ? close
        : start + (/^\S+/.exec(line.slice(start))?.[0].length ?? 0);
    // `printf '*:*:*:*:%s\n'`
    if (!isReference(line.slice(start, end).replace(/\\n$/, ''))) found.push({ start, end });
    if (atStart) break;
  }
  return found;
}

/** Which lines stand under `data:` or `stringData:` of a Kubernetes Secret. */
function findSecretData(lines: string[]): boolean[] {
  const found = lines.map(() => false);
  const KIND = /^\s*["']?kind["']?\s*:\s*["']?Secret["']?,?\s*(?:#.*)?$/;
  for (let start = 0; start < lines.length; ) {
    let end = start + 1;
    while (end < lines.length && !lines[end]?.startsWith('---')) end++;
    let data: number | null = null;
    for (let i = start; i < end && lines.slice(start, end).some(line => KIND.test(line)); i++) {
      const line = lines[i] ?? '';
      if (line.trim() === '') continue;
      if (data !== null && indentOf(line) <= data) data = null;
      if (data !== null) found[i] = true;
      else if (/^\s*["']?(?:data|stringData)["']?\s*:\s*\{?\s*$/.test(line)) data = indentOf(line);
    }
    start = end;
  }
  return found;
}

/** Of the keys in a Secret, those that name hosts and users are read by people; so are URLs. */
const OPEN_KEY = /(?:^|[_.-])(?:host|hostname|port|user|username|database|db|dbname|db_name|sslmode)$/i;

function maskManifestLine(line: string): { text: string; open: Open } {
  const [lead = '', key = ''] = /^\s*["']?([\w./-]+)["']?\s*[:=]\s*/.exec(line) ?? [];
  const value = line.slice(lead.length);
  if (/^[|>][+-]?\d?[+-]?\s*$/.test(value) || /^\s*(?:#|[}\]],?\s*$)/.test(line)) return { text: line, open: null };
  const isOpen = key !== '' && !isSecretName(key) && (OPEN_KEY.test(key) || value.includes('://'));
  if (isOpen) return maskLine(line, START, '');
  const start = lead.length || indentOf(line);
  return { text: overwrite(line, literal(line, start, true)), open: null };
}

function overwrite(line: string, spans: Span[]): string {
  let out = '';
  let at = 0;
  for (const { start, end } of spans.sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (end <= start) continue;
    if (start >= at) out += line.slice(at, start) + MASK;
    at = Math.max(at, end);
  }
  return out + line.slice(at);
}

/** Control and bidirectional characters as `\u{…}`, so that a file's content can't drive the terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    char => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}
