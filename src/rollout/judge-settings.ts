/** What PgBouncer's console shows against what the configuration asks for. Pure. */
import { listKnownHoles, securityFloor } from '../../pgbouncer/versions.ts';
import { failed, passed, skipped, type Verdict, warning } from './check.ts';
import type { Row } from './session.ts';

export interface Expected {
  key: string;
  value: string;
  /** Where it is asked for. E.g.: `PGBOUNCER_POOL_MODE` */
  from: string;
}

/** Settings of PgBouncer by the variables of the generated image. Source: pgbouncer.org/config.html */
const VARIABLES: [variable: string, key: string][] = [
  ['PGBOUNCER_POOL_MODE', 'pool_mode'],
  ['PGBOUNCER_DEFAULT_POOL_SIZE', 'default_pool_size'],
  ['PGBOUNCER_RESERVE_POOL_SIZE', 'reserve_pool_size'],
  ['PGBOUNCER_MAX_CLIENT_CONN', 'max_client_conn'],
  ['PGBOUNCER_MAX_PREPARED_STATEMENTS', 'max_prepared_statements'],
  ['PGBOUNCER_AUTH_TYPE', 'auth_type'],
];

export function listExpected(environment: Readonly<Record<string, string>>): Expected[] {
  const isGenerated = Boolean(environment.PGBOUNCER_UPSTREAM_HOST || environment.PGBOUNCER_DATABASES);
  return VARIABLES.flatMap(([variable, key]) => {
    const value = environment[variable];
    if (value) return [{ key, value, from: variable }];
    return key === 'auth_type' && isGenerated ? [{ key, value: 'scram-sha-256', from: 'the generated image' }] : [];
  });
}

/** Settings of custom.ini up to its first section line, which come after those of the variables and win. */
export function readSettings(text: string, file: string): Expected[] {
  const own = text.replace(/^\s*\[[\s\S]*/m, '');
  return [...own.matchAll(/^[ \t]*([a-z_]+)[ \t]*=[ \t]*(.*?)[ \t]*\r?$/gm)].flatMap(([, key = '', value = '']) =>
    VARIABLES.some(([, known]) => known === key) ? [{ key, value, from: file }] : [],
  );
}

/** One for each key: the last one wins. */
export const mergeExpected = (...lists: readonly Expected[][]): Expected[] => [
  ...new Map(lists.flat().map(one => [one.key, one])).values(),
];

/**
 * The settings that hold for this user and database, by key: a pool's own mode and size go before the defaults.
 * @param rows Answers of SHOW CONFIG, SHOW POOLS and SHOW DATABASES.
 */
export function readActual(
  rows: { config: Row[]; pools: Row[]; databases: Row[] },
  user: string,
  database: string,
): Map<string, string> {
  const actual = new Map(rows.config.map(row => [String(row.key), String(row.value ?? '')]));
  const pool = rows.pools.find(row => row.database === database && row.user === user);
  const entry = rows.databases.find(row => row.name === database);
  const put = (key: string, value: Row[string] | undefined) => {
    if (value !== undefined && value !== null && value !== '') actual.set(key, String(value));
  };
  put('pool_mode', pool?.pool_mode);
  put('default_pool_size', entry?.pool_size);
  put('reserve_pool_size', entry?.reserve_pool_size ?? entry?.reserve_pool); // its name before 1.24
  return actual;
}

export function judgeSettings(expected: readonly Expected[], actual: ReadonlyMap<string, string>): Verdict {
  const wrong = expected.filter(({ key, value }) => actual.has(key) && actual.get(key) !== value);
  if (wrong.length > 0) {
    const list = wrong.map(({ key, value, from }) => `${key} is ${actual.get(key)}, not ${value} (${from})`);
    return failed(
      list.join('; '),
      'Settings are read when it starts: docker compose up -d --force-recreate pgbouncer. custom.ini goes before the variables.',
    );
  }
  const shown = expected.filter(({ key }) => actual.has(key)).map(({ key, value }) => `${key} ${value}`);
  const auth = actual.get('auth_type');
  if (auth === 'trust' || auth === 'any')
    return warning(`auth_type is ${auth}: nobody is asked for a password`, 'Use auth_type scram-sha-256.');
  const absent = expected.filter(({ key, value }) => !actual.has(key) && value !== '0').map(({ key }) => key);
  if (absent.length > 0) {
    return warning(
      `This version has no ${absent.join(', ')}; ${shown.join(', ')}`,
      'Without max_prepared_statements (PgBouncer 1.21) turn off prepared statements in every driver: clients may read each other’s results.',
    );
  }
  return shown.length > 0 ? passed(shown.join(', ')) : skipped('Nothing is configured to compare with');
}

/** @param version Answer of SHOW VERSION. E.g.: `PgBouncer 1.24.1` */
export function judgeVersion(version: string): Verdict {
  const holes = listKnownHoles(version);
  const [worst] = holes;
  if (!worst) return passed(version);
  const others = holes.length - 1;
  return warning(
    `${version} lacks the fix of ${worst.id}: ${worst.summary}${others > 0 ? ` And ${others} more.` : ''}`,
    `Keep its port off public networks, and rebuild the image when its base has ${securityFloor} (a distribution may have mended it without a new version).`,
  );
}
