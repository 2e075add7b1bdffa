/** A container engine for one test: podman behind its Docker-compatible socket, in namespaces of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HealthChecks, startHealthChecks } from './stack-health.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  input?: string;
}

export interface Engine {
  /** Holds the socket; gone after `close`. */
  directory: string;
  health: HealthChecks;
  /** Runs a command where published ports are on localhost, and docker-compose and podman use this engine. */
  run(cwd: string, command: string[], options?: RunOptions): Promise<Result>;
  /** Ends every container and process, and leaves nothing behind. A second time it does nothing. */
  close(): Promise<void>;
}

/** The images and the client to use; null, with a printed reason, where they can't be. In CI that is an error. */
export function findEngine(): { images: string; compose: string } | null {
  const images = process.env.TEST_CONTAINERS ?? '';
  const compose = process.env.DOCKER_COMPOSE ?? '';
  const lacks = (command: string) => spawnSync(command, ['--version']).status !== 0;
  let reason = '';
  if (!existsSync(join(images, 'made-from')) || !existsSync(compose)) {
    reason = 'set TEST_CONTAINERS and DOCKER_COMPOSE to what the scripts/install-test-*.sh print';
  } else if (process.getuid?.() !== 0) reason = 'they need root';
  else if (['podman', 'runc', 'unshare', 'nsenter'].some(lacks)) reason = 'podman, runc or util-linux is missing';
  if (reason === '') return { images, compose };
  if (process.env.CI === 'true') throw new Error(`container tests can't run, and CI must run them: ${reason}`);
  process.stdout.write(`container tests are skipped: ${reason}\n`);
  return null;
}

export async function startEngine({ images, compose }: { images: string; compose: string }): Promise<Engine> {
  const directory = mkdtempSync(join(tmpdir(), 'pool-migrate-engine-'));
  const storage = join(directory, 'storage.conf');
  writeFileSync(
    storage,
    '[storage]\ndriver = "overlay"\ngraphroot = "/var/lib/containers/storage"\nrunroot = "/run/containers/storage"\n' +
      `[storage.options]\nadditionalimagestores = [${JSON.stringify(join(images, 'store'))}]\n`,
  );
  const configuration = join(directory, 'containers.conf');
  const helpers = JSON.stringify([join(HERE, 'stack-helpers'), '/usr/lib/podman', '/usr/libexec/podman']);
  writeFileSync(
    configuration,
    readFileSync(join(HERE, 'stack-images/containers.conf'), 'utf8').replace(
      '[engine]\n',
      `[engine]\nhelper_binaries_dir = ${helpers}\n`,
    ),
  );
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(compose, join(bin, 'docker-compose'));
  // All of the Docker client that documented commands use.
  writeFileSync(join(bin, 'docker'), '#!/bin/sh\n[ "$1" = compose ] && shift && exec docker-compose "$@"\n', {
    mode: 0o755,
  });
  // On every request for its state podman asks for the packages that its programs come from. That takes longer than the rest.
  writeFileSync(join(bin, 'dpkg-query'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const env = {
    PATH: `${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: directory,
    LC_ALL: 'C.UTF-8',
    CONTAINERS_CONF: configuration,
    CONTAINERS_STORAGE_CONF: storage,
    DOCKER_HOST: `unix://${join(directory, 'podman.sock')}`,
    DOCKER_BUILDKIT: '0',
    DISABLE_HC_SYSTEMD: 'true',
  };

  const unshare = ['--mount', '--net', '--ipc', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const script = [join(HERE, 'stack-engine.sh'), directory, chooseRuntime(bin)];
  // A session of its own: what ends the test from a terminal must leave the script time to clean up.
  const child = spawn('unshare', [...unshare, 'sh', ...script], {
    env,
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    log = (log + text).slice(-20_000);
  });
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));

  const first = await waitForSocket(child, directory, () => log);
  const nsenter = ['--target', String(first), '--mount', '--net', '--ipc', '--uts', '--pid'];
  const health = startHealthChecks(join(directory, 'podman.sock'));
  return {
    directory,
    health,
    run: (cwd, command, options = {}) =>
      runCommand('nsenter', [...nsenter, `--wdns=${cwd}`, '--', ...command], {
        ...options,
        env: { ...env, ...options.env },
      }),
    async close() {
      await health.stop();
      child.stdin.end();
      await ended;
    },
  };
}

/**
 * A root without CAP_SYS_RESOURCE can't raise limits, while compose files ask for more open files and podman then for
 * more processes. Such containers get the limits of this machine.
 */
function chooseRuntime(bin: string): string {
  const capabilities = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if ((BigInt(`0x${capabilities}`) >> 24n) & 1n) return 'runc';
  process.stdout.write('container tests: without CAP_SYS_RESOURCE, `ulimits` of compose files are not applied\n');
  const path = join(bin, 'runc-without-limits');
  writeFileSync(
    path,
    `#!/bin/sh
previous=
for argument; do
  case $previous in
    --bundle) file=$argument/config.json ;;
    --process) file=$argument ;;
    *) file= ;;
  esac
  if [ -n "$file" ]; then sed -i -E 's/"rlimits":\\[[^]]*\\]/"rlimits":[]/' "$file"; fi
  previous=$argument
done
exec runc "$@"
`,
    { mode: 0o755 },
  );
  return path;
}

/** The process id of the script as we see it. */
async function waitForSocket(child: ChildProcess, directory: string, log: () => string): Promise<number> {
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (child.exitCode !== null) break;
    if (existsSync(join(directory, 'podman.sock'))) {
      return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0]);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  child.stdin?.end();
  throw new Error(`podman did not start: ${log()}`);
}

/** Not the synchronous kind: meanwhile the health checks go on. */
export function runCommand(
  file: string,
  args: string[],
  options: { env: Record<string, string>; input?: string },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: options.env, stdio: 'pipe' });
    const result: Result = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', text => {
      result.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      result.stderr += text;
    });
    child.on('error', reject);
    child.on('close', code => resolve({ ...result, code }));
    child.stdin.on('error', () => {}); // whoever doesn't read its input
    child.stdin.end(options.input ?? '');
  });
}
