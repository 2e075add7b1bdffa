/** The same files, byte for byte, under each shell. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { awkwardPasswords } from './awkward.ts';
import { ENTRYPOINT, prepare, runScript } from './pooler.ts';
import { type Environment, makeWorkDirectory, shells, type Version, versions } from './run.ts';
import { hasServers } from './servers.ts';

const RENDERED = ['pgbouncer.ini', 'userlist.txt', 'pgpass'];

/** The files and the output for each shell; the directory is the same, since it stands in the files. */
async function renderUnderEachShell(version: Version, env: Environment, files: string[]): Promise<string[]> {
  const directory = makeWorkDirectory();
  const results: string[] = [];
  for (const shell of shells) {
    const all = await prepare(
      { version, shell, directory, env: { PGBOUNCER_PORT: '6432', PGBOUNCER_DRY_RUN: '1', ...env } },
      5432,
    );
    const result = await runScript(ENTRYPOINT, { ...all, PGBOUNCER_CONF_DIR: '/nowhere' });
    expect(result.code, result.stderr).toBe(0);
    for (const file of files) expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o600);
    const content = files.map(file => readFileSync(join(directory, file), 'utf8'));
    results.push([...content, result.stdout, result.stderr].join('\n--\n'));
  }
  return results;
}

describe.skipIf(!hasServers).concurrent('rendering gives the same bytes under dash, busybox ash and bash', () => {
  test.each(versions)('PgBouncer %s: every awkward password, and an awkward user', async version => {
    // One file holds all of them; the first user's password comes from its own variable.
    const further = awkwardPasswords.map((password, i) => [
      [`PGBOUNCER_USER_${i + 2}`, `u"s:e\\r $x ${i}`],
      [`PGBOUNCER_PASSWORD_${i + 2}`, password],
    ]);
    const env = {
      ...Object.fromEntries(further.flat()),
      PGBOUNCER_CONNECT_QUERY: "SET x='a\\b'",
      PGBOUNCER_AUTH_QUERY: 'true',
    };
    const results = await renderUnderEachShell(version, env, RENDERED);
    expect(new Set(results).size).toBe(1);
    for (const [i, password] of awkwardPasswords.entries()) {
      expect(results[0]).toContain(`\n"u""s:e\\r $x ${i}" "${password.replaceAll('"', '""')}"\n`);
    }
  });

  test.each([
    ['several databases', { PGBOUNCER_DATABASES: 'app=a *=b:5433\n r=[::1]:5/x_y\tq=c/d' }, RENDERED],
    ['TLS', { PGBOUNCER_SERVER_TLS_SSLMODE: 'require' }, RENDERED],
    ['processes', { PGBOUNCER_PROCESSES: '2' }, ['1/pgbouncer.ini', '2/pgbouncer.ini', 'userlist.txt', 'pgpass']],
  ])('%s', async (_, env, files) => {
    expect(new Set(await renderUnderEachShell('1.26', env, files)).size).toBe(1);
  });

  test('what the database list becomes', async () => {
    const [text = ''] = await renderUnderEachShell(
      '1.26',
      { PGBOUNCER_DATABASES: 'app=a *=b:5433 r=[::1]:5/x_y', PGBOUNCER_UPSTREAM_HOST: '' },
      RENDERED,
    );
    expect(text).toContain(
      "[databases]\napp = host='a' port=5432\n* = host='b' port=5433\nr = host='::1' port=5 dbname='x_y'\n",
    );
  });
});
