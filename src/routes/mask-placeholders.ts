/**
 * SQL in code has holes that no grammar knows: `%s`, `%d`, `%(name)s`, `:name`, `$name`, `?`, `{x}`, `${x}`. Each becomes an identifier of
 * the same length, which stands where a value, a name or a column can, so that offsets hold.
 */
import { readExpansion } from '../text/expansion.ts';

/** `questionMarks`: false where `?` is an operator of jsonb. */
export function maskPlaceholders(sql: string, questionMarks = true): string {
  let out = '';
  for (let at = 0; at < sql.length; ) {
    const end = skipLiteral(sql, at);
    if (end > at) {
      out += sql.slice(at, end);
      at = end;
      continue;
    }
    const length = sql[at] === '?' && !questionMarks ? 0 : placeholderLength(sql, at);
    out += length > 0 ? `h${'_'.repeat(length - 1)}` : sql[at];
    at += Math.max(length, 1);
  }
  const blank = (text: string) => text.replace(/[^\n]/g, ' ');
  // The rows of a dump, and commands of psql itself, such as `\c app`.
  return out
    .replace(
      /^(COPY\b[^;]{0,2000}\bFROM\s+stdin\b[^;]{0,200};)(\r?\n[\s\S]*?^\\\.[ \t]*\r?$)/gim,
      (_, copy, rows) => copy + blank(rows),
    )
    .replace(/^[ \t]*\\[^\n]*/gm, blank);
}

/** Pieces of a script, each with its semicolon; those in quotes, bodies and comments end none. */
export function splitStatements(sql: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let at = 0; at < sql.length; ) {
    const end = skipLiteral(sql, at);
    if (end > at) {
      at = end;
      continue;
    }
    at++;
    if (sql[at - 1] !== ';') continue;
    pieces.push(sql.slice(start, at));
    start = at;
  }
  return sql.slice(start).trim() === '' ? pieces : [...pieces, sql.slice(start)];
}

/** The end of a quoted string, a quoted name, a dollar-quoted body or a comment that starts here; else `at`. */
function skipLiteral(sql: string, at: number): number {
  const rest = sql.slice(at, at + 64);
  const find = (text: string, from: number) => {
    const found = sql.indexOf(text, from);
    return found === -1 ? sql.length : found + text.length;
  };
  if (rest.startsWith('--')) return Math.max(at, find('\n', at) - 1);
  if (rest.startsWith('/*')) return find('*/', at + 2);
  const tag = /^\$(?:[A-Za-z_]\w*)?\$/.exec(rest)?.[0];
  if (tag) return find(tag, at + tag.length);
  const quote = sql[at];
  if (quote !== "'" && quote !== '"') return at;
  let end = at + 1;
  while (end < sql.length && (sql[end] !== quote || sql[end + 1] === quote)) end += sql[end] === quote ? 2 : 1;
  return Math.min(end + 1, sql.length);
}

function placeholderLength(sql: string, at: number): number {
  const rest = sql.slice(at, at + 200);
  const plain = /^(?:%(?:\[\d+\])?[sdqvxufgtLI]\b|%\(\w+\)s|:'?[A-Za-z_]\w*'?|\$(?:\d+|[A-Za-z_]\w*)|\?\d*)/.exec(
    rest,
  )?.[0];
  if (plain) {
    // `a::int`, `arr[1:n]` and the operators of jsonb are no placeholders.
    if (plain[0] === ':' && (sql[at - 1] === ':' || /[\w\]]/.test(sql[at - 1] ?? ''))) return 0;
    if (plain[0] === '?' && /^\?[|&]/.test(rest)) return 0;
    return plain.length;
  }
  if (rest.startsWith('{') || rest.startsWith('${')) {
    const expansion = readExpansion(sql, at, sql.length);
    return expansion ? expansion.end - at : 0;
  }
  return /^#\{[^}]*\}/.exec(rest)?.[0].length ?? 0;
}
