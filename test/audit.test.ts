import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 as Ajv } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { readSuppressions } from '../src/routes/suppressions.ts';
import { makeRepository, runCli } from './repository.ts';

const COMPOSE = `services:
  postgres:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
  app:
    build: .
    environment:
      DATABASE_URL: postgresql://app:s3cret-pw@postgres:5432/app
`;
const LEAK = 'conn.execute("SET app.tenant = \'a\'")\n';
const FILES = { 'docker-compose.yml': COMPOSE, 'app.py': LEAK };
const audit = (files: Record<string, string>, ...args: string[]) =>
  runCli(['audit', ...args], { cwd: makeRepository(files) });

test.each([
  ['nothing found', { 'docker-compose.yml': COMPOSE, 'app.py': 'conn.execute("SELECT 1")\n' }, [], 0],
  ['an error', FILES, [], 1],
  ['an error that may be', FILES, ['--fail-on', 'never'], 0],
  ['a warning', { 'docker-compose.yml': COMPOSE, 'app.py': 'cur.execute("DISCARD ALL")\n' }, [], 0],
  [
    'a warning that counts',
    { 'docker-compose.yml': COMPOSE, 'app.py': 'cur.execute("DISCARD ALL")\n' },
    ['--fail-on', 'warning'],
    1,
  ],
  ['session pooling', FILES, ['--pool-mode', 'session'], 0],
  ['a migration', { 'docker-compose.yml': COMPOSE, 'migrations/1.sql': 'SET lock_timeout = 5;\n' }, [], 0],
  ['a wrong level', FILES, ['--fail-on', 'all'], 2],
  ['an unknown reporter', FILES, ['--reporter', 'xml'], 2],
  [
    'a version that mends it',
    { 'docker-compose.yml': COMPOSE, 'db.py': 'import asyncpg\nasyncpg.connect(dsn)\n' },
    ['--pgbouncer-version', '1.24'],
    0,
  ],
  [
    'a version that does not',
    { 'docker-compose.yml': COMPOSE, 'db.py': 'import asyncpg\nasyncpg.connect(dsn)\n' },
    ['--pgbouncer-version', '1.18'],
    1,
  ],
] as [string, Record<string, string>, string[], number][])('exit code: %s', (_, files, args, code) => {
  expect(audit(files, ...args).code).toBe(code);
});

test('text and annotations name the place, the rule and what to do', () => {
  expect(audit(FILES).stdout).toMatch(/^app\.py:1:15 {2}error {2}set-session\n {4}.*\n {4}→ Use SET LOCAL/);
  expect(audit(FILES, '--reporter', 'github').stdout).toMatch(
    /^::error file=app\.py,line=1,col=15,title=set-session::/,
  );
  expect(audit(FILES, '--reporter', 'markdown').stdout).toContain('| error | `app.py:1` | set-session |');
});

test('SARIF is valid, also with nothing in it, and its fingerprints outlive edits above', () => {
  // The schema of the standard: docs.oasis-open.org/sarif/sarif/v2.1.0
  const schema = JSON.parse(readFileSync(new URL('./data/sarif-2.1.0.json', import.meta.url), 'utf8'));
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const read = (files: Record<string, string>) => JSON.parse(audit(files, '--reporter', 'sarif').stdout);
  const full = read(FILES);
  for (const sarif of [full, read({ 'docker-compose.yml': COMPOSE })]) {
    expect(validate(sarif), JSON.stringify(validate.errors)).toBe(true);
  }
  const moved = read({ ...FILES, 'app.py': `# a line\n\n${LEAK}` });
  const prints = (sarif: typeof full) =>
    sarif.runs[0].results.map((result: { partialFingerprints: object }) => result.partialFingerprints);
  expect(full.runs[0].results).toHaveLength(1);
  expect(prints(moved)).toEqual(prints(full));
});

test('a comment with a reason keeps a finding quiet; one without, or without a finding, is told', () => {
  const quiet = `${LEAK.trim()}  # pool-migrate-ignore set-session: one tenant only\n`;
  expect(audit({ ...FILES, 'app.py': quiet })).toMatchObject({ code: 0, stdout: '' });
  const above = `# pool-migrate-ignore-next-line: one tenant only\n${LEAK}`;
  expect(audit({ ...FILES, 'app.py': above })).toMatchObject({ code: 0, stdout: '' });
  const whole = `# pool-migrate-ignore-file set-session -- one tenant only\n\n${LEAK}${LEAK}`;
  expect(audit({ ...FILES, 'app.py': whole })).toMatchObject({ code: 0, stdout: '' });
  const silent = audit({ ...FILES, 'app.py': `${LEAK.trim()}  # pool-migrate-ignore set-session\n` });
  expect(silent.code).toBe(1);
  expect(silent.stderr).toContain('app.py:1: pool-migrate-ignore without a reason');
  const other = audit({ ...FILES, 'app.py': `${LEAK.trim()}  # pool-migrate-ignore load-library: x\n` });
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('app.py:1: pool-migrate-ignore keeps nothing quiet');
});

test.each([
  ['x # pool-migrate-ignore a b: why', { scope: 'line', rules: ['a', 'b'], reason: 'why' }],
  ['/* pool-migrate-ignore-next-line a -- why so */', { scope: 'next-line', rules: ['a'], reason: 'why so' }],
  ['<!-- pool-migrate-ignore-file: why -->', { scope: 'file', rules: [], reason: 'why' }],
])('%s', (text, expected) => {
  expect(readSuppressions(text)).toMatchObject([expected]);
});

test('a baseline holds what is known: it passes, what is new fails, what is gone is told', () => {
  const root = makeRepository(FILES);
  const run = (...args: string[]) => runCli(['audit', '--baseline', 'known.json', ...args], { cwd: root });
  expect(run().code).toBe(0);
  expect(JSON.parse(readFileSync(join(root, 'known.json'), 'utf8'))).toEqual({
    version: 1,
    findings: { 'app.py: set-session': 1 },
  });
  expect(run()).toMatchObject({ code: 0, stdout: '' });
  writeFileSync(join(root, 'app.py'), `\n${LEAK}${LEAK}`);
  expect(run()).toMatchObject({ code: 1, stdout: expect.stringContaining('app.py:3') });
  writeFileSync(join(root, 'app.py'), '');
  expect(run()).toMatchObject({ code: 0, stderr: expect.stringContaining('app.py: set-session is gone') });
  expect(run('--strict-baseline').code).toBe(1);
  writeFileSync(join(root, 'known.json'), '[]');
  expect(run()).toMatchObject({ code: 2, stderr: expect.stringContaining('known.json is no baseline') });
});

test('the plan tells what breaks, and what has nothing else beside it gets a pool in session mode', () => {
  const root = makeRepository({
    'docker-compose.yml': COMPOSE.replace('build: .', 'build: .\n    command: python app.py'),
    'app.py': 'conn.execute("LISTEN jobs")\n',
  });
  const { stdout, stderr } = runCli(['--json'], { cwd: root });
  const report = JSON.parse(stdout);
  expect(report.summary.hazards).toEqual({ error: 1, warning: 0, note: 0 });
  expect(report.hazards).toMatchObject([
    { file: 'app.py', line: 1, rule: 'listen-notify', modes: ['transaction', 'statement'] },
  ]);
  expect(report.sites).toMatchObject([{ action: 'pooled', safety: 'safe' }]);
  expect(stderr).toContain('is in session mode, since nothing that uses it is ready for transaction mode');
  expect(stderr).toContain('error listen-notify app.py:1');
});

test('a comment with a reason keeps a place as it is too', () => {
  const lines = [
    '# pool-migrate-ignore-next-line application-url: bulk loads',
    'LOAD_URL=postgresql://app:pw@postgres:5432/app',
  ];
  const template = (...texts: string[]) => ({ 'docker-compose.yml': COMPOSE, '.env.example': `${texts.join('\n')}\n` });
  const plan = (files: Record<string, string>) => runCli(['--json'], { cwd: makeRepository(files) });
  const report = JSON.parse(plan(template(...lines)).stdout);
  const site = report.sites.find((one: { file: string }) => one.file === '.env.example');
  expect(site).toMatchObject({ action: 'leave', rule: 'suppressed', reason: 'A comment says so: bulk loads' });
  const unused = audit(template('# pool-migrate-ignore-next-line: nothing there', 'LOAD_URL=x'));
  expect(unused.stderr).toContain('.env.example:1: pool-migrate-ignore keeps nothing quiet');
  expect(audit(template(...lines)).stderr).not.toContain('pool-migrate-ignore');
});

test('what the tool has written past the pooler is nothing to tell', () => {
  const root = makeRepository({
    'compose.yml': COMPOSE.replace('build: .', 'build: .\n    command: sh -c "npm run migrate && node server.js"'),
    Dockerfile: 'FROM node:20\nCOPY . .\n',
    'package.json': '{ "scripts": { "migrate": "node-pg-migrate up" }, "dependencies": { "pg": "8.0.0" } }\n',
    'server.js': "new (require('pg').Pool)({ connectionString: process.env.DATABASE_URL });\n",
  });
  const written = runCli(['--write'], { cwd: root });
  expect(written.code).toBe(0);
  expect(written.stderr).toContain('app: node-pg-migrate up (package.json:1)');
  expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('DATABASE_URL_DIRECT');
  // A shell in the container does not look into node_modules/.bin.
  expect(readFileSync(join(root, 'docs/pgbouncer.md'), 'utf8')).toContain(
    `docker compose run --rm app sh -c 'DATABASE_URL="$DATABASE_URL_DIRECT" npx node-pg-migrate up'`,
  );
  const { code, stdout } = runCli(['audit'], { cwd: root });
  expect(code, stdout).toBe(0);
});
