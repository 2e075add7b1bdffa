/**
 * String literals of languages without a parser here (Go, Ruby, Java, C#, PHP, Elixir, Rust …). What the code does with one is seen
 * where it is the default of a read of the environment or goes straight to a driver; any other is reported for review.
 */

import { type Extraction, noFacts } from '../src/model/index.ts';
import { isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { scanValue } from '../src/scan/scan-value.ts';
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { languageOf, tokenize } from './lexer.ts';
import { readTokenEvents } from './token-events.ts';

const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;

export function extract(text: string, context: ExtractContext): Extraction {
  const literals = readLiterals(text, context.path);
  const sections = readSections(text, context.path);
  const callees = readCallees(text, context.path);
  const settings: Setting[] = [];
  const sites = literals.flatMap(({ at, value }, i) => {
    const before = literals[i - 1];
    const between = before ? text.slice(before.end, at) : '\n';
    const key = between.includes('\n') ? '' : (before?.value.text ?? '');
    const section = sectionOf(literals, i, text, sections);
    const callee = callees.get(value.runs[0]?.from ?? -1) ?? '';
    const isRead = /^[A-Z][A-Z0-9_]*$/.test(key) && (READS.test(callee) || OTHERWISE.test(between));
    // `get_env("DB_HOST", "db")`: the default of a read of the environment.
    if (/^[A-Za-z][\w.]*$/.test(key) && (isHostKey(key) || isPortKey(key))) {
      settings.push({ key, value, scope: { role: 'fallback', facts: isRead ? [] : ['not-parsed'], section } });
      return [];
    }
    if (isRead) return scanValue(value, { role: 'fallback', key, call: callee || null, section }, context);
    if (CONNECTS.test(callee)) return scanValue(value, { role: 'argument', call: callee, section }, context);
    return scanValue(value, { role: 'literal', facts: ['not-parsed'], section }, context);
  });
  return { sites: [...sites, ...scanBlock(settings, 'file', context)], facts: noFacts() };
}

/** Functions that read a variable of the environment with a default. */
const READS =
  /(?:^|\.)(?:(?:get|lookup|read|must)?_?env\w*|ENV\.fetch|System\.get_env|os_getenv|getEnv\w*|GetEnvironmentVariable|getOrDefault|SetDefault|unwrap_or(?:_else)?)$/i;
/** What stands between such a read and its default: `ENV["X"] || "…"`, `GetEnvironmentVariable("X") ?? "…"`. */
const OTHERWISE = /^[\])\s]*(?:\|\||\?\?|\?:|\bor\b|\.unwrap_or(?:_else)?\(\s*(?:\|_?\|\s*)?)\s*$/;
/** Functions of drivers that get a connection string. */
const CONNECTS =
  /(?:^|\.)(?:(?:sql|sqlx|otelsql)\.(?:Open|Connect|MustConnect|MustOpen)|pgx(?:pool)?\.(?:Connect|New|ParseConfig)|postgres\.Open|pgdriver\.WithDSN|pg\.ParseURL|DriverManager\.getConnection|UseNpgsql|NpgsqlConnection|NpgsqlDataSource\.Create|NpgsqlDataSourceBuilder|PDO|PG\.connect|PG::Connection\.new|Sequel\.connect|PgPool(?:Options)?\.connect(?:_lazy)?|PgPoolOptions\.new\(\)\.connect|tokio_postgres\.connect|Client\.connect|PgConnection\.(?:connect|establish)|setJdbcUrl|setUrl|jdbcUrl)$/;

/** The function that gets each literal, by the start of its value. */
function readCallees(text: string, path: string): Map<number, string> {
  return new Map(
    readTokenEvents(text, path).flatMap(event =>
      event.kind === 'sql' && event.callee ? [[event.value.runs[0]?.from ?? -1, event.callee] as const] : [],
    ),
  );
}

interface Literal {
  at: number;
  end: number;
  value: MappedText;
}

function readLiterals(text: string, path: string): Literal[] {
  const language = languageOf(path);
  if (language)
    return tokenize(text, language).flatMap(({ from, to, value }) => (value ? [{ at: from, end: to, value }] : []));
  return [...text.matchAll(LITERAL)].map(match => {
    const [start, end] = [match.index + 1, match.index + match[0].length - 1];
    const value = text[match.index] === '`' ? mapSlice(text, start, end) : mapEscaped(text, start, end);
    return { at: match.index, end: end + 1, value };
  });
}

/** Names around the settings of PHP, Ruby and Elixir, by the place of the key: `mysql` of `'mysql' => ['host' => …]`. */
function readSections(text: string, path: string): Map<number, readonly string[]> {
  if (!/\.(?:php|rb|exs?)$/i.test(path)) return new Map();
  return new Map(
    readTokenEvents(text, path).flatMap(event => (event.kind === 'setting' ? [[event.at, event.within] as const] : [])),
  );
}

/** The section of the setting that a literal belongs to: that of the nearest key before it on its line. */
function sectionOf(
  literals: readonly Literal[],
  i: number,
  text: string,
  sections: ReadonlyMap<number, readonly string[]>,
): readonly string[] {
  for (let at = i; at >= 0; at--) {
    const section = sections.get(literals[at]?.at ?? -1);
    if (section) return section;
    if (text.slice(literals[at - 1]?.end, literals[at]?.at).includes('\n')) break;
  }
  return [];
}
