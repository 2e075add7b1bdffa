/**
 * The passwords of URLs, generously: people leave quotes, brackets, slashes and @ in them unencoded. `findUrlDsns` reads
 * what is to be edited, so it must be exact and ends such a URL early; here, the last @ that a host follows decides.
 */
import { isReference } from './mask-names.ts';
import { findQuotes } from './mask-quotes.ts';
import type { Span } from './model.ts';

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
  let quote = 0;
  for (let from = 0; at !== -1; ) {
    // An apostrophe in the URL before opens no quotes.
    while (quote < quotes.length && ((quotes[quote]?.end ?? 0) <= at || (quotes[quote]?.start ?? 0) < from)) quote++;
    const end = urlEnd(line, at, quotes[quote]);
    found.push(...readUrls(line, at, end));
    from = Math.max(end, at + 3);
    at = line.indexOf('://', from);
  }
  return found;
}

/** A URL that opens its quotes takes all of them, blanks too; any other ends at a blank or where the next one starts. */
function urlEnd(line: string, at: number, quote: Span | undefined): number {
  const around = quote && quote.start < at ? quote : null;
  const fills =
    around !== null &&
    /^[\w+.:-]*$/.test(line.slice(around.start + 1, Math.min(at, around.start + 60))) &&
    at < around.start + 60;
  const limit = around ? around.end - 1 : line.length;
  const STOP = fills ? /["`]/g : /[\s"`]/g;
  STOP.lastIndex = at;
  const stop = fills ? limit : Math.min(limit, STOP.exec(line)?.index ?? limit);
  NEXT.lastIndex = at + 3;
  const next = NEXT.exec(line)?.index ?? limit;
  return Math.min(stop, next);
}

/** The first URL with a password in line[at, end), which has no blank or fills its quotes. */
function readUrls(line: string, at: number, end: number): UrlPassword[] {
  const last = line.lastIndexOf('@', end - 1);
  const found: UrlPassword[] = [];
  for (let slashes = at; slashes !== -1 && slashes < end; slashes = line.indexOf('://', slashes + 3)) {
    const start = slashes + 3;
    USER.lastIndex = start;
    USER.test(line);
    const colon = USER.lastIndex;
    if (line[colon] !== ':' || colon >= end) {
      found.push({ authority: { start, end: Math.min(colon, end) }, password: null });
      continue;
    }
    const close = hostAt(line, colon + 1, last, end);
    const span = { start: colon + 1, end: close };
    if (close <= colon || isPort(line, colon + 1, close, end)) continue;
    found.push({
      authority: { start, end: close },
      password: isReference(line.slice(span.start, span.end)) ? null : span,
    });
    break;
  }
  return found;
}

/** The @ before the host: the last one, unless that is in a path or a query behind another one. */
function hostAt(line: string, start: number, last: number, end: number): number {
  if (last < start || last >= end) return -1;
  const earlier = line.lastIndexOf('@', last - 1);
  if (earlier < start) return last;
  const between = line.slice(earlier + 1, last);
  const tail = line.slice(last + 1, end);
  return /^[\w.-]+(?::\d+)?[/?]/.test(between) && !/[:/]/.test(tail) ? earlier : last;
}

/** `://db:5432/app?mail=a@b` has no password; `://app:5432/1@db:5432/app` has one. */
function isPort(line: string, at: number, close: number, end: number): boolean {
  PORT.lastIndex = at;
  return PORT.test(line) && PORT.lastIndex < close && !/:\d/.test(line.slice(close, end));
}
