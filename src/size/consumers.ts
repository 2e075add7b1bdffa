/** What each service opens: copies × processes × the pools of its code. */

import type { Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { isTooDeep } from '../text/depth-guard.ts';
import { isInside } from '../text/paths.ts';
import { type ClientPool, settle } from './client-pools.ts';
import { readJavaScriptPools } from './javascript-pools.ts';
import { readKnownPool } from './known-settings.ts';
import { readPythonPools } from './python-pools.ts';
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import type { Runner } from './runners.ts';
import { readSettingsPools } from './settings-pools.ts';
import { readWorkers, type Workers } from './workers.ts';

export interface Consumer {
  service: string;
  place: Place;
  program: string | null;
  replicas: Quantity;
  processes: Quantity;
  /** Null where a process does as much at once as its pool allows. */
  threads: Quantity | null;
  pools: SizedPool[];
  /** Connections of one process at most. */
  perProcess: number;
  /** replicas × processes × perProcess */
  clients: number;
  /** What can be in a transaction at the same moment. */
  busy: number;
}

export interface SizedPool {
  library: string;
  place: Place;
  size: Quantity;
  overflow: Quantity | null;
  /** One connection for each thread. */
  perThread: boolean;
}

const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|migrations?|alembic|e2e|examples?|scripts|docs?|bench\w*|management\/commands)\/|(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)(?:test_[^/]*|conftest\.py)$/i;

/** Only files with one of these are parsed: what opens a pool, and for Python the options of one too. */
const PYTHON =
  /create_(?:async_)?engine\(|\bCelery\(|create_pool\(|ConnectionPool\(|\b(?:psycopg2?|asyncpg|pg8000)\b[^\n]{0,300}connect\(|django\.db\.backends|pool_?size|max_?overflow/i;
const JAVASCRIPT =
  /\b(?:Pool|postgres|Sequelize|[Kk]nex|DataSource|TypeOrmModule\.forRoot|createConnection|PrismaClient)\s*[<(]/;

/** Pools of all code of the repository. */
export function readPools({ texts }: Pick<Plan, 'texts'>): ClientPool[] {
  // Not generated files, nor such that no parser should be given.
  const isReadable = (text: string) => text.length < 300_000 && !isTooDeep(text, 500);
  const python = new Map<string, string>();
  const found: ClientPool[] = [];
  for (const [path, text] of texts) {
    if (TEST.test(path)) continue;
    if (/\.py$/.test(path)) {
      if (PYTHON.test(text) && isReadable(text)) python.set(path, text);
    } else if (/\.(?:[cm]?[jt]s|[jt]sx)$/.test(path)) {
      if (JAVASCRIPT.test(text) && isReadable(text)) found.push(...readJavaScriptPools(path, text));
    } else found.push(...readSettingsPools(path, text));
  }
  return [...readPythonPools(python), ...found];
}

/** `sites` are those of the service that lead through the pooler: a URL can carry `connection_limit`. */
export function sizeConsumer(
  runner: Runner,
  pools: readonly ClientPool[],
  sites: readonly Site[],
  plan: Plan,
): Consumer {
  const { workers, words } = findWorkers(runner) ?? { workers: null, words: [] };
  const processes =
    workers?.processes ?? assumed(1, 'its command is not in the repository: one process is taken', runner.place);
  const threads = workers ? workers.threads : null;
  const found = workers?.isLight ? [lightPool(workers, runner)] : poolsOf(runner, workers, words, pools, sites, plan);
  const perProcess = found.reduce(
    (sum, { size, overflow, perThread }) =>
      sum + size.value * (perThread ? (threads?.value ?? 1) : 1) + (overflow?.value ?? 0),
    0,
  );
  const copies = runner.replicas.value * processes.value;
  return {
    service: runner.name,
    place: runner.place,
    program: workers?.program ?? null,
    replicas: runner.replicas,
    processes,
    threads,
    pools: found,
    perProcess,
    clients: copies * perProcess,
    busy: copies * Math.min(threads?.value ?? perProcess, perProcess),
  };
}

/** What it runs all the time: one-off runs that a document shows come after its own command. */
function findWorkers({ commands, lookup }: Runner): { workers: Workers; words: readonly string[] } | null {
  for (const { words, place } of commands) {
    const workers = readWorkers(words, place, lookup);
    if (workers) return { workers, words };
  }
  return null;
}

const lightPool = ({ program }: Workers, { place }: Runner): SizedPool => ({
  library: program,
  place,
  size: byDefault(1, 'no worker: one connection at a time', place),
  overflow: null,
  perThread: false,
});

function poolsOf(
  runner: Runner,
  workers: Workers | null,
  words: readonly string[],
  pools: readonly ClientPool[],
  sites: readonly Site[],
  plan: Plan,
): SizedPool[] {
  const own = poolsOfCode(runner, pools, plan).filter(
    ({ isProgram, isCelery, place }) =>
      (!isProgram || starts(words, place.file)) && (!isCelery || workers?.program === 'celery'),
  );
  const limit = sites
    .flatMap(site => site.params.map(param => ({ site, param })))
    .find(({ param }) => LIMIT.test(param));
  const found = distinct(own).map((pool): SizedPool => {
    const size =
      (pool.library === 'Prisma' && limit ? limitOf(limit.param, limit.site, plan) : null) ??
      settle(pool.size, runner.lookup);
    return {
      library: pool.library,
      place: pool.place,
      size,
      overflow: pool.overflow && settle(pool.overflow, runner.lookup),
      perThread: pool.kind === 'per-thread',
    };
  });
  if (found.length > 0) return found;
  if (limit) {
    const size = limitOf(limit.param, limit.site, plan);
    if (size) return [{ library: 'URL', place: size.place ?? runner.place, size, overflow: null, perThread: false }];
  }
  const known = readKnownPool(runner.image, runner.place, runner.lookup);
  if (known) return [{ ...known, place: known.size.place ?? runner.place, perThread: false }];
  const threads = workers?.threads ?? null;
  const size = threads
    ? assumed(1, 'no pool is seen in its code: one connection for each thread is taken', runner.place)
    : assumed(10, 'no pool is seen in its code: 10 is taken, what most libraries allow', runner.place);
  return [{ library: 'unknown', place: runner.place, size, overflow: null, perThread: threads !== null }];
}

/** Prisma's `connection_limit`, Npgsql's `Maximum Pool Size`. */
const LIMIT = /^(?:connection_limit|max(?:imum)? ?pool ?size)=\d+$/;

function limitOf(param: string, site: Site, { texts }: Plan): Quantity | null {
  const value = wholeNumber(param.split('=')[1]);
  const text = texts.get(site.file) ?? '';
  const line = text.slice(0, site.span.start).split('\n').length;
  return value === null ? null : seen(value, { file: site.file, line }, param);
}

/** Of the build context; for an image, of the directory that has its name, or of all where there is only one program. */
function poolsOfCode(runner: Runner, pools: readonly ClientPool[], { topology }: Plan): ClientPool[] {
  const { context } = runner;
  if (context !== null) return pools.filter(({ place }) => isInside(context, place.file));
  const names = [runner.image, runner.name].filter(name => name.length > 1);
  const named = pools.filter(({ place }) => place.file.split('/').some(part => names.includes(part)));
  if (named.length > 0) return named;
  const areas = new Set(pools.map(({ place }) => place.file.split('/')[0]));
  const isForeign = topology.composeFiles.some(({ services }) => services.some(service => service.build !== null));
  return areas.size === 1 && !isForeign ? [...pools] : [];
}

/** The command names the file or its module. */
function starts(words: readonly string[], file: string): boolean {
  const module = file.replace(/\.\w+$/, '').replace(/\//g, '.');
  return words.some(
    word => word.length > 2 && (file.endsWith(word.replace(/^\.\//, '')) || module.endsWith(word.replace(/:.*$/, ''))),
  );
}

/** Settings modules for several environments say the same thing: one of them holds at run time. */
function distinct(pools: readonly ClientPool[]): ClientPool[] {
  const once = new Set<string>();
  return pools.filter(({ library, kind, place }) => {
    const isAlternative = kind === 'per-thread' || /^(?:Hikari|Active Record|Prisma)$/.test(library);
    const key = isAlternative ? library : `${place.file}:${place.line}`;
    return once.has(key) ? false : once.add(key);
  });
}
