/**
 * Direct against pooled, side by side, with pgbench on one Postgres and the generated PgBouncers. The ways run in turn
 * within each round, so that what else the machine does falls on all alike; medians and ratios to direct.
 * Usage: npm run bench:pool -- [--rounds 5] [--seconds 4]
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createApp, credentials, startPooler } from '../test/live/pooler.ts';
import { startPostgres } from '../test/live/postgres.ts';
import { type Environment, endAll, findMissing, POSTGRES_BIN, run, type Version } from '../test/live/run.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '4' } },
});
const rounds = Number(values.rounds);
const LIMIT = 50;
const { POSTGRES_USER, POSTGRES_PASSWORD } = credentials;

interface Load {
  title: string;
  words: string[];
  clients: number;
}

const loads: Load[] = [
  { title: 'a connection per transaction, 8 clients', words: ['-S', '-C'], clients: 8 },
  { title: 'connections that stay, 8 clients', words: ['-S'], clients: 8 },
  { title: 'connections that stay, 8 clients, -M prepared', words: ['-S', '-M', 'prepared'], clients: 8 },
  { title: `connections that stay, 200 clients, max_connections = ${LIMIT}`, words: ['-S'], clients: 200 },
];

interface Way {
  name: string;
  version: Version;
  env: Environment;
}

const pooled: Way[] = [
  { name: 'PgBouncer 1.18', version: '1.18', env: {} },
  { name: 'PgBouncer 1.24', version: '1.24', env: {} },
  { name: 'PgBouncer 1.26', version: '1.26', env: {} },
  { name: 'PgBouncer 1.26, md5 to clients', version: '1.26', env: { PGBOUNCER_AUTH_TYPE: 'md5' } },
  {
    name: 'PgBouncer 1.26, 2 processes',
    version: '1.26',
    env: { PGBOUNCER_PROCESSES: '2', PGBOUNCER_DEFAULT_POOL_SIZE: '10', PGBOUNCER_RESERVE_POOL_SIZE: '2' },
  },
];

/** Transactions per second; null: pgbench failed, mostly because it got no connection. */
async function measure(port: number, { words, clients }: Load): Promise<number | null> {
  const args = ['-n', '-c', String(clients), '-j', '2', '-T', values.seconds, ...words, 'app'];
  const env = {
    PATH: '/usr/bin:/bin',
    PGHOST: '127.0.0.1',
    PGPORT: String(port),
    PGUSER: POSTGRES_USER,
    PGPASSWORD: POSTGRES_PASSWORD,
  };
  const { code, stdout } = await run(join(POSTGRES_BIN, 'pgbench'), args, env);
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  return code === 0 && tps !== undefined ? Number(tps) : null;
}

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
const show = (tps: number): string => Math.round(tps).toLocaleString('en');

function describe(runs: (number | null)[], direct: (number | null)[]): string[] {
  const good = runs.filter(tps => tps !== null);
  const failed = runs.length - good.length;
  if (good.length === 0) return [`fails, ${failed} of ${runs.length}`, '', ''];
  const ratios = runs.flatMap((tps, i) => {
    const base = direct[i];
    return tps === null || base === null || base === undefined ? [] : [tps / base];
  });
  const range = `${show(Math.min(...good))} to ${show(Math.max(...good))}${failed > 0 ? `, ${failed} failed` : ''}`;
  return [show(median(good)), range, ratios.length === 0 ? '' : median(ratios).toFixed(2)];
}

async function main(): Promise<void> {
  const missing = findMissing();
  if (missing !== null) throw new Error(`${missing} was not found: sh scripts/install-test-tools.sh .cache/tools`);
  const postgres = await startPostgres({ settings: { max_connections: String(LIMIT), shared_buffers: '256MB' } });
  await createApp(postgres);
  const port = String(postgres.port);
  const fill = await run(join(POSTGRES_BIN, 'pgbench'), ['-i', '-q', '-s', '10', 'app'], {
    PATH: '/usr/bin:/bin',
    PGHOST: '127.0.0.1',
    PGPORT: port,
    PGUSER: POSTGRES_USER,
    PGPASSWORD: POSTGRES_PASSWORD,
  });
  if (fill.code !== 0) throw new Error(fill.stderr);

  const results = new Map<string, (number | null)[]>();
  const names = ['direct', ...pooled.map(way => way.name)];
  for (let round = 0; round < rounds; round++) {
    for (const load of loads) {
      for (const name of names) {
        const way = pooled.find(candidate => candidate.name === name);
        // One at a time: an idle pool holds server connections that the next one needs.
        const pooler = way ? await startPooler(postgres, way) : null;
        const tps = await measure(pooler?.port ?? postgres.port, load);
        await pooler?.stop();
        const key = `${load.title}\n${name}`;
        results.set(key, [...(results.get(key) ?? []), tps]);
        process.stderr.write(
          `round ${round + 1} of ${rounds}: ${load.title}, ${name}: ${tps === null ? 'failed' : show(tps)}\n`,
        );
      }
    }
  }

  const server = spawnSync(join(POSTGRES_BIN, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(
    `${server}, ${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, ${rounds} rounds of ${values.seconds} s`,
  );
  for (const load of loads) {
    console.log(`\n${load.title}\n\n| way | tps, median | range | × direct |\n|---|---|---|---|`);
    const direct = results.get(`${load.title}\ndirect`) ?? [];
    for (const name of names) {
      const runs = results.get(`${load.title}\n${name}`) ?? [];
      console.log(`| ${[name, ...describe(runs, direct)].join(' | ')} |`);
    }
  }
}

await main().finally(endAll);
