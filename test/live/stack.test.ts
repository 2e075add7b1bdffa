/**
 * The migrated crawler fixture as its user runs it: real docker-compose, Postgres, RabbitMQ and Celery, and the PgBouncer that
 * is built from the generated files. The tests go on from each other: they share one running project.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VerifyReport } from '../../src/rollout/check.ts';
import { CLI, copyFixture, runCli } from '../repository.ts';
import { openTransaction, proveRoute, startLoad } from './stack-clients.ts';
import { type Engine, findEngine, startEngine } from './stack-engine.ts';
import { type Container, openProject, type Project, waitFor } from './stack-project.ts';
import { findTraces } from './stack-traces.ts';

const COMPOSE = ['docker', 'compose'];
const UP = [...COMPOSE, 'up', '-d', '--build', '--wait', '--wait-timeout', '90'];
const INGEST = ['python', '-m', 'crawler.ingest', '--source-file', 'tests/data/thanhnien_listing.html', '--site'];
const IN_APP = [...COMPOSE, 'exec', '-T', 'test_app'];
/** As on the user's machine: published ports are on localhost. */
const ON_HOST = ['podman', 'run', '--rm', '--network', 'host'];
/** New connections wait until PgBouncer listens, and then for their turn. */
const ONE_QUERY = `
import os, sqlalchemy, time
for attempt in range(50):
    try:
        sqlalchemy.create_engine(os.environ["DATABASE_URL"]).execute("SELECT 1").one()
        break
    except sqlalchemy.exc.OperationalError:
        time.sleep(0.1)
else:
    raise SystemExit("no query got through")
`;
const STATUS = ['sh', 'scripts/pgbouncer_status.sh'];

const found = findEngine();
describe.skipIf(found === null)('the crawler stack', () => {
  let engine: Engine;
  let project: Project;
  let before: Container;

  beforeAll(async () => {
    engine = await startEngine(found as NonNullable<typeof found>);
    project = openProject(engine, copyFixture('crawler'));
    // First a project that runs and holds data, then the migration.
    await project.must([...COMPOSE, 'up', '-d', '--wait', '--wait-timeout', '60', 'postgres', 'rabbitmq']);
    const output = await project.must([...COMPOSE, 'run', '--rm', 'test_app', ...INGEST, 'before']);
    expect(output).toContain('before: 2 articles stored, 2 new');
    before = await project.container('postgres');

    const written = runCli(['-C', project.root, '--write', '--base', 'debian']);
    expect(written.code, written.stderr).toBe(0);
    await project.must(UP);
  }, 150_000);

  afterAll(() => engine?.close(), 30_000);

  test('Postgres was not touched, and its data are there', async () => {
    expect(await project.container('postgres')).toMatchObject({ id: before.id, startedAt: before.startedAt });
    expect(await project.sql("SELECT count(*) FROM articles WHERE site = 'before'")).toBe('2');
  });

  test('a second run finds nothing to do', () => {
    const second = runCli(['-C', project.root, '--dry-run']);
    expect([second.code, second.stdout]).toEqual([0, '']);
    expect(runCli(['-C', project.root, '--check']).code).toBe(0);
  });

  test('the pooler runs the generated image: not as root, its own settings read-only', async () => {
    const inside = (script: string) => project.run([...COMPOSE, 'exec', '-T', 'pgbouncer', 'sh', '-c', script]);
    expect((await inside('id -u; id -g')).stdout.split('\n').slice(0, 2)).toEqual(['10432', '10432']);
    expect((await inside('grep custom.ini /proc/mounts')).stdout).toMatch(/ \/run\/pgbouncer\/custom\.ini \S+ ro,/);
    expect((await inside('stat -c %a /run/pgbouncer /run/pgbouncer/*')).stdout).toMatch(/^700\n(600\n|644\n)+$/);
    const [inspected] = JSON.parse(
      await project.must(['podman', 'inspect', (await project.container('pgbouncer')).id]),
    );
    expect(inspected.Config).toMatchObject({ StopSignal: 2, StopTimeout: 30 });
    const settings = new Map((await project.console('SHOW CONFIG')).map(row => [row.key, row.value]));
    expect(settings.get('pool_mode')).toBe('transaction');
    expect(settings.get('auth_type')).toBe('scram-sha-256');
    expect(settings.get('default_pool_size')).toBe('20');
    expect(settings.get('max_client_conn')).toBe('500');
  });

  test('the health checks: the pooler waited for Postgres, the application for the pooler', async () => {
    const [server, pooler, app] = await Promise.all(['postgres', 'pgbouncer', 'test_app'].map(project.container));
    expect([server?.health, pooler?.health]).toEqual(['healthy', 'healthy']);
    expect(app?.startedAt).toBeGreaterThanOrEqual(engine.health.healthySince(pooler?.name ?? '') ?? Number.NaN);
  });

  test('each pooled variable goes through the pooler, its companion past it', async () => {
    const pooled = ['DATABASE_URL', 'CRAWLER_DATABASE_URL'];
    const routes = [...pooled, ...pooled.map(name => `${name}_DIRECT`)].map(name => proveRoute(project, name));
    expect(await Promise.all(routes)).toEqual(['pooled', 'pooled', 'direct', 'direct']);
  });

  test('the unit tests pass through the pool and direct', async () => {
    const command = 'python -m unittest discover -v';
    for (const script of [command, `DATABASE_URL=$DATABASE_URL_DIRECT ${command}`]) {
      const { code, stderr } = await project.run([...IN_APP, 'sh', '-c', script]);
      expect(stderr).toMatch(/test_second_run_adds_nothing .*ok\n/);
      expect([code, /\nOK\n$/.test(stderr)], stderr).toEqual([0, true]);
    }
  });

  test('the smoke test on the host goes to the published ports: pooled, with the bypass direct', async () => {
    const before = await project.sql('SELECT last_value FROM articles_id_seq');
    const test = [...ON_HOST, '-e', 'PGAPPNAME=smoke'];
    for (const bypass of ['', '1']) {
      const output = await project.must([
        ...test,
        '-e',
        `PGBOUNCER_BYPASS=${bypass}`,
        'news-crawler-test_app',
        'python',
        'test_models.py',
      ]);
      expect(output).toMatch(/^connected to crawl_db as crawl_user\n[\s\S]*\nok\n$/);
    }
    expect(Number(await project.sql('SELECT last_value FROM articles_id_seq'))).toBe(Number(before) + 2);
  });

  test('documented runs work as they are written', async () => {
    const documented = readFileSync(join(project.root, 'docs/pgbouncer.md'), 'utf8');
    const line =
      /^docker compose run --rm test_app sh -c 'python -m crawler\.ingest … (--db-url "\$\w+_DIRECT")'$/m.exec(
        documented,
      );
    const run = `docker compose run --rm test_app sh -c '${INGEST.join(' ')} direct ${line?.[1]}'`;
    expect(await project.must(['sh', '-c', run])).toContain('direct: 2 articles stored, 0 new');
    const inside = /## Looking inside\n\n```sh\n([^`]+)```/.exec(documented)?.[1] ?? '';
    expect(inside.split('\n').filter(Boolean).length).toBe(3);
    const answer = await project.must(['sh', '-e', '-c', inside]);
    expect(answer).toMatch(/crawl_db +\| crawl_user/);
    const pgAdmin = ['-e', 'PGPASSWORD=crawl_password', 'pgadmin', 'psql', '-h', 'pgbouncer', '-p', '6432'];
    expect(
      await project.must([
        ...COMPOSE,
        'exec',
        '-T',
        ...pgAdmin,
        '-U',
        'crawl_user',
        '-d',
        'crawl_db',
        '-Atc',
        'SELECT 7',
      ]),
    ).toBe('7\n');
    mkdirSync(join(project.root, 'backups'), { recursive: true });
    const storage = readFileSync(join(project.root, 'docs/storage_operations.md'), 'utf8');
    const dump = /^docker compose exec -T postgres pg_dump .*$/m.exec(storage)?.[0] ?? 'false';
    await project.must(['sh', '-c', dump]);
    expect(readFileSync(join(project.root, 'backups/crawl.dump')).subarray(0, 5).toString()).toBe('PGDMP');
  });

  test('Celery: a task runs in the worker, its result is stored and read through the pool', async () => {
    await project.must([...IN_APP, ...INGEST, 'celery', '--enqueue']);
    await waitFor('the worker has saved the asset', 30, async () =>
      (await project.sql('SELECT count(*) FROM assets WHERE sha256 IS NOT NULL')) === '0' ? null : true,
    );
    const report =
      'from crawler.tasks import site_report as r; t = r.delay("before"); print(t.get(timeout=20)["articles"], t.id)';
    const [articles, id] = (await project.python(report)).trim().split(' ');
    expect(articles).toBe('2');
    expect(await project.sql(`SELECT status FROM celery_task_result WHERE task_id = '${id}'`)).toBe('SUCCESS');
    const ask = `fetch('http://localhost:5555/tasks/${id}').then(r => r.json()).then(r => console.log(r.state))`;
    expect(await project.must([process.execPath, '-e', ask])).toBe('SUCCESS\n');
    // The worker and Flower stay connected, and Postgres sees nobody but the pooler.
    const pooler = await project.container('pgbouncer');
    expect(
      await project.sql('SELECT DISTINCT host(client_addr) FROM pg_stat_activity WHERE client_addr IS NOT NULL'),
    ).toBe(pooler.address);
  });

  test('under load SHOW POOLS shows the clients, and afterwards nobody waits', async () => {
    const load = await startLoad(project, { seconds: 3, threads: 40, table: 'load' });
    const seen = await waitFor('40 clients', 10, async () => {
      const [pool] = (await project.console('SHOW POOLS')).filter(row => row.database === 'crawl_db');
      return Number(pool?.cl_active) + Number(pool?.cl_waiting) >= 40 ? (pool ?? null) : null;
    });
    expect(Number(seen?.sv_active) + Number(seen?.sv_idle)).toBeLessThanOrEqual(25);
    expect((await load.finished).failed).toBe(0);
    const [after] = (await project.console('SHOW POOLS')).filter(row => row.database === 'crawl_db');
    expect(after?.cl_waiting).toBe('0');
  });

  test('verify: every row holds, and the unit tests pass both ways inside the network', async () => {
    const tests = 'docker compose run --rm -T test_app python -m unittest discover';
    const command = [process.execPath, CLI, 'verify', '--json', '--allow-writes', '--run', tests];
    const { code, stdout, stderr } = await project.run(command);
    const { checks } = JSON.parse(stdout) as VerifyReport;
    // Its own version of PgBouncer has known holes; whether somebody is connected at that moment does not matter.
    const holds = checks.filter(({ id }) => id !== 'pgbouncer-version' && id !== 'traffic');
    expect(holds.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect([holds.length, code]).toEqual([12, 0]);
    expect(stderr.match(/^OK$/gm)).toHaveLength(2);
    expect(stdout + stderr).not.toContain('crawl_password');
  });

  test('Postgres is restarted under load: nothing that was confirmed is lost, and the work goes on', async () => {
    const load = await startLoad(project, { seconds: 18, threads: 8, table: 'restart' });
    await waitFor('some rows', 10, async () =>
      (await project.sql('SELECT count(*) FROM restart')) === '0' ? null : true,
    );
    await project.must([...COMPOSE, 'restart', 'postgres']);
    const { confirmed, failed, longestPause } = await load.finished;
    const stored = new Set((await project.sql('SELECT id FROM restart')).split('\n'));
    expect(confirmed.filter(id => !stored.has(id))).toEqual([]);
    expect(failed).toBeGreaterThan(0);
    // Until a health check is due, has failed and PgBouncer tries again: 5 + 5 + 3 seconds.
    expect(longestPause).toBeLessThan(15);
    await project.waitUntilHealthy('postgres');
    await project.waitUntilHealthy('pgbouncer');
  });

  test('the pooler is restarted three times and killed once, and comes back each time', async () => {
    for (let round = 0; round < 3; round++) {
      await project.must([...COMPOSE, 'restart', 'pgbouncer']);
      await project.python(ONE_QUERY);
    }
    await project.waitUntilHealthy('pgbouncer');
    const { pid } = await project.container('pgbouncer');
    await project.must(['sh', '-c', `kill -KILL ${pid}`]);
    const restarted = await waitFor('a new process', 10, async () => {
      const state = await project.container('pgbouncer');
      return state.status === 'running' && state.pid !== pid ? state : null;
    });
    expect(restarted.restarts).toBe(1);
    await project.waitUntilHealthy('pgbouncer');
    expect(await proveRoute(project, 'DATABASE_URL')).toBe('pooled');
  });

  test('stop lets a running transaction end; then pooled ways fail and direct ones work', async () => {
    expect(await project.run(STATUS)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^SHOW POOLS\n.*cl_waiting/),
    });
    const transaction = openTransaction(project, 5);
    await waitFor('the transaction', 10, async () =>
      (await project.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()",
      )) === '0'
        ? null
        : true,
    );
    await project.must([...COMPOSE, 'stop', 'pgbouncer']);
    expect(await transaction).toBe('committed\n');
    expect(await project.container('pgbouncer')).toMatchObject({ status: 'exited', exitCode: 0 });

    expect((await project.run(STATUS)).code).toBe(1);
    const unit = 'python -m unittest discover';
    expect((await project.run([...IN_APP, 'sh', '-c', unit])).code).toBe(1);
    expect((await project.run([...IN_APP, 'sh', '-c', `DATABASE_URL=$DATABASE_URL_DIRECT ${unit}`])).code).toBe(0);
    const smoke = ['news-crawler-test_app', 'python', 'test_models.py'];
    expect((await project.run([...ON_HOST, ...smoke])).code).toBe(1);
    expect((await project.run([...ON_HOST, '-e', 'PGBOUNCER_BYPASS=1', ...smoke])).code).toBe(0);
  });

  test('own settings in custom.ini and a knob of .env take effect', async () => {
    const own = join(project.root, 'pgbouncer/custom.ini');
    const generated = readFileSync(own, 'utf8');
    writeFileSync(own, `${generated}default_pool_size = 7\n`);
    writeFileSync(join(project.root, '.env'), 'PGBOUNCER_MAX_CLIENT_CONN=321\n');
    await project.must([...COMPOSE, 'up', '-d', '--force-recreate', 'pgbouncer']);
    await project.waitUntilHealthy('pgbouncer');
    const settings = new Map((await project.console('SHOW CONFIG')).map(row => [row.key, row.value]));
    expect([settings.get('default_pool_size'), settings.get('max_client_conn')]).toEqual(['7', '321']);
    // Postgres is where PgBouncer takes it to be: what made a check fail is something else, and the name stays.
    const inPooler = [...COMPOSE, 'exec', '-T', 'pgbouncer'];
    await project.must([...inPooler, 'docker-entrypoint.sh', 'follow']);
    expect(await project.must([...inPooler, 'grep', '-c', "host='postgres'", 'pgbouncer.ini'])).toBe('1\n');
    writeFileSync(own, generated); // undo refuses a file that was edited since
  });

  test('no password is in any log', async () => {
    const { stdout, stderr } = await project.run([...COMPOSE, 'logs']);
    for (const service of ['crawl_postgres', 'pgbouncer-1', 'rabbitmq-1', 'test_app-1'])
      expect(stdout).toContain(service);
    expect(stdout + stderr).not.toContain('crawl_password');
  });

  test('undo takes the running project back to direct connections', async () => {
    expect(runCli(['-C', project.root, 'undo']).code).toBe(0);
    await project.must([...UP, '--remove-orphans']);
    const services = await project.must([...COMPOSE, 'ps', '--services']);
    expect(services).not.toContain('pgbouncer');
    expect(await project.python('import os; print(os.environ["DATABASE_URL"])')).toContain('@postgres:5432/');
    expect((await project.run([...IN_APP, 'python', '-m', 'unittest', 'discover'])).code).toBe(0);
  });

  test('with .env from the template, on empty volumes: everything is healthy in order', async () => {
    expect(runCli(['-C', project.root, '--write', '--base', 'debian']).code).toBe(0);
    copyFileSync(join(project.root, '.env.sample'), join(project.root, '.env'));
    await project.must([...COMPOSE, 'down', '--volumes']);
    await project.must(UP);
    const start = Object.fromEntries(
      await Promise.all(
        ['postgres', 'rabbitmq', 'pgbouncer', 'test_app', 'flower'].map(async service => [
          service,
          await project.container(service),
        ]),
      ),
    ) as Record<string, Container>;
    const healthy = (service: string) => engine.health.healthySince(start[service]?.name ?? '') ?? Number.NaN;
    expect(start.pgbouncer?.startedAt).toBeGreaterThanOrEqual(healthy('postgres'));
    for (const app of [start.test_app, start.flower]) {
      expect(app?.startedAt).toBeGreaterThanOrEqual(healthy('pgbouncer'));
      expect(app?.startedAt).toBeGreaterThanOrEqual(healthy('rabbitmq'));
    }
    await project.must([...IN_APP, ...INGEST, 'fresh']);
    expect(await proveRoute(project, 'CRAWLER_DATABASE_URL')).toBe('pooled');
  });

  test('the end leaves nothing behind', async () => {
    const ids = (await project.must(['podman', 'ps', '-a', '-q', '--no-trunc'])).trim().split('\n');
    expect(ids.length).toBe(6);
    await engine.close();
    expect(findTraces([engine.directory, ...ids])).toEqual([]);
    expect(existsSync(engine.directory)).toBe(false);
  });
});
