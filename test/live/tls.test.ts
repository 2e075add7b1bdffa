/** TLS on both sides of the generated PgBouncer, with certificates made here. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp, runPsql, whoAmI, withPooler } from './pooler.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { type Environment, giveAway, makeWorkDirectory, shells, versions } from './run.ts';
import { hasServers } from './servers.ts';

let postgres: Postgres;
let tls: string;

beforeAll(async () => {
  if (!hasServers) return;
  tls = makeCertificates();
  postgres = await startPostgres({
    settings: { ssl: 'on', ssl_cert_file: join(tls, 'server.pem'), ssl_key_file: join(tls, 'server.key') },
    hba: ['hostnossl tls_only all all reject'],
  });
  await createApp(postgres);
  await postgres.query('CREATE DATABASE tls_only');
});

/** One authority, and a certificate for 127.0.0.1. Addresses, since what `localhost` means depends on the machine. */
function makeCertificates(): string {
  const directory = makeWorkDirectory();
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server');
  writeFileSync(join(directory, 'extensions'), 'subjectAltName=IP:127.0.0.1\n');
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signing);
  giveAway(join(directory, 'server.key'));
  return directory;
}

describe.skipIf(!hasServers).concurrent.each(versions)('PgBouncer %s', version => {
  const shell = shells[versions.indexOf(version)] ?? 'dash';

  const file = (name: string): string => join(tls, name);
  const onClientSide = (): Environment => ({
    PGBOUNCER_CLIENT_TLS_SSLMODE: 'require',
    PGBOUNCER_CLIENT_TLS_CERT_FILE: file('server.pem'),
    PGBOUNCER_CLIENT_TLS_KEY_FILE: file('server.key'),
  });
  const onServerSide = (mode: string): Environment => ({
    PGBOUNCER_SERVER_TLS_SSLMODE: mode,
    PGBOUNCER_SERVER_TLS_CA_FILE: file('ca.pem'),
  });
  const isEncrypted = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

  test('TLS from clients is required and proves who answers', async () => {
    await withPooler(postgres, { version, shell, env: onClientSide() }, async pooler => {
      const ask = (more: Environment) => runPsql(pooler.port, 'app', 'secret-of-app', 'app', whoAmI, more);
      expect((await ask({ PGSSLMODE: 'disable' })).stderr).toContain('SSL required');
      expect((await ask({ PGSSLMODE: 'require' })).stdout).toBe('app@app');
      const verify = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file('ca.pem') };
      expect((await ask(verify)).stdout).toBe('app@app');
      expect((await ask({ ...verify, PGHOST: '127.0.0.2' })).stderr).toContain('server certificate for "127.0.0.1"');
      expect((await pooler.checkHealth()).code).toBe(0);
    });
  });

  test('TLS to Postgres encrypts, and verify-full refuses another name', async () => {
    await withPooler(postgres, { version, shell, env: onServerSide('verify-full') }, async pooler => {
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'tls_only', isEncrypted)).stdout).toBe('t');
    });
    const wrongName = {
      ...onServerSide('verify-full'),
      PGBOUNCER_UPSTREAM_HOST: '127.0.0.2',
      PGBOUNCER_QUERY_WAIT_TIMEOUT: '3',
    };
    await withPooler(postgres, { version, shell, env: wrongName }, async pooler => {
      expect((await runPsql(pooler.port, 'app', 'secret-of-app', 'tls_only', isEncrypted)).code).not.toBe(0);
      expect(pooler.log()).toMatch(/TLS handshake error|name `127.0.0.2' not present/);
    });
    await withPooler(
      postgres,
      { version, shell, env: { PGBOUNCER_SERVER_TLS_SSLMODE: 'disable', PGBOUNCER_QUERY_WAIT_TIMEOUT: '3' } },
      async pooler => {
        const result = await runPsql(pooler.port, 'app', 'secret-of-app', 'tls_only', isEncrypted);
        expect(result.stderr).toContain('rejects connection');
      },
    );
  });

  test('TLS both ways at once', async () => {
    const env = { ...onClientSide(), ...onServerSide('verify-full') };
    await withPooler(postgres, { version, shell, env }, async pooler => {
      const result = await runPsql(pooler.port, 'app', 'secret-of-app', 'tls_only', isEncrypted, {
        PGSSLMODE: 'require',
      });
      expect(result.stdout, result.stderr).toBe('t');
    });
  });
});
