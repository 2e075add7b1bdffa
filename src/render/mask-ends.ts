/**
 * Where a value without quotes ends. Nobody says which language the line is in, so what stands around the name decides;
 * where that leaves it open, the longer reading counts.
 */

export interface Surroundings {
  /** The last character before the name, blanks and its own quote aside; '' where it opens its line or its quotes. */
  before: string;
  /** Where its value ends at the latest: the end of the line or of the quotes around it. */
  limit: number;
  /** True inside quotes. */
  enclosed: boolean;
}

/** `?user=app&password=it&ssl=1`: quotes are part of the value. */
export function endOfParameter(line: string, at: number, limit: number): number {
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
  `\\s+(?:(?:${PROGRAMS})(?=\\s|$)|&&\\s|\\\\$|[A-Z]{2}[A-Z_]*=|(?:host|port|user|dbname|sslmode)\\s?=)`,
  'y',
);
/** The next setting of an Npgsql string. */
const SETTING = /;\s{0,9}(?:host|server|port|database|user(?:name| id)?|uid|ssl ?mode|pooling)\s{0,9}=/i;

export function endOfValue(line: string, at: number, operator: string, name: Surroundings): number {
  const { before, limit } = name;
  let end = limit;
  if (before === ';') end = indexOrLimit(line, ';', at, limit);
  else if (/[({[,]/.test(before)) end = endOfItem(line, at, limit, operator === ':' ? FLOW_ITEM : ITEM);
  WORD.lastIndex = 0;
  WORD.test(line.slice(at, end));
  const word = at + WORD.lastIndex;
  COMMAND.lastIndex = word;
  if ((before !== '' && end === limit) || (COMMAND.test(line) && COMMAND.lastIndex <= end)) return word;
  if (before !== '') return trimmed(line, at, end);
  const text = line.slice(at, limit);
  // A string of JSON goes on after a line break.
  const comment = name.enclosed ? (line[limit] === '"' ? text.search(/(?<!\\)\\n/) : -1) : text.search(/\s#/);
  const ends = [comment, text.search(SETTING), text.length].filter(i => i !== -1);
  end = trimmed(line, at, at + Math.min(...ends));
  // Code ends a line with a comma or a semicolon; in an env file they are part of the value.
  const isCode = operator !== '=' || /\s/.test(line[at - 1] ?? '');
  return isCode && end === limit && /[\w)}\]][,;]/.test(line.slice(end - 2, end)) ? end - 1 : end;
}

/** One without an end nearby is no item: `limit`. */
function endOfItem(line: string, at: number, limit: number, item: RegExp): number {
  const text = line.slice(at, Math.min(limit, at + 300));
  item.lastIndex = 0;
  item.test(text);
  return item.lastIndex < text.length ? at + item.lastIndex : limit;
}

function indexOrLimit(line: string, char: string, at: number, limit: number): number {
  const index = line.indexOf(char, at);
  return index === -1 || index > limit ? limit : index;
}

function trimmed(line: string, start: number, end: number): number {
  while (end > start && /\s/.test(line[end - 1] ?? '')) end--;
  return end;
}
