/** Throwaway repositories for tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));
export const CLI = join(PROJECT, 'dist/bin/cli.js');
const made: string[] = [];
afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

export function makeDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'pool-migrate-test-'));
  made.push(path);
  return path;
}

/** A Postgres that is published on 5433, and an application that gets the entries. */
export const smallCompose = (server: string, environment = 'LOG_LEVEL: info'): string => `services:
  ${server}:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
    ports: ["5433:5432"]
  app:
    image: acme/app
    environment:
      ${environment}
`;

/** A question: CI copies the env file of the stack beside a server of its own. */
export const copiedByCi = (password = 'p'): Record<string, string> => ({
  'docker-compose.yml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: ${password}, POSTGRES_DB: d }
  web:
    build: .
    env_file: .env
`,
  'dev.env': `DATABASE_URL=postgresql://u:${password}@db:5432/d\n`,
  '.github/workflows/ci.yml':
    'jobs:\n  t:\n    runs-on: ubuntu-latest\n    services:\n      db: { image: "postgres:16" }\n    steps:\n      - run: cp dev.env .env\n      - run: npm test\n',
});

/** A git work tree with the files committed. Content in latin1 where it is a Buffer. */
export function makeRepository(files: Record<string, string | Buffer>, options: { git?: boolean } = {}): string {
  const root = makeDirectory();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    if (path.endsWith('.sh')) chmodSync(join(root, path), 0o755);
  }
  if (options.git !== false) commitAll(root);
  return root;
}

export function copyFixture(name: string, edit: (path: string, text: string) => string = (_, text) => text): string {
  const root = makeDirectory();
  cpSync(join(PROJECT, '__fixtures__', name), root, { recursive: true });
  for (const path of listTree(root)) {
    const bytes = readFileSync(join(root, path));
    const text = bytes.toString('utf8');
    const edited = edit(path, text);
    if (edited !== text) writeFileSync(join(root, path), edited);
  }
  commitAll(root);
  return root;
}

/** In one process, because to start one takes long where the memory is large. */
export function commitAll(root: string): void {
  const somebody = '-c user.name=t -c user.email=t@example.com';
  execFileSync(
    'sh',
    ['-ec', `git init -q && git -c core.autocrlf=false add -A && git ${somebody} commit -qm before --allow-empty`],
    { cwd: root, stdio: 'pipe' },
  );
}

/** Git in a repository, as somebody. */
export const git = (root: string, ...args: string[]): Buffer =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: root, stdio: 'pipe' });

export function listTree(root: string): string[] {
  const out = spawnSync('find', ['.', '-type', 'f', '-not', '-path', './.git/*'], {
    cwd: root,
    encoding: 'utf8',
  }).stdout;
  return out
    .split('\n')
    .filter(Boolean)
    .map(path => path.slice(2))
    .sort();
}

/** Mode and content of every file, to compare a whole tree byte for byte. */
export function snapshotTree(root: string): Record<string, string> {
  return Object.fromEntries(
    listTree(root).map(path => {
      const mode = (lstatSync(join(root, path)).mode & 0o777).toString(8);
      return [
        path,
        `${mode} ${createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex')}`,
      ];
    }),
  );
}

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function runCli(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): CliResult {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  for (const name of ['CI', 'NO_COLOR', 'FORCE_COLOR']) if (!options.env?.[name]) delete env[name];
  const result = spawnSync(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? PROJECT,
    encoding: 'utf8',
    env,
    maxBuffer: 1 << 28,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** The path of a docker-compose v2 binary; in CI its absence is a failure, elsewhere a reason to skip. */
export function findCompose(): string | null {
  const path = process.env.DOCKER_COMPOSE ?? 'docker-compose';
  const result = spawnSync(path, ['version', '--short'], { encoding: 'utf8' });
  if (result.status === 0 && /^v?2/.test(result.stdout.trim())) return path;
  if (process.env.CI === 'true') throw new Error('docker-compose v2 is missing, and CI must have it (DOCKER_COMPOSE)');
  process.stdout.write('docker-compose v2 was not found (DOCKER_COMPOSE): its tests are skipped\n');
  return null;
}
