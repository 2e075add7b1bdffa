/**
 * Tokenizers for connection strings that give the place of every component and decode nothing.
 * Sources: libpq "Connection Strings" (postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING), RFC 3986,
 * the JDBC driver's URL (jdbc.postgresql.org/documentation/use), Npgsql's and PDO's keyword forms.
 */

import type { Span } from '../model/index.ts';
import { readExpansion } from '../text/expansion.ts';

export interface UrlDsn {
  /** As written, without `://`; `jdbc:` and dialects included. */
  scheme: string;
  engine: 'postgres' | 'other';
  span: Span;
  user: Span | null;
  password: Span | null;
  hosts: { host: Span; port: Span | null }[];
  /** Database name, without the slash. */
  path: Span | null;
  query: Span | null;
  /** True where an unencoded password lets the string be read in two ways. */
  ambiguous: boolean;
}

const SCHEME = /(?:jdbc:)?[a-z][a-z0-9]*(?:[+.-][a-z0-9_]+)*:\/\//giy;
const POSTGRES =
  /^(?:jdbc:)?(?:[a-z0-9]+\+)?(?:postgres|postgresql|postgis|pgsql|psql|ecto|timescale|timescaledb|timescalegis)(?:\+[a-z0-9_]+)?$/i;

/** All URLs of text[from, to). A URL that starts at `from` or after a quote ends where its container ends. */
export function findUrlDsns(text: string, from = 0, to = text.length): UrlDsn[] {
  const found: UrlDsn[] = [];
  for (let at = text.indexOf('://', from); at !== -1 && at < to; at = text.indexOf('://', at + 3)) {
    const start = schemeStart(text, at, from);
    if (start === null) continue;
    const dsn = readUrl(text, start, at + 3, from, to);
    if (!dsn) continue;
    found.push(dsn);
    at = Math.max(at, dsn.span.end - 3);
  }
  return found;
}

/** Where the scheme before the `://` at `at` starts. */
function schemeStart(text: string, at: number, from: number): number | null {
  let start = at;
  while (start > from && /[A-Za-z0-9+._-]/.test(text[start - 1] ?? '')) start--;
  // `${URL-postgres://…`: the name and the operator of an expansion are no part of the scheme.
  const dash = text.lastIndexOf('-', at);
  if (dash > start && /\$\{$/.test(text.slice(Math.max(from, start - 2), start))) start = dash + 1;
  while (start < at && !/[A-Za-z]/.test(text[start] ?? '')) start++;
  if (text.slice(Math.max(from, start - 5), start).toLowerCase() === 'jdbc:') start -= 5;
  SCHEME.lastIndex = start;
  return start < at && SCHEME.test(text) && SCHEME.lastIndex === at + 3 ? start : null;
}

/** No connection string is longer; without a bound, a text full of `://` would take quadratic time. */
const LONGEST = 4096;

function readUrl(text: string, start: number, authority: number, from: number, limit: number): UrlDsn | null {
  const to = Math.min(limit, start + LONGEST);
  const scheme = text.slice(start, authority - 3);
  const end = urlEnd(text, start, authority, from, to);
  const cut = findCut(text, authority, end);
  const parts = splitAuthority(text, authority, cut.at);
  if (!parts) return null;
  const pathEnd = firstOf(text, cut.at, end, '?#');
  return {
    scheme,
    engine: POSTGRES.test(scheme) ? 'postgres' : 'other',
    span: { start, end },
    ...parts,
    path: text[cut.at] === '/' && pathEnd > cut.at + 1 ? { start: cut.at + 1, end: pathEnd } : null,
    query: text[pathEnd] === '?' ? { start: pathEnd + 1, end: firstOf(text, pathEnd, end, '#') } : null,
    ambiguous: cut.ambiguous,
  };
}

const FREE_END = /[\s"'`|;\\]/;

/** A URL in quotes ends at the quote, one that fills its value at the value's end, one in free text at punctuation. */
function urlEnd(text: string, start: number, authority: number, from: number, to: number): number {
  const before = start > 0 ? (text[start - 1] ?? '') : '';
  const quote = /["'`]/.test(before) ? before : null;
  const whole = start === from && !/\s/.test(text.slice(start, to));
  if (whole) return to;
  let depth = 0;
  let i = authority;
  for (; i < to; ) {
    const expansion = readExpansion(text, i, to);
    if (expansion) {
      i = expansion.end;
      continue;
    }
    const char = text[i] ?? '';
    if (char === '\n' || char === '\r' || (quote ? char === quote : FREE_END.test(char))) break;
    // A quote inside quotes: `"{\"url\": \"postgres://…\"}"`.
    if (quote && char === '\\' && text[i + 1] === quote && text[start - 2] === '\\') break;
    if (!quote && (char === '<' || char === '>' || char === '}')) break;
    if (!quote && (char === '(' || char === '[')) depth++;
    if (!quote && (char === ')' || char === ']') && depth-- <= 0) break;
    i++;
  }
  while (!quote && i > authority && /[.,:!*]/.test(text[i - 1] ?? '')) i--;
  return i;
}

/** The first of `chars` outside expansions, or `end`. */
function firstOf(text: string, start: number, end: number, chars: string): number {
  for (let i = start; i < end; ) {
    const expansion = readExpansion(text, i, end);
    if (!expansion && chars.includes(text[i] ?? '')) return i;
    i = expansion ? expansion.end : i + 1;
  }
  return end;
}

function lastAt(text: string, start: number, end: number): number {
  let found = -1;
  for (let i = start; i < end; ) {
    const expansion = readExpansion(text, i, end);
    if (!expansion && text[i] === '@') found = i;
    i = expansion ? expansion.end : i + 1;
  }
  return found;
}

/**
 * Where the authority ends. Usually the first `/`, `?` or `#`; but people leave these unencoded in passwords
 * (`app:p/ss@db:5432/app`), so when what stands before it is no host and port, the last `@` decides.
 */
function findCut(text: string, start: number, end: number): { at: number; ambiguous: boolean } {
  const first = firstOf(text, start, end, '/?#');
  if (first === end || lastAt(text, start, first) !== -1) {
    const at = lastAt(text, first, firstOf(text, first, end, '?'));
    const looksLikeHost = at !== -1 && /^[\w.-]+:\d+(?:[/?]|$)/.test(text.slice(at + 1, end));
    return { at: first, ambiguous: looksLikeHost };
  }
  const at = lastAt(text, first, end);
  if (at === -1) return { at: first, ambiguous: false };
  const head = text.slice(start, first);
  const tail = HOSTS.exec(text.slice(at + 1, end))?.[0];
  if (tail === undefined) return { at: first, ambiguous: false };
  if (/^[^:]*(?::\d*)?$/.test(head)) return { at: first, ambiguous: /:\d+$/.test(tail) };
  return { at: at + 1 + tail.length, ambiguous: false };
}

/** One or several hosts with ports, up to the path: names, IPv6, expansions and placeholders. */
const HOSTS =
  /^(?:\[[\da-f:.%]+\]|[\w.${}<>%-]+)(?::[\w${}<>%:-]+)?(?:,(?:\[[\da-f:.%]+\]|[\w.${}<>%-]+)(?::[\w${}<>%:-]+)?)*(?=[/?#]|$)/i;

function splitAuthority(text: string, start: number, end: number): Pick<UrlDsn, 'user' | 'password' | 'hosts'> | null {
  const at = lastAt(text, start, end);
  const hosts: UrlDsn['hosts'] = [];
  const hostStart = at === -1 ? start : at + 1;
  for (let i = hostStart; ; ) {
    const comma = firstOf(text, i, end, ',');
    const pair = splitHostPort(text, i, comma);
    if (!pair) return null;
    hosts.push(pair);
    if (comma === end) break;
    i = comma + 1;
  }
  if (at === -1) return { user: null, password: null, hosts };
  const colon = firstOf(text, start, at, ':');
  return {
    user: { start, end: colon },
    password: colon < at ? { start: colon + 1, end: at } : null,
    hosts,
  };
}

/** Splits `host[:port]`. IPv6 stands in brackets, which belong to the host's span. */
export function splitHostPort(text: string, start: number, end: number): { host: Span; port: Span | null } | null {
  let colon: number;
  if (text[start] === '[') {
    const close = text.indexOf(']', start);
    if (close === -1 || close >= end) return null;
    if (close + 1 < end && text[close + 1] !== ':') return null;
    colon = close + 1;
  } else {
    colon = firstOf(text, start, end, ':');
    if (colon < end && firstOf(text, colon + 1, end, ':') < end) return null;
  }
  return {
    host: { start, end: Math.min(colon, end) },
    port: colon + 1 < end ? { start: colon + 1, end } : null,
  };
}

export interface Keyword {
  name: string;
  nameSpan: Span;
  /** Inside the quotes, where there are any. */
  value: Span;
  /** True where the value holds a backslash escape, so that the text is not the value. */
  escaped: boolean;
}

const KNOWN = new Set(
  (
    'host hostaddr server port dbname database db user username userid uid password pwd passfile sslmode sslcert sslkey ' +
    'sslrootcert connect_timeout application_name options service target_session_attrs replication keepalives timeout ' +
    'pooling charset search_path client_encoding channel_binding gssencmode require_auth fallback_application_name ' +
    'keepalives_idle keepalives_interval keepalives_count tcp_user_timeout requiressl sslnegotiation sslcompression ' +
    'sslpassword sslcertmode sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version ' +
    'krbsrvname gsslib gssdelegation load_balance_hosts ' +
    // lib/pq and pgx of Go, with settings of the server that they pass on
    'binary_parameters timezone statement_timeout lock_timeout default_query_exec_mode statement_cache_capacity ' +
    'description_cache_capacity pool_max_conns pool_min_conns pool_max_conn_lifetime pool_max_conn_idle_time'
  ).split(' '),
);
const isKnown = (name: string): boolean => KNOWN.has(name.toLowerCase().replace(/\s/g, ''));

/**
 * Reads `host=db port=5432 dbname=app` (libpq) or `Host=db;Port=5432;Database=app` (Npgsql, PDO after `pgsql:`).
 * The whole text must be settings; null otherwise, or when it names no host and nothing of a database.
 */
export function readKeywordDsn(text: string, from = 0, to = text.length): Keyword[] | null {
  const prefix = /^\s*(?:pgsql:)?/i.exec(text.slice(from, to))?.[0].length ?? 0;
  const semicolons = isSemicolonSeparated(text.slice(from + prefix, to));
  const found: Keyword[] = [];
  for (let i = from + prefix; i < to; ) {
    const pair = readKeyword(text, i, to, semicolons);
    if (!pair) return null;
    found.push(pair.keyword);
    i = pair.next;
  }
  const names = new Set(found.map(keyword => keyword.name));
  const hasHost = names.has('host') || names.has('server') || names.has('hostaddr');
  const hasMore = ['dbname', 'database', 'db', 'user', 'username', 'userid', 'uid', 'port'].some(name =>
    names.has(name),
  );
  return hasHost && hasMore ? found : null;
}

/** The first value ends with a semicolon; a semicolon later on may belong to a password. */
const isSemicolonSeparated = (text: string): boolean => /^[A-Za-z][A-Za-z _]*?\s*=\s*[^;'"\s]*\s*;/.test(text);

function readKeyword(
  text: string,
  at: number,
  to: number,
  semicolons: boolean,
): { keyword: Keyword; next: number } | null {
  const equals = text.indexOf('=', at);
  if (equals === -1 || equals >= to) return null;
  const rawName = text.slice(at, equals);
  const name = rawName.trim();
  if (semicolons ? !/^[A-Za-z][A-Za-z _]*$/.test(name) : !/^[A-Za-z_]+$/.test(name) || !isKnown(name)) return null;
  const nameStart = at + rawName.indexOf(name);
  let start = equals + 1;
  while (start < to && /\s/.test(text[start] ?? '')) start++;
  const quote = text[start] === "'" || (semicolons && text[start] === '"') ? text[start] : null;
  let end = quote ? start + 1 : start;
  let escaped = false;
  for (; end < to; ) {
    const expansion = readExpansion(text, end, to);
    if (expansion) {
      end = expansion.end;
      continue;
    }
    const char = text[end] ?? '';
    if (char === '\\' && !semicolons) {
      escaped = true;
      end += 2;
      continue;
    }
    if (quote && semicolons && char === quote && text[end + 1] === quote) {
      escaped = true;
      end += 2;
      continue;
    }
    if (quote ? char === quote : semicolons ? char === ';' : /\s/.test(char)) break;
    end++;
  }
  if (quote && text[end] !== quote) return null;
  let valueEnd = end;
  if (!quote && semicolons) while (valueEnd > start && /\s/.test(text[valueEnd - 1] ?? '')) valueEnd--;
  const keyword: Keyword = {
    name: name.toLowerCase().replace(/\s/g, ''),
    nameSpan: { start: nameStart, end: nameStart + name.length },
    value: quote ? { start: start + 1, end } : { start, end: valueEnd },
    escaped,
  };
  let next = quote ? end + 1 : end;
  while (next < to && (/\s/.test(text[next] ?? '') || (semicolons && text[next] === ';'))) next++;
  return next === at ? null : { keyword, next };
}
