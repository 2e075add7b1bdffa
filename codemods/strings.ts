/**
 * String literals of languages without a parser here (Go, Ruby, Java, C#, PHP, Elixir, Rust …). What the code does with one is seen
 * where it is the default of a read of the environment or goes straight to a driver; any other is reported for review.
 */

import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type Scope, scanValue } from '../src/scan/scan-value.ts';
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import type { Event } from './events.ts';
import { languageOf, type Token, tokenize } from './lexer.ts';
import { tokenEvents } from './token-events.ts';
import { readTokenValues, type TokenValue } from './token-values.ts';

const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;

export function extract(text: string, context: ExtractContext): Extraction {
  const language = languageOf(context.path);
  const tokens = language ? tokenize(text, language) : [];
  const values = language ? readTokenValues(text, tokens, language) : readLiterals(text);
  const events = language ? tokenEvents(text, tokens, language, values) : [];
  const sections = readSections(events, context.path);
  const callees = readCallees(events);
  const drivers = readDrivers(text, tokens);
  const blocks = new Map<number, Setting[]>();
  const reads = new Map<Setting, TokenValue>();
  const sites: RawSite[] = [];
  // What is put together from holes alone says nothing; its pieces are reported as they are written.
  const scan = (value: MappedText, scope: Scope) =>
    scanValue(value, scope, context).filter(
      ({ host, port }) => value.runs.length < 2 || (host?.value ?? port?.value ?? null) !== null,
    );
  values.forEach((one, i) => {
    const { at, value, isShared } = one;
    const before = values[i - 1];
    const between = before ? text.slice(before.end, at) : '\n';
    if (ASKS.test(between)) return;
    const isNext = /^\s*,\s*$/.test(between);
    const given = (ANOTHER.test(between) && !isNext) || one.name !== null ? '' : (before?.value.text ?? '');
    const key = one.name ?? given;
    const section = sectionOf(values, i, text, sections);
    // A number belongs to the call of the literal before it.
    const first = /^\d+$/.test(value.text) && before ? before.value.runs[0] : value.runs[0];
    const driver = drivers.get(one.name ?? '')?.find(use => use.at >= one.end);
    const callee = callees.get(first?.from ?? -1) ?? driver?.callee ?? '';
    const isRead = given !== '' && /^[A-Z][A-Z0-9_]*$/.test(key) && (READS.test(callee) || OTHERWISE.test(between));
    const facts = () => (isShared() ? ['shared-constant'] : []);
    // `get_env("DB_HOST", "db")`: the default of a read of the environment; `Host: "db"`: a setting.
    if (/^[A-Za-z][\w.]*$/.test(key) && (isHostKey(key) || isPortKey(key)) && !value.text.includes(':')) {
      const role = one.name === null ? 'fallback' : 'setting';
      const isKnown = one.name !== null || READS.test(callee) || OTHERWISE.test(between);
      const scope: Scope = { role, local: one.name, facts: isKnown ? facts() : ['not-parsed'], section };
      const setting = { key, value, scope };
      if (one.name === null) reads.set(setting, one);
      else blocks.set(one.block, [...(blocks.get(one.block) ?? []), setting]);
    } else if (isRead) sites.push(...scan(value, { role: 'fallback', key, call: callee || null, section }));
    else if (CONNECTS.test(callee))
      sites.push(...scan(value, { role: 'argument', call: callee, section, facts: facts() }));
    else if (one.name !== null && (CONNECTION.test(one.name) || isHostKey(one.name)))
      sites.push(...scan(value, { role: 'setting', key, local: key, section, facts: facts() }));
    else if (MENTIONS.test(value.text)) sites.push(...scan(value, { role: 'prose', facts: ['mention'], section }));
    else sites.push(...scan(value, { role: 'literal', facts: ['not-parsed'], section }));
  });
  sites.push(...scanSettings(blocks, reads, sites, context));
  return { sites, facts: noFacts() };
}

/**
 * Hosts and ports in pairs. `hostname: get_env("DB_HOST", "db"), port: 5432` belong together by their names; other reads of the
 * environment by those of the variables.
 */
function scanSettings(
  blocks: Map<number, Setting[]>,
  reads: ReadonlyMap<Setting, TokenValue>,
  found: readonly RawSite[],
  context: ExtractContext,
): RawSite[] {
  const alone: Setting[] = [];
  const keys = new Map<number, string>();
  for (const [setting, { block, callName }] of reads) {
    const beside = blocks.get(block);
    if (!beside || callName === null || !(isHostKey(callName) || isPortKey(callName))) alone.push(setting);
    else {
      keys.set(setting.value.runs[0]?.from ?? -1, setting.key);
      beside.push({ ...setting, key: callName });
    }
  }
  const sites = scanBlock(alone, 'file', context);
  // A constant that went into a connection string is no setting of its own.
  const taken = new Set([...found, ...sites].map(({ span }) => span.start));
  const paired = [...blocks].flatMap(([block, settings]) =>
    scanBlock(
      settings.filter(({ value }) => !taken.has(value.runs[0]?.from ?? -1)),
      `block@${block}`,
      context,
    ),
  );
  return [...sites, ...paired.map(site => ({ ...site, key: keys.get(site.span.start) ?? site.key }))];
}

/** Names of what holds a whole connection string. */
const CONNECTION =
  /(?:^|_|\b|[a-z](?=[A-Z]))(?:ur[li]|dsn|conn(?:ection)?_?(?:str(?:ing)?|ur[li])?|database_?ur[li]|jdbc_?url)$/i;

/** Of each variable the drivers' functions that get it, by their places. */
function readDrivers(text: string, tokens: readonly Token[]): Map<string, { at: number; callee: string }[]> {
  const drivers = new Map<string, { at: number; callee: string }[]>();
  // The last token before that is neither a name, a literal nor a comma.
  let open = 0;
  for (const { from, to, kind } of tokens) {
    const word = text.slice(from, to);
    if (kind === 'word' && text[open] === '(') {
      const callee = /[\w.:>-]+$/.exec(text.slice(Math.max(0, open - 80), open))?.[0] ?? '';
      const name = word.replace(/^\$/, '');
      if (CONNECTS.test(callee.replace(/->|::/g, '.')))
        drivers.set(name, [...(drivers.get(name) ?? []), { at: from, callee }]);
    }
    if (!/^[,&*]$|^"|^\w/.test(word)) open = from;
  }
  return drivers;
}

/** Functions that read a variable of the environment with a default. */
const READS =
  /(?:^|\.)(?:(?:get|lookup|read|must|\w+_or)?_?env\w*|ENV\.fetch|System\.get_env|os_getenv|getEnv\w*|GetEnvironmentVariable|getOrDefault|SetDefault|unwrap_or(?:_else)?|Env\.\w+)$/i;
/** What stands between such a read and its default: `ENV["X"] || "…"`, `GetEnvironmentVariable("X") ?? "…"`. */
const OTHERWISE = /^[\])\s]*(?:\|\||\?\?|\?:|\bor\b|\.unwrap_or(?:_else)?\(\s*(?:\|_?\|\s*)?)\s*$/;
/** A text for people: the connection string in it is an example. */
const MENTIONS = /\be\.g\.|\bfor example\b|`[a-z:+]*postgres/i;

/** What stands before the name of a setting: `config('database.host')` is no host. */
const ASKS = /\b(?:config(?:uration)?|settings?|options?|param(?:eter)?s?)(?:(?:\.|->|::)(?:get\w*|fetch|dig))?\(\s*$/i;
/** What stands between two literals that have nothing to do with one another: a line's end, or the next statement or call. */
const ANOTHER = /[\n;]|\)\s*,?\s*\w[\w.]*\(/;
/** Functions of drivers that get a connection string. */
const CONNECTS =
  /(?:^|\.)(?:(?:sql|sqlx|otelsql)\.(?:Open|Connect|MustConnect|MustOpen)|pgx(?:pool)?\.(?:Connect|New|ParseConfig)|postgres\.Open|pgdriver\.WithDSN|pg\.ParseURL|DriverManager\.getConnection|UseNpgsql|NpgsqlConnection|NpgsqlDataSource\.Create|NpgsqlDataSourceBuilder|PDO|PG\.connect|PG::Connection\.new|Sequel\.connect|PgPool(?:Options)?\.connect(?:_lazy)?|PgPoolOptions\.new\(\)\.connect|tokio_postgres\.connect|Client\.connect|PgConnection\.(?:connect|establish)|setJdbcUrl|setUrl|jdbcUrl)$/;

/** The function that gets each literal, by the start of its value. */
const readCallees = (events: readonly Event[]): Map<number, string> =>
  new Map(
    events.flatMap(event =>
      event.kind === 'sql' && event.callee ? [[event.value.runs[0]?.from ?? -1, event.callee] as const] : [],
    ),
  );

/** Literals of languages whose tokens are not known. */
const readLiterals = (text: string): TokenValue[] =>
  [...text.matchAll(LITERAL)].map(match => {
    const [start, end] = [match.index + 1, match.index + match[0].length - 1];
    const value = text[match.index] === '`' ? mapSlice(text, start, end) : mapEscaped(text, start, end);
    return {
      at: match.index,
      end: end + 1,
      value,
      name: null,
      callName: null,
      block: 0,
      pieces: [],
      isShared: () => false,
    };
  });

/** Names around the settings of PHP, Ruby and Elixir, by the place of the key: `mysql` of `'mysql' => ['host' => …]`. */
function readSections(events: readonly Event[], path: string): Map<number, readonly string[]> {
  if (!/\.(?:php|rb|exs?)$/i.test(path)) return new Map();
  return new Map(events.flatMap(event => (event.kind === 'setting' ? [[event.at, event.within] as const] : [])));
}

/** The section of the setting that a literal belongs to: that of the nearest key before it on its line. */
function sectionOf(
  literals: readonly TokenValue[],
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
