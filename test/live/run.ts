/**
 * Real servers for tests and benchmarks: finds Postgres and the PgBouncers (scripts/install-test-tools.sh brings them),
 * runs programs as an unprivileged user, and ends everything that it started.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const versions = ['1.18', '1.24', '1.26'] as const;
export type Version = (typeof versions)[number];
/** `ash` brings the whole of busybox, as on Alpine: sed, awk, grep, timeout and the rest. */
export const shells = ['dash', 'ash', 'bash'] as const;
export type Shell = (typeof shells)[number];

/** PgBouncer and Postgres refuse to run as root. */
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
export const POSTGRES_BIN = process.env.TEST_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
let pgbouncers = process.env.TEST_PGBOUNCERS ?? join(process.cwd(), '.cache/tools/pgbouncer');

const running = new Set<ChildProcess>();
const directories: string[] = [];
let shellDirectory: string | null = null;

/** Ends all that was started, and removes the directories. */
export async function endAll(): Promise<void> {
  for (const child of running) killGroup({ child });
  await Promise.all([...running].map(child => new Promise(resolve => child.once('exit', resolve))));
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
}

/** A server or tool that is not here; null: all are. */
export function findMissing(): string | null {
  const needed = [
    join(POSTGRES_BIN, 'postgres'),
    ...versions.map(version => join(pgbouncers, version, 'pgbouncer')),
    ...['dash', 'bash', 'busybox', 'setpriv', 'openssl'].map(name => `/usr/bin/${name}`),
  ];
  return needed.find(path => !existsSync(path)) ?? null;
}

/** A directory that belongs to the unprivileged user. Short, since paths of Unix sockets must be. */
export function makeWorkDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'pm-live-'));
  directories.push(path);
  giveAway(path);
  return path;
}

export function giveAway(path: string): void {
  if (isRoot) chownSync(path, NOBODY, NOBODY);
}

/** PATH with one PgBouncer, and one shell as `sh`. */
export function composePath(version: Version, shell: Shell): string {
  shellDirectory ??= makeShells();
  return [join(shellDirectory, shell), join(findPgbouncers(), version), POSTGRES_BIN, '/usr/bin', '/bin'].join(':');
}

function makeShells(): string {
  const root = makeWorkDirectory();
  for (const shell of shells) mkdirSync(join(root, shell));
  symlinkSync('/usr/bin/dash', join(root, 'dash/sh'));
  symlinkSync('/usr/bin/bash', join(root, 'bash/sh'));
  const applets = spawnSync('/usr/bin/busybox', ['--list'], { encoding: 'utf8' }).stdout.trim().split('\n');
  for (const applet of applets) symlinkSync('/usr/bin/busybox', join(root, 'ash', applet));
  for (const path of [root, ...shells.map(shell => join(root, shell))]) chmodSync(path, 0o755);
  return root;
}

/** The PgBouncers where the unprivileged user can read them: a clone may be in root's home. */
function findPgbouncers(): string {
  const [command = '', ...args] = unprivileged('test', ['-x', join(pgbouncers, '1.24/pgbouncer')]);
  if (spawnSync(command, args).status !== 0) {
    const copy = makeWorkDirectory();
    cpSync(pgbouncers, copy, { recursive: true, verbatimSymlinks: true });
    pgbouncers = copy;
  }
  return pgbouncers;
}

/** The kernel ends the program when this process dies, however that happens. */
function unprivileged(command: string, args: string[]): string[] {
  const user = isRoot ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  return ['/usr/bin/setpriv', ...user, '--pdeathsig=KILL', '--', command, ...args];
}

export type Environment = Record<string, string>;

export interface Running {
  child: ChildProcess;
  pid: number;
  /** All that it printed until now, stdout and stderr. */
  log: () => string;
  exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function start(command: string, args: string[], env: Environment, cwd = '/'): Running {
  const [program = '', ...rest] = unprivileged(command, args);
  const child = spawn(program, rest, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let log = '';
  const keep = (chunk: Buffer): void => {
    log += chunk.toString('utf8');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  running.add(child);
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      // not `exit`: the last lines of the log come later
      running.delete(child);
      resolve({ code, signal });
    });
  });
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  return { child, pid: child.pid, log: () => log, exit };
}

/** SIGKILL for the program and what it started: PgBouncers behind a supervisor, sessions of a Postgres. */
export function killGroup({ child }: Pick<Running, 'child'>): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
}

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. `input` goes to stdin. */
export function run(command: string, args: string[], env: Environment, input = '', cwd = '/'): Promise<Result> {
  const [program = '', ...rest] = unprivileged(command, args);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { env, cwd, detached: true });
    running.add(child);
    const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    child.stdout.on('data', chunk => chunks.stdout.push(chunk));
    child.stderr.on('data', chunk => chunks.stderr.push(chunk));
    child.stdin.on('error', () => undefined); // it may end before it has read everything
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', code => {
      running.delete(child);
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(chunks[name]).toString('utf8');
      resolve({ code, stdout: text('stdout'), stderr: text('stderr') });
    });
  });
}

/** Below the range that the kernel takes for outgoing connections, so that nothing else gets it meanwhile. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const isFree = await new Promise<boolean>(resolve => {
      const server = createServer()
        .once('error', () => resolve(false))
        .listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port');
}

/** Tries again until the answer is true. @throws Error with `what` after `seconds`. */
export async function waitUntil(what: string, answer: () => Promise<boolean> | boolean, seconds = 20): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await answer())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** Runs jobs side by side, a few at a time: the machine has few cores. Results in the order of the jobs. */
export async function runEach<T, R>(items: readonly T[], job: (item: T) => Promise<R>, width = 4): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await job(next[1]);
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}
