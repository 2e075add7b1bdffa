/** A compose project that runs in an engine: what the tests ask it and wait for. */
import type { Engine, Result, RunOptions } from './stack-engine.ts';

/** One row of a table by column. */
export type Row = Record<string, string>;

export interface Project {
  root: string;
  /** A command in the project's directory, as a user types it. */
  run(command: string[], options?: RunOptions): Promise<Result>;
  /** Its standard output. @throws Error with all output if it fails. */
  must(command: string[], options?: RunOptions): Promise<string>;
  /** `docker compose exec` in the application's container. `env` adds variables. */
  python(code: string, env?: Record<string, string>): Promise<string>;
  /** Asks Postgres itself, over its socket. */
  sql(query: string): Promise<string>;
  /** Asks PgBouncer's console. */
  console(command: string): Promise<Row[]>;
  container(service: string): Promise<Container>;
  /** The service is up, and its health check (if it has one) has passed since. */
  waitUntilHealthy(service: string): Promise<Container>;
}

export interface Container {
  id: string;
  name: string;
  status: string;
  health: string | null;
  /** Milliseconds since 1970. */
  startedAt: number;
  exitCode: number;
  restarts: number;
  /** As seen by `run`. */
  pid: number;
  address: string;
}

interface Inspected {
  Id: string;
  Name: string;
  RestartCount: number;
  State: { Status: string; Health?: { Status: string }; StartedAt: string; ExitCode: number; Pid: number };
  NetworkSettings: { Networks?: Record<string, { IPAddress: string }> };
}

export function openProject(engine: Engine, root: string): Project {
  const run = (command: string[], options?: RunOptions) => engine.run(root, command, options);

  async function must(command: string[], options?: RunOptions): Promise<string> {
    const result = await run(command, options);
    if (result.code !== 0) {
      throw new Error(
        `${command.join(' ')}: exit code ${result.code}\n${result.stdout.slice(-4000)}${result.stderr.slice(-4000)}`,
      );
    }
    return result.stdout;
  }

  const exec = (service: string, command: string[], env: Record<string, string> = {}) =>
    must([
      ...[
        'docker',
        'compose',
        'exec',
        '-T',
        ...Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
      ],
      service,
      ...command,
    ]);

  async function container(service: string): Promise<Container> {
    const id = (await must(['docker', 'compose', 'ps', '-a', '-q', service])).trim();
    const [found] = JSON.parse(await must(['podman', 'inspect', id])) as Inspected[];
    if (found === undefined) throw new Error(`${service} has no container`);
    return {
      id: found.Id,
      name: found.Name,
      status: found.State.Status,
      health: found.State.Health?.Status || null,
      startedAt: Date.parse(found.State.StartedAt),
      exitCode: found.State.ExitCode,
      restarts: found.RestartCount,
      pid: found.State.Pid,
      address: Object.values(found.NetworkSettings.Networks ?? {})[0]?.IPAddress ?? '',
    };
  }

  return {
    root,
    run,
    must,
    container,
    python: (code, env) => exec('test_app', ['python', '-c', code], env),
    sql: async query =>
      (
        await exec('postgres', [
          'psql',
          '-XAt',
          '-v',
          'ON_ERROR_STOP=1',
          '-U',
          'crawl_user',
          '-d',
          'crawl_db',
          '-c',
          query,
        ])
      ).trim(),
    console: async command =>
      readTable(
        await exec('pgbouncer', [
          ...['psql', '-X', '-w', '-A', '-F', '\x1f', '-P', 'footer=off'],
          ...['-h', 'localhost', '-p', '6432', '-U', 'crawl_user', 'pgbouncer', '-c', command],
        ]),
      ),
    waitUntilHealthy: service =>
      waitFor(`${service} is healthy`, 40, async () => {
        const state = await container(service);
        return state.status === 'running' && (state.health ?? 'healthy') === 'healthy' ? state : null;
      }),
  };
}

function readTable(text: string): Row[] {
  const [header = [], ...rows] = text
    .trimEnd()
    .split('\n')
    .map(line => line.split('\x1f'));
  return rows.map(row => Object.fromEntries(header.map((name, index) => [name, row[index] ?? ''])));
}

/** Asks again until there is an answer. @throws Error after so many seconds. */
export async function waitFor<T>(what: string, seconds: number, ask: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() > end) throw new Error(`after ${seconds} s still not so: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 200));
  }
}
