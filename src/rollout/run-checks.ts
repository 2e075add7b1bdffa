/** The checklist from top to bottom. A row whose ground is missing is skipped with the reason. */
import { type Check, type CheckId, failed, skipped, toCheck, type Verdict } from './check.ts';
import { callCompose } from './compose.ts';
import type { Context } from './context.ts';
import { showAddress } from './endpoint.ts';
import { explainFailure, showFailure, toFailure, type Way } from './explain-failure.ts';
import { askConsole, isListed, readTraffic } from './gather.ts';
import { judgeLoad, planLoad } from './judge-load.ts';
import { isOwnBackend, judgeDirectPath, judgePooledPath, judgeSameDatabase } from './judge-path.ts';
import { judgeServices, listUnwell, readContainers } from './judge-services.ts';
import { judgeSettings, judgeVersion, readActual } from './judge-settings.ts';
import { judgeTraffic } from './judge-traffic.ts';
import { runLoad } from './load.ts';
import { APPLICATION, askVersion, type OpenWay, openWay, toSessionOptions } from './open-ways.ts';
import type { SessionOptions } from './session.ts';
import { testWrites } from './write-test.ts';

const LOAD_SECONDS = 3;

export interface CheckOptions {
  allowWrites: boolean;
  /** Runs the user's command and judges both runs; null: none was given. */
  runBoth: (() => Promise<{ pooled: Verdict; direct: Verdict }>) | null;
}

export async function* runChecks(context: Context, checks: CheckOptions): AsyncGenerator<Check> {
  yield toCheck('compose-valid', context.composeVerdict);
  yield toCheck('services-healthy', await guard('pooled', () => checkServices(context)));
  const options = toSessionOptions(context);
  const [pooled, direct] = await Promise.all([
    openWay(context.pooled, 'pooled', options),
    openWay(context.direct, 'direct', options),
  ]);
  let reason: string | null = null;
  try {
    yield toCheck('pooled-login', pooled.verdict);
    yield toCheck('direct-login', direct.verdict);
    if (pooled.way) reason = yield* checkPool(context, pooled.way, direct.way, options, checks.allowWrites);
    else {
      reason = 'There is no pooled connection';
      yield toCheck('pooled-path', skipped(reason));
      yield toCheck('direct-path', await checkDirectPath(direct.way, options));
      yield toCheck('same-database', skipped(reason));
      yield* skipAll(OF_THE_POOL, reason);
    }
  } finally {
    await Promise.all([pooled.way?.session.close(), direct.way?.session.close()]);
  }
  yield* checkRuns(checks, reason ?? (direct.way ? null : NO_DIRECT));
}

const NO_DIRECT = 'There is no direct connection';
const OF_THE_POOL: CheckId[] = ['pool-settings', 'pgbouncer-version', 'pool-load', 'pool-write', 'traffic'];

function* skipAll(ids: readonly CheckId[], reason: string): Generator<Check> {
  for (const id of ids) yield toCheck(id, skipped(reason));
}

async function checkServices({ compose, ways, isElsewhere, composeVerdict }: Context): Promise<Verdict> {
  if (isElsewhere) return skipped('Both addresses were given by URL');
  if (!compose) return skipped(composeVerdict.evidence);
  if (!ways) {
    return composeVerdict.status === 'failed'
      ? skipped('The compose files are not valid')
      : failed(
          'The pooler is no service of this compose project',
          'Name the files with COMPOSE_FILE, or the profile with COMPOSE_PROFILES.',
        );
  }
  const services = [ways.pooler, ...(ways.server ? [ways.server] : [])];
  const { code, stdout, stderr } = await callCompose(compose, ['ps', '--all', '--format', 'json']);
  if (code !== 0) return failed(stderr.trim().split('\n').at(-1) ?? '', 'Start the engine, then docker compose up -d.');
  const containers = readContainers(stdout);
  const unwell = listUnwell(services, containers);
  if (unwell.length === 0) return judgeServices(services, containers, '');
  const logs = await callCompose(compose, ['logs', '--tail', '20', '--no-color', '--no-log-prefix', ...unwell]);
  return judgeServices(services, containers, logs.stdout);
}

/** @returns why the user's command can't be run; null: it can. */
async function* checkPool(
  context: Context,
  pooled: OpenWay,
  direct: OpenWay | null,
  options: SessionOptions,
  allowWrites: boolean,
): AsyncGenerator<Check, string | null> {
  const { endpoint, backend } = pooled;
  const { console, settings, failure } = await askConsole(endpoint, options, backend);
  const path = judgePooledPath(backend, console, showAddress(endpoint));
  yield toCheck('pooled-path', path);
  yield toCheck('direct-path', await checkDirectPath(direct, options));
  yield toCheck(
    'same-database',
    direct ? await guard('direct', () => checkSameDatabase(pooled, direct)) : skipped(NO_DIRECT),
  );
  if (path.status === 'failed') {
    const reason = 'The pooled way does not lead through PgBouncer';
    yield* skipAll(OF_THE_POOL, reason);
    return reason;
  }
  const why = `The console does not answer: ${failure ? showFailure(failure) : 'it is closed'}`;
  const closed = skipped(why, 'Add the user to stats_users of PgBouncer.');
  const actual = settings && readActual(settings, endpoint.user ?? '', endpoint.database ?? '');
  yield toCheck('pool-settings', actual ? judgeSettings(context.expected, actual) : closed);
  yield toCheck('pgbouncer-version', console.kind === 'open' ? judgeVersion(console.version) : closed);

  const believed = actual ?? new Map(context.expected.map(({ key, value }) => [key, value]));
  const processes = context.ways?.processes ?? 1;
  const plan = planLoad(believed, { processes, isInside: endpoint.isInside });
  const session = direct?.session ?? null;
  const runPlan = async () =>
    judgeLoad(await runLoad(endpoint, session, { ...options, ...plan, seconds: LOAD_SECONDS }), plan);
  yield toCheck('pool-load', await guard('direct', runPlan));
  yield toCheck(
    'pool-write',
    allowWrites
      ? await guard('pooled', () => testWrites(pooled.session, session, believed.get('pool_mode')))
      : skipped('Nothing is written without --allow-writes'),
  );
  if (!direct) yield toCheck('traffic', skipped(NO_DIRECT));
  else if (!actual) yield toCheck('traffic', closed);
  else if (processes > 1)
    yield toCheck('traffic', skipped('Each of several PgBouncer processes tells only of its own clients'));
  else yield toCheck('traffic', await guard('pooled', () => checkTraffic(pooled, direct, options)));
  return null;
}

const checkTraffic = async ({ endpoint }: OpenWay, { session }: OpenWay, options: SessionOptions): Promise<Verdict> =>
  judgeTraffic(await readTraffic(endpoint, session, options, APPLICATION));

/** A connection that is lost on the way is a failed row, not the end of the list. */
async function guard(way: Way, check: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await check();
  } catch (error) {
    const failure = toFailure(error);
    return failed(showFailure(failure), explainFailure(failure, way));
  }
}

async function checkDirectPath(direct: OpenWay | null, options: SessionOptions): Promise<Verdict> {
  if (!direct) return skipped(NO_DIRECT);
  const { endpoint, backend } = direct;
  const version = isOwnBackend(backend) ? null : await askVersion(endpoint, options);
  return judgeDirectPath(backend, version, showAddress(endpoint));
}

const checkSameDatabase = async (pooled: OpenWay, direct: OpenWay): Promise<Verdict> =>
  judgeSameDatabase(pooled.backend, direct.backend, await isListed(direct.session, pooled.backend.backendPid));

async function* checkRuns({ runBoth }: CheckOptions, reason: string | null): AsyncGenerator<Check> {
  if (runBoth === null || reason !== null) {
    const verdict = skipped(runBoth === null ? 'No command was given' : (reason ?? ''));
    yield toCheck('run-pooled', verdict);
    yield toCheck('run-direct', verdict);
    return;
  }
  const { pooled, direct } = await runBoth();
  yield toCheck('run-pooled', pooled);
  yield toCheck('run-direct', direct);
}
