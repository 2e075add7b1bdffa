/** Who can log in through the generated PgBouncer, and who can't: client → PgBouncer → Postgres, SCRAM both ways. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { awkwardPasswords } from './awkward.ts';
import { createApp, runPsql, whoAmI, withPooler } from './pooler.ts';
import { type Postgres, quoteLiteral, quoteName, startPostgres } from './postgres.ts';
import { type Environment, makeWorkDirectory, run, runEach, shells, versions } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;

const users = awkwardPasswords.map((password, i) => ({ name: `u${i} "s:e\\r' $x`, password }));

beforeAll(async () => {
  if (!hasServers) return;
  postgres = await startPostgres({ settings: { max_connections: '500' }, hba: ['host all old_hash all md5'] });
  await createApp(postgres);
  const roles = users.map(
    ({ name, password }) => `CREATE ROLE ${quoteName(name)} LOGIN PASSWORD ${quoteLiteral(password)};`,
  );
  await postgres.query(`${roles.join('\n')}
    CREATE ROLE second LOGIN PASSWORD 'secret-of-second';
    CREATE ROLE expired LOGIN PASSWORD 'secret-of-expired' VALID UNTIL '2001-01-01';
    CREATE ROLE no_login PASSWORD 'secret-of-no-login';
    CREATE ROLE root SUPERUSER LOGIN PASSWORD 'secret-of-root';
    SET password_encryption = 'md5';
    CREATE ROLE old_hash LOGIN PASSWORD 'secret-of-old-hash';`);
  await postgres.query('CREATE DATABASE reports');
});

const numbered = (list: { name: string; password: string }[]): Environment =>
  Object.fromEntries(
    list.flatMap(({ name, password }, i) => [
      [`PGBOUNCER_USER_${i + 2}`, name],
      [`PGBOUNCER_PASSWORD_${i + 2}`, password],
    ]),
  );

const listFiles = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).map(entry => join(entry.parentPath, entry.name));

describe.skipIf(!hasServers).concurrent.each(versions)('PgBouncer %s', version => {
  const shell = shells[versions.indexOf(version)] ?? 'dash';

  test('every awkward password logs in, and no other password does', async () => {
    await withPooler(postgres, { version, shell, env: numbered(users) }, async pooler => {
      const wrong = await runEach(users, async ({ name, password }) => {
        const good = await runPsql(pooler.port, name, password, 'app', whoAmI);
        const bad = await runPsql(pooler.port, name, `${password.slice(0, 900)}x`, 'app', whoAmI);
        return good.stdout === `${name}@app` && bad.code !== 0 ? [] : [{ password, good, bad: bad.stdout }];
      });
      expect(wrong.flat()).toEqual([]);
    });
  });

  test('an awkward password of the first user, in the environment and in a file', async () => {
    await runEach(['a"b', ' lead', '$(id)`id`', '\\c', '%include /etc/passwd'], async password => {
      const { name = '' } = users.find(user => user.password === password) ?? {};
      const directory = makeWorkDirectory();
      writeFileSync(join(directory, 'password'), `${password}\n`);
      writeFileSync(join(directory, 'user'), name);
      writeFileSync(join(directory, 'database'), 'app\n');
      const plain = { POSTGRES_USER: name, POSTGRES_PASSWORD: password };
      const files = {
        POSTGRES_USER: '',
        POSTGRES_PASSWORD: '',
        POSTGRES_DB: '',
        POSTGRES_USER_FILE: join(directory, 'user'),
        POSTGRES_PASSWORD_FILE: join(directory, 'password'),
        POSTGRES_DB_FILE: join(directory, 'database'),
        PGBOUNCER_USER_2: 'second',
        PGBOUNCER_PASSWORD_2_FILE: join(directory, 'password'),
      };
      for (const env of [plain, files]) {
        await withPooler(postgres, { version, shell, env }, async pooler => {
          expect((await runPsql(pooler.port, name, password, 'app', whoAmI)).stdout).toBe(`${name}@app`);
          expect(await pooler.checkHealth()).toMatchObject({ code: 0, stdout: '', stderr: '' });
          expect((await runPsql(pooler.port, name, password, 'pgbouncer', 'SHOW VERSION')).code).toBe(0);
          // What psql in the container uses.
          const inside = await run('psql', ['-Xwqc', 'SHOW POOLS', 'pgbouncer'], pooler.env);
          expect(inside.code, inside.stderr).toBe(0);
        });
      }
    });
  });

  test('no secret in the log, on a command line, in the environment, or in a file that others can read', async () => {
    const processes = version === '1.18' ? '1' : '2';
    const env = {
      PGBOUNCER_PROCESSES: processes === '1' ? '' : processes,
      PGBOUNCER_USER_2: 'second',
      PGBOUNCER_PASSWORD_2: 'secret-of-second',
      PGBOUNCER_DATABASES: '',
    };
    await withPooler(
      postgres,
      { version, shell, env, custom: 'log_connections = 1\nlog_stats = 1\n' },
      async pooler => {
        for (const password of ['secret-of-app', 'secret-of-wrong'])
          await runPsql(pooler.port, 'app', password, 'app', whoAmI);
        expect(pooler.log()).toContain('login attempt');
        expect(pooler.log()).not.toContain('secret-of');
        const pids = [pooler.pid, ...childrenOf(pooler.pid)];
        expect(pids.length).toBeGreaterThanOrEqual(processes === '1' ? 1 : 3);
        for (const pid of pids) {
          expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('secret-of');
          expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('secret-of');
        }
        const files = listFiles(pooler.directory).filter(
          path => statSync(path).isFile() && !path.endsWith('/custom.ini'),
        );
        expect(files.length).toBeGreaterThanOrEqual(3);
        for (const path of files) expect(statSync(path).mode & 0o777, path).toBe(0o600);
      },
    );
  });

  test('a further user has the database, and the console only as far as stats_users says', async () => {
    await withPooler(
      postgres,
      { version, shell, env: { PGBOUNCER_USER_7: 'second', PGBOUNCER_PASSWORD_7: 'secret-of-second' } },
      async pooler => {
        expect((await runPsql(pooler.port, 'second', 'secret-of-second', 'app', whoAmI)).stdout).toBe('second@app');
        expect((await runPsql(pooler.port, 'second', 'secret-of-second', 'pgbouncer', 'SHOW POOLS')).stderr).toContain(
          'not allowed',
        );
        expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'pgbouncer', 'SHOW POOLS')).code).toBe(0);
        expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'pgbouncer', 'RELOAD')).stderr).toContain(
          'admin access needed',
        );
        expect((await runPsql(pooler.port, 'root', 'secret-of-root', 'app', whoAmI)).code).not.toBe(0);
      },
    );
  });

  test('several databases under names of their own, and nothing beside them', async () => {
    const databases = `app=127.0.0.1:${postgres.port} reports=127.0.0.2:${postgres.port}`;
    await withPooler(
      postgres,
      { version, shell, env: { PGBOUNCER_DATABASES: databases, PGBOUNCER_UPSTREAM_HOST: '' } },
      async pooler => {
        const ask = (database: string) => runPsql(pooler.port, 'app', 'secret-of-app', database, whoAmI);
        expect((await ask('app')).stdout).toBe('app@app');
        expect((await ask('reports')).stdout).toBe('app@reports');
        expect((await ask('postgres')).stderr).toMatch(/no such database: postgres|SASL authentication failed/);
        expect((await pooler.checkHealth()).code).toBe(0);
      },
    );
  });

  test('auth_query lets in whom Postgres lets in, and nobody else', async () => {
    const env = { POSTGRES_USER: 'root', POSTGRES_PASSWORD: 'secret-of-root', PGBOUNCER_AUTH_QUERY: 'true' };
    await withPooler(postgres, { version, shell, env }, async pooler => {
      expect((await runPsql(pooler.port, 'second', 'secret-of-second', 'app', whoAmI)).stdout).toBe('second@app');
      for (const [name, password] of [
        ['second', 'wrong'],
        ['expired', 'secret-of-expired'],
        ['expired', ''],
        ['no_login', 'secret-of-no-login'],
        ['nobody', 'x'],
      ] as const) {
        expect((await runPsql(pooler.port, name, password, 'app', whoAmI)).code, name).not.toBe(0);
      }
    });
  });

  const authentication: [string, Environment, string, string, boolean][] = [
    ['md5 to clients, SCRAM to Postgres', { PGBOUNCER_AUTH_TYPE: 'md5' }, 'app', 'secret-of-app', true],
    ['md5 to clients with a wrong password', { PGBOUNCER_AUTH_TYPE: 'md5' }, 'app', 'wrong', false],
    [
      'md5 both ways',
      { PGBOUNCER_AUTH_TYPE: 'md5', POSTGRES_USER: 'old_hash', POSTGRES_PASSWORD: 'secret-of-old-hash' },
      'old_hash',
      'secret-of-old-hash',
      true,
    ],
    [
      'SCRAM to clients, md5 to Postgres',
      { POSTGRES_USER: 'old_hash', POSTGRES_PASSWORD: 'secret-of-old-hash' },
      'old_hash',
      'secret-of-old-hash',
      true,
    ],
    ['trust asks clients for nothing', { PGBOUNCER_AUTH_TYPE: 'trust' }, 'app', 'wrong', true],
  ];
  test.each(authentication)('%s', async (_, env, user, password, isIn) => {
    await withPooler(postgres, { version, shell, env }, async pooler => {
      const result = await runPsql(pooler.port, user, password, 'app', whoAmI);
      expect(result.stdout, result.stderr).toBe(isIn ? `${user}@app` : '');
      if (isIn) expect((await pooler.checkHealth()).code).toBe(0);
    });
  });
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
