/** Which files are worth an audit: literals for the first search, a regular expression for the second look. */
import type { HazardRule } from './hazard-rules.ts';

const SQL_LITERALS = [
  'set_config(',
  '_advisory_',
  'LISTEN ',
  'listen ',
  'SET ',
  'set search_path',
  'set role',
  'set session',
  'PREPARE ',
  'DEALLOCATE ',
  'EXECUTE ',
  'TEMP ',
  'TEMPORARY ',
  'temp table',
  'temporary table',
  'WITH HOLD',
  'with hold',
  'LOAD ',
  'currval(',
  'lastval(',
  'DISCARD ',
  'RESET ',
  'CREATE DATABASE',
  'DROP DATABASE',
  'CREATE SERVER',
  'dblink_connect',
];

const SQL_PATTERN = [
  'set_config\\s*\\(',
  '_advisory_(?:un)?lock',
  '(?:^|["\'`;(>$])\\s*(?:SET|RESET|LISTEN|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|LOAD|DISCARD)\\s+[\\w"\'{$%]',
  '\\bTEMP(?:ORARY)?\\s+(?:TABLE|VIEW|SEQUENCE)',
  '\\bINTO\\s+TEMP',
  'WITH\\s+HOLD',
  '\\b(?:curr|last)val\\s*\\(',
  '\\b(?:CREATE|DROP)\\s+DATABASE',
  'CREATE\\s+SERVER',
  'dblink_connect',
].join('|');

/** Words of calls, settings and imports that rules name, e.g. `*.add_listener` → `add_listener`. */
function wordsOf(rules: readonly HazardRule[]): string[] {
  const names = rules.flatMap(({ when, imports }) => [
    ...(when.call ?? []).map(name => `${name.slice(name.lastIndexOf('.') + 1)}(`),
    ...(when.setting ?? []),
    ...(when.import ?? []),
    ...(imports && !when.call && !when.setting ? imports : []),
  ]);
  // `client.on(` is everywhere: there the argument tells.
  const told = names.map(name => (name === 'on(' ? 'notification' : name.replace(/\*|^_ /g, '')));
  return [...new Set(told)].filter(word => word.length > 3 && word !== 'options' && word !== 'iterator(');
}

export const auditLiterals = (rules: readonly HazardRule[]): string[] => [
  ...SQL_LITERALS,
  ...wordsOf(rules),
  '.iterator()',
  '-c ',
];

export const auditFilter = (rules: readonly HazardRule[]): RegExp =>
  new RegExp(
    [
      SQL_PATTERN,
      ...wordsOf(rules).map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')),
      '\\.iterator\\(',
      'options["\']?\\s*[:=]\\s*[frb]*["\'][^"\']*-c',
    ].join('|'),
    'im',
  );

const CODE = /\.(?:py|[cm]?[jt]s|[jt]sx|sql|rb|go|java|kt|kts|scala|php|cs|exs?|rs)$/i;

export const isAudited = (path: string): boolean => CODE.test(path) && !/\.d\.ts$/.test(path);

/** Tests, migrations and scripts that a new server runs: they go direct, so what they do to a session stays theirs. */
export const goesDirect = (path: string): boolean =>
  /(?:^|\/)(?:tests?|__tests__|spec|e2e|examples?|migrations?|migrate|alembic|initdb(?:\.d)?|docker-entrypoint-initdb\.d)\//i.test(
    path,
  ) || /(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)(?:test_|conftest)/i.test(path);
