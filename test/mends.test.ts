/** Certain fixes as edits of the plan, and which services are ready for transaction mode. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeRepository, runCli } from './repository.ts';

const compose = (url: string, more = '') => `services:
  postgres:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
  app:
    build: .
    command: python app.py
    environment:
      DATABASE_URL: ${url}
${more}`;
const PLAIN = compose('postgresql://app:pw@postgres:5432/app');
const SETTINGS =
  "DATABASES = {\n    'default': {\n        'ENGINE': 'django.db.backends.postgresql',\n        'NAME': 'app',\n    },\n}\n";

const write = (files: Record<string, string>, ...args: string[]) => {
  const root = makeRepository(files);
  const result = runCli(['--write', ...args], { cwd: root });
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const again = runCli(['--json', '-q', ...args], { cwd: root });
  return { ...result, root, read, changes: JSON.parse(again.stdout).changes as object[] };
};

test('what the pooled code needs is mended with it, in the style of the file, and once', () => {
  const files = { 'docker-compose.yml': PLAIN, 'settings.py': SETTINGS };
  const safe = write(files);
  expect(safe.read('settings.py')).toBe(
    SETTINGS.replace("postgresql',\n", "postgresql',\n        'DISABLE_SERVER_SIDE_CURSORS': True,\n"),
  );
  expect(safe.stderr).toMatch(
    /Mended with what is pooled\n {2}settings\.py:3 {2}Set DISABLE_SERVER_SIDE_CURSORS to True\./,
  );
  expect(safe.stderr).not.toContain('Breaks behind');
  expect(safe.changes).toEqual([]);
  expect(runCli(['undo'], { cwd: safe.root }).code).toBe(0);
  expect(safe.read('settings.py')).toBe(SETTINGS);
});

test('without a pooler nothing is mended', () => {
  const root = makeRepository({ 'settings.py': SETTINGS });
  expect(JSON.parse(runCli(['--unsafe', '--json'], { cwd: root }).stdout).changes).toEqual([]);
});

test('startup parameters that all clients share go to the pooler, and stay in the direct value', () => {
  const { read, changes } = write(
    {
      'docker-compose.yml': compose(
        'postgresql://app:pw@postgres:5432/app?options=-c%20search_path%3Dapp&connect_timeout=5',
      ),
    },
    '--unsafe',
  );
  const text = read('docker-compose.yml');
  expect(text).toContain("PGBOUNCER_CONNECT_QUERY: SELECT set_config('search_path', 'app', false)\n");
  expect(text).toContain('DATABASE_URL: postgresql://app:pw@pgbouncer:6432/app?connect_timeout=5\n');
  expect(text).toContain(
    'DATABASE_URL_DIRECT: postgresql://app:pw@postgres:5432/app?options=-c%20search_path%3Dapp&connect_timeout=5\n',
  );
  expect(changes).toEqual([]);
});

test.each([
  [
    'another client asks for nothing',
    '  other:\n    build: .\n    environment:\n      DATABASE_URL: postgresql://app:pw@postgres:5432/app\n',
  ],
  [
    'another client asks for something else',
    '  other:\n    build: .\n    environment:\n      DATABASE_URL: postgresql://app:pw@postgres:5432/app?options=-c%20search_path%3Dother\n',
  ],
  [
    'another client has no connection string',
    '  other:\n    build: .\n    environment:\n      DB_HOST: postgres\n      DB_PORT: "5432"\n',
  ],
])('startup parameters stay where %s', (_, more) => {
  const { read } = write(
    { 'docker-compose.yml': compose('postgresql://app:pw@postgres:5432/app?options=-c%20search_path%3Dapp', more) },
    '--unsafe',
  );
  expect(read('docker-compose.yml')).not.toContain('PGBOUNCER_CONNECT_QUERY');
  expect(read('docker-compose.yml')).toContain(
    'URL: postgresql://app:pw@postgres:5432/app?options=-c%20search_path%3Dapp',
  );
});

test.each(['-c search_path=$x', "-c search_path='a'", '-c%20a.b%3D1%20rest', '${OPTIONS}'])(
  'a parameter that cannot be read for certain stays: %s',
  options => {
    const { read } = write(
      { 'docker-compose.yml': compose(`"postgresql://app:pw@postgres:5432/app?options=${options}"`) },
      '--unsafe',
    );
    expect(read('docker-compose.yml')).not.toContain('PGBOUNCER_CONNECT_QUERY');
  },
);

test('SARIF carries the fix', () => {
  const root = makeRepository({ 'docker-compose.yml': PLAIN, 'settings.py': SETTINGS });
  const [result] = JSON.parse(runCli(['audit', '--reporter', 'sarif'], { cwd: root }).stdout).runs[0].results;
  expect(result.fixes[0].artifactChanges[0]).toEqual({
    artifactLocation: { uri: 'settings.py' },
    replacements: [
      {
        deletedRegion: { startLine: 3, startColumn: 50, endLine: 3, endColumn: 50 },
        insertedContent: { text: ",\n        'DISABLE_SERVER_SIDE_CURSORS': True" },
      },
    ],
  });
});

const STACK = `${PLAIN}  worker:
    build: .
    command: python worker.py
    environment:
      DATABASE_URL: postgresql://app:pw@postgres:5432/app
  tenants:
    build: .
    command: python tenants.py
    environment:
      DATABASE_URL: postgresql://app:pw@postgres:5432/app
`;

test('the summary names services that can go to transaction mode, and why others cannot', () => {
  const root = makeRepository({
    'docker-compose.yml': STACK,
    'app.py': 'conn.execute("SELECT 1")\n',
    'worker.py': 'conn.execute("LISTEN jobs")\n',
    'tenants.py': 'conn.execute("SET app.tenant = 1")\n',
  });
  for (const args of [[], ['audit', '--fail-on', 'never']]) {
    const { stderr } = runCli(args, { cwd: root });
    expect(stderr).toContain('1 service is ready for transaction mode: app; 2 services are not:');
    expect(stderr).toContain('worker: listen-notify at worker.py:1; it goes direct.');
    expect(stderr).toContain('tenants: set-session at tenants.py:1; it goes direct.');
  }
  expect(runCli(['audit', '--pool-mode', 'session'], { cwd: root }).stderr).toContain(
    'tenants: set-session at tenants.py:1; a pool in session mode bears it.',
  );
});

test('the HTML report is one page without anything to fetch, secrets or markup of the repository', () => {
  const root = makeRepository({
    'docker-compose.yml': `# <script>alert(1)</script>\n${STACK.replaceAll('app:pw@', 'app:s3cret-pw@')}`,
  });
  const { stdout } = runCli(['--reporter', 'html'], { cwd: root });
  expect(stdout).toMatch(/^<!doctype html>/);
  expect(stdout).not.toMatch(/<script|s3cret|https?:\/\/|src=/);
  expect(stdout).toContain('postgres:5432 → pgbouncer:6432');
});

test('plan and audit have the same reporters, and only one of them writes to stdout', () => {
  const root = makeRepository({ 'docker-compose.yml': PLAIN, 'settings.py': SETTINGS });
  for (const command of ['plan', 'audit'])
    for (const name of ['text', 'diff', 'json', 'sarif', 'github', 'markdown', 'html']) {
      const { code, stdout } = runCli([command, '--reporter', name], { cwd: root });
      expect([command, name, code, stdout !== '']).toEqual([command, name, command === 'audit' ? 1 : 0, true]);
    }
  expect(runCli(['--json', '--reporter', 'diff'], { cwd: root })).toMatchObject({ code: 2, stdout: '' });
  expect(runCli(['--reporter', 'github'], { cwd: root }).stdout).toContain(
    '::warning file=docker-compose.yml,line=9,col=41,title=application-url::postgres:5432 goes past the pooler.',
  );
});
