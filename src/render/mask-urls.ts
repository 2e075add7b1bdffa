/**
 * The passwords of URLs, generously: people leave quotes, brackets, slashes and @ in them unencoded. `findUrlDsns` reads
 * what is to be edited, so it must be exact and ends such a URL early; here, the last @ that a host follows decides.
 */

import type { Span } from '../model/index.ts';
import { findQuotes, isReference } from './mask-syntax.ts';

export interface UrlPassword {
  /** From after `://` to the end of the password, or of the URL where it has none. */
  authority: Span;
  password: Span | null;
}

/** Where the next URL of a list starts: `,http://`. */
const NEXT = /[\s,;|([="'`][a-z][\w+.-]*:\/\//gi;
/** The user's name, also as `${USER:-app}` or `{user}`. */
const USER = /(?:\$\{[^{}\s]{0,80}\}|\{\{[^{}]{0,80}\}\}|[^\s:/?#])*/y;
const PORT = /\d{1,5}(?=[/?#,]|$)/y;

export function findUrlPasswords(line: string): UrlPassword[] {
  const found: UrlPassword[] = [];
  let at = line.indexOf('://');
  if (at === -1) return found;
  const quotes = findQuotes(line);
  const indexOf = (pattern: RegExp, from: number): number => {
    pattern.lastIndex = from;
    return pattern.exec(line)?.index ?? line.length;
  };
  let quote = 0;
  let blank = -1;
  let next = -1;
  for (let from = 0; at !== -1; at = line.indexOf('://', from)) {
    // An apostrophe in the URL before opens no quotes.
    while (quote < quotes.length && ((quotes[quote]?.end ?? 0) <= at || (quotes[quote]?.start ?? 0) < from)) quote++;
    const around = quotes[quote] && (quotes[quote]?.start ?? 0) < at ? quotes[quote] : undefined;
    if (blank < at) blank = indexOf(/[\s"`]/g, at);
    if (next < at) next = indexOf(NEXT, at + 3);
    // A URL that opens its quotes takes all of them, blanks too.
    const fills = around && /^[\w+.:-]{1,60}$/.test(line.slice(around.start + 1, Math.min(at, around.start + 62)));
    const end = Math.min(next, fills ? line.length : blank, around ? around.end - 1 : line.length);
    for (const url of readUrls(line, at, end)) found.push(url);
    from = Math.max(end, at + 3);
  }
  return found;
}

/** The first URL with a password in line[at, end), and those before it. */
function readUrls(line: string, at: number, end: number): UrlPassword[] {
  const found: UrlPassword[] = [];
  const host = findHost(line.slice(at, end));
  const close = at + host.at;
  for (let start = at + 3; start > 2 && start <= end; start = line.indexOf('://', start) + 3) {
    USER.lastIndex = start;
    USER.test(line);
    const colon = USER.lastIndex;
    PORT.lastIndex = colon + 1;
    // `://db:5432/app?mail=a@b` has no password; `://app:5432/1@db:5432/app` has one.
    const isPort = !host.hasPort && PORT.test(line) && PORT.lastIndex < close;
    const hasPassword = line[colon] === ':' && colon < close && !isPort;
    const password = { start: colon + 1, end: close };
    const isSecret = hasPassword && !isReference(line.slice(password.start, password.end));
    found.push({
      authority: { start, end: hasPassword ? close : Math.min(colon, end) },
      password: isSecret ? password : null,
    });
    if (hasPassword) break;
  }
  return found;
}

/** The @ before the host: the last one, unless that is in a path or a query behind another one. */
function findHost(url: string): { at: number; hasPort: boolean } {
  const last = url.lastIndexOf('@');
  const earlier = last > 0 ? url.lastIndexOf('@', last - 1) : -1;
  const isInPath =
    earlier !== -1 && /^[\w.-]+(?::\d+)?[/?]/.test(url.slice(earlier + 1, last)) && !/[:/]/.test(url.slice(last));
  const at = isInPath ? earlier : last;
  return { at, hasPort: /^@(?:[^\s@]*[^\s@:/?#])?:\d{1,5}(?:[/?#,]|$)/.test(url.slice(at)) };
}
