/** Quotes of all languages at once: escapes, doubled quotes, and the shell's `'it'\''s'`. */
import type { Span } from './model.ts';

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

/** The literal at `at`, its prefix included; one that never closes takes the rest. */
export function readQuoted(line: string, at: number, limit: number): { inner: Span; end: number } | null {
  OPENER.lastIndex = at;
  const quote = OPENER.exec(line)?.[1];
  const start = OPENER.lastIndex;
  if (quote === undefined || start > limit) return null;
  const escaped = closeQuote(line, start, limit, quote);
  const raw = quote === "'" ? line.indexOf(quote, start) : -1;
  const closes = [escaped, raw].filter(close => close !== -1 && close < limit);
  if (closes.length === 0) return { inner: { start, end: limit }, end: limit };
  const close = quote.length > 1 ? escaped : Math.max(...closes.map(close => joinedEnd(line, close, limit)));
  return { inner: { start, end: close }, end: close + quote.length };
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
