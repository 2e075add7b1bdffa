/** The same files, byte for byte, under each shell. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { awkwardPasswords } from './awkward.ts';
import { prepare, render } from './pooler.ts';
import { type Environment, makeWorkDirectory, shells, type Version, versions } from './run.ts';
import { hasServers } from './servers.ts';

const RENDERED = ['pgbouncer.ini', 'userlist.txt', 'pgpass', 'pg_service.conf'];

/** The files and the output for each shell; the directory is the same, since it stands in the files. */
async function renderUnderEachShell(version: Version, env: Environment, files: string[]): Promise<string[]> {
  const directory = makeWorkDirectory();
  const results: string[] = [];
  for (const shell of shells) {
    const all = await prepare({ version, shell, directory, env: { PGBOUNCER_PORT: '6432', ...env } }, 5432);
    const result = await render(all);
    expect(result, result.stderr).toMatchObject({ code: 0, stdout: '', stderr: '' });
    for (const file of files) expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o600);
    results.push(files.map(file => readFileSync(join(directory, file), 'utf8')).join('\n--\n'));
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
    expect(results[0]).toContain("* = host='127.0.0.1' port=5432 connect_query='SET x=''a\\b'''\n");
    for (const [i, password] of awkwardPasswords.entries()) {
      expect(results[0]).toContain(`\n"u""s:e\\r $x ${i}" "${password.replaceAll('"', '""')}"\n`);
    }
  });

  test('every awkward password of the only user', async () => {
    for (const password of awkwardPasswords) {
      const results = await renderUnderEachShell('1.26', { POSTGRES_PASSWORD: password }, RENDERED);
      expect(new Set(results).size).toBe(1);
      expect(results[0]).toContain(`"app" "${password.replaceAll('"', '""')}"\n`);
      expect(results[0]).toContain(`*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`);
    }
  });

  test.each([
    ['several databases', { PGBOUNCER_DATABASES: 'app=a:5432 b=b:5433' }, RENDERED],
    ['TLS', { PGBOUNCER_SERVER_TLS_SSLMODE: 'require' }, RENDERED],
    ['processes', { PGBOUNCER_PROCESSES: '2' }, ['1/pgbouncer.ini', '2/pgbouncer.ini', 'settings.ini', 'userlist.txt']],
  ])('%s', async (_, env, files) => {
    expect(new Set(await renderUnderEachShell('1.26', env, files)).size).toBe(1);
  });

  test('what the variables become', async () => {
    const [text = ''] = await renderUnderEachShell(
      '1.26',
      {
        PGBOUNCER_DATABASES: 'app=a:5432 b=b:5433',
        PGBOUNCER_HOST: 'x',
        PGBOUNCER_BYPASS: '1',
        PGBOUNCER_SERVER_LIFETIME: '7',
      },
      RENDERED,
    );
    expect(text).toContain("[databases]\napp = host='a' port=5432\nb = host='b' port=5433\n\n--");
    expect(text).toContain('\nserver_lifetime = 7\n');
    expect(text.split('--')[0]).not.toMatch(/^(?:host|bypass|databases|upstream|port)/m);
  });
});
