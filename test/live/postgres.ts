/** A real Postgres in a directory of its own: SCRAM over TCP, the superuser `boss` over the socket without a password. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type QueryResult } from 'pg';
import { findFreePort, giveAway, makeWorkDirectory, POSTGRES_BIN, type Running, run, start, waitUntil } from './run.ts';

export interface Postgres {
  port: number;
  /** As the superuser. Several statements may stand in one text; the rows are those of the last. */
  query: (sql: string, database?: string) => Promise<Record<string, unknown>[]>;
  /** Fast shutdown: sessions are cut off. */
  stop: () => Promise<void>;
  start: () => Promise<void>;
  log: () => string;
}

export interface PostgresOptions {
  settings?: Record<string, string>;
  /** Lines that come first in pg_hba.conf. */
  hba?: string[];
  /** Directory of another major's programs. */
  bin?: string;
}

export async function startPostgres({
  settings = {},
  hba = [],
  bin = POSTGRES_BIN,
}: PostgresOptions = {}): Promise<Postgres> {
  const directory = makeWorkDirectory();
  const data = join(directory, 'data');
  const port = await findFreePort();
  const init = await run(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'boss', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--no-instructions', '--locale=C'],
    env,
  );
  if (init.code !== 0) throw new Error(init.stderr);
  const lines = [...hba, 'local all all trust', 'host all all 127.0.0.0/8 scram-sha-256'];
  writeFileSync(join(data, 'pg_hba.conf'), `${lines.join('\n')}\n`);
  const all = {
    listen_addresses: '127.0.0.1,127.0.0.2',
    port,
    unix_socket_directories: directory,
    fsync: 'off',
    ...settings,
  };
  const config = Object.entries(all).map(([name, value]) => `${name} = '${value}'\n`);
  writeFileSync(join(data, 'postgresql.conf'), config.join(''));
  giveAway(join(data, 'postgresql.conf'));

  let server: Running | null = null;
  const query: Postgres['query'] = async (sql, database = 'postgres') => {
    const client = new Client({ host: directory, port, user: 'boss', database });
    await client.connect();
    try {
      const result: QueryResult | QueryResult[] = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [];
    } finally {
      await client.end();
    }
  };
  const postgres: Postgres = {
    port,
    query,
    log: () => server?.log() ?? '',
    start: async () => {
      const started = start(join(bin, 'postgres'), ['-D', data], env);
      server = started;
      await waitUntil('Postgres answers', async () => {
        if (started.child.exitCode !== null) throw new Error(`Postgres ended:\n${started.log()}`);
        return (
          existsSync(join(directory, `.s.PGSQL.${port}`)) && (await query('SELECT 1').catch(() => [])).length === 1
        );
      });
    },
    stop: async () => {
      server?.child.kill('SIGINT');
      await server?.exit;
      server = null;
    },
  };
  await postgres.start();
  return postgres;
}

const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };

/** E.g.: `it's` → `'it''s'` */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const quoteName = (text: string): string => `"${text.replaceAll('"', '""')}"`;
