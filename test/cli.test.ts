import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  CLI,
  copyFixture,
  listTree,
  makeDirectory,
  makeRepository,
  runCli,
  smallCompose,
  snapshotTree,
} from './repository.ts';

const COMPOSE = smallCompose('postgres', 'DATABASE_URL: postgresql://app:s3cret-pw@postgres:5432/app');

describe('wrong use: exit 2, nothing done', () => {
  test.each([
    [['--wirte'], /Unknown option --wirte.*Did you mean --write\?/],
    [['audti'], /Unknown command audti/],
    [['some/dir'], /-C/],
    [['--write', '--check'], /exclude/],
    [['--pool-port', 'x'], /--pool-port/],
    [['--color', 'blue'], /--color/],
    [['--reporter', 'xml'], /Unknown reporter xml/],
    [['-c', 'missing.yml'], /missing\.yml/],
    [['-C', '/nonexistent/here'], /no such directory/],
    [['explain', 'nothing'], /no rule nothing/],
    [['schema', 'nothing'], /no schema nothing/],
    [['undo', 'x', 'y'], /Too many/],
  ])('%j', (args, message) => {
    const result = runCli(args, { cwd: makeRepository({ 'docker-compose.yml': COMPOSE }) });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain('    at ');
  });

  test.each([
    ['unknown key', 'pool: { hots: x }\n', /pool-migrate\.yml:1:9: pool: .*hots/],
    ['wrong type', 'pool:\n  port: many\n', /pool-migrate\.yml:2:9: pool\.port/],
    ['outside', 'assets: { directory: ../x }\n', /pool-migrate\.yml:1:22: assets\.directory/],
    ['not YAML', 'pool: [\n', /pool-migrate\.yml:\d+:\d+/],
    ['a list', '- a\n', /pool-migrate\.yml:1:1/],
  ])('broken configuration, %s', (_, text, message) => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE, 'pool-migrate.yml': text });
    const result = runCli(['-C', root]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(message);
  });
});

describe('files that can not be analysed are named, and the others go on', () => {
  const cases: [string, string, string | Buffer, RegExp, number][] = [
    ['invalid YAML', 'other/docker-compose.yml', 'services:\n  a: [\n  b: }\n', /other\/docker-compose\.yml:\d+/, 3],
    [
      'binary with a DSN inside',
      'dump.dat',
      Buffer.from('\0\x01postgresql://app:pw@postgres:5432/app\0', 'latin1'),
      /dump\.dat.*binary/,
      0,
    ],
    [
      'latin-1',
      'settings.ini',
      Buffer.from('# d\xe9faut\nurl = postgresql://app:pw@postgres:5432/app\n', 'latin1'),
      /settings\.ini.*UTF-8/,
      3,
    ],
    [
      'UTF-16',
      'settings.cfg',
      Buffer.from('\ufeffurl=postgresql://app:pw@postgres:5432/app', 'utf16le'),
      /settings\.cfg.*UTF-16/,
      3,
    ],
    [
      '50 MB',
      'huge.txt',
      `postgresql://app:pw@postgres:5432/app\n${'x'.repeat(50 * 1024 * 1024)}`,
      /huge\.txt.*MiB/,
      0,
    ],
    [
      'nested too deeply',
      'docker-compose.deep.yml',
      `a: ${'['.repeat(5000)}${']'.repeat(5000)}\n# postgres`,
      /deep\.yml.*nested/,
      3,
    ],
  ];
  test.each(cases)('%s', (_, path, content, message, code) => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE, [path]: content });
    const before = snapshotTree(root);
    const started = Date.now();
    const result = runCli(['-C', root, '--write']);
    expect(Date.now() - started).toBeLessThan(30_000);
    expect(result.code).toBe(code);
    if (message.source !== '^$') expect(result.stderr).toMatch(message);
    expect(snapshotTree(root)[path]).toBe(before[path]);
    expect(readFileSync(join(root, 'docker-compose.yml'), 'utf8')).toContain('@pgbouncer:6432/app');
  });

  test.skipIf(process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status !== 0)('unreadable file', () => {
    const root = makeRepository(
      { 'docker-compose.yml': COMPOSE, 'secret.py': 'u = "postgresql://app:pw@postgres:5432/app"\n' },
      { git: false },
    );
    chmodSync(root, 0o755);
    chmodSync(join(root, 'secret.py'), 0o000);
    const isRoot = process.getuid?.() === 0;
    const command = isRoot
      ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
      : [process.execPath];
    const result = spawnSync(
      command[0] as string,
      [...command.slice(1), join(process.cwd(), 'dist/bin/cli.js'), '-C', root],
      { encoding: 'utf8' },
    );
    expect(result.stderr).toMatch(/secret\.py.*could not be opened/);
    expect(result.status).toBe(0);
  });
});

describe('nothing to do is said in words', () => {
  test('no Postgres at all', () => {
    const result = runCli(['-C', makeRepository({ 'README.md': '# x\n' }), '--write']);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('No Postgres service was found');
  });

  test('an empty directory without git', () => {
    expect(runCli(['-C', makeDirectory()])).toMatchObject({ code: 0, stdout: '' });
  });

  test('a directory without git is migrated too, and its ignored files are not', () => {
    const root = makeRepository(
      {
        'docker-compose.yml': COMPOSE,
        '.gitignore': 'local/\n',
        'local/a.py': 'u = "postgresql://app:pw@postgres:5432/app"\n',
      },
      { git: false },
    );
    expect(runCli(['-C', root, '--write']).code).toBe(0);
    expect(readFileSync(join(root, 'local/a.py'), 'utf8')).toContain('postgres:5432');
    expect(existsSync(join(root, '.pool-migrate'))).toBe(true);
    expect(runCli(['-C', root, 'undo']).code).toBe(0);
    expect(readFileSync(join(root, 'docker-compose.yml'), 'utf8')).toBe(COMPOSE);
  });
});

describe('output', () => {
  const root = makeRepository({ 'docker-compose.yml': COMPOSE });

  test('the diff goes to stdout, the summary to stderr, no password to either', () => {
    const { stdout, stderr } = runCli(['-C', root]);
    expect(stdout).toContain('+      DATABASE_URL: postgresql://app:****@pgbouncer:6432/app');
    expect(stderr).toContain('npx pool-migrate');
    expect(stdout + stderr).not.toContain('s3cret-pw');
  });

  test('--json is one object and nothing else', () => {
    expect(JSON.parse(runCli(['-C', root, '--json', '-q']).stdout)).toMatchObject({ version: 1 });
  });

  test('--patch holds the real text with mode 0600', () => {
    const file = join(makeDirectory(), 'x.patch');
    const { stdout, stderr } = runCli(['-C', root, '--patch', file]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('s3cret-pw');
    expect(stdout + stderr).not.toContain('s3cret-pw');
  });

  test.each([
    [{}, false],
    [{ CI: 'true' }, false],
    [{ FORCE_COLOR: '0' }, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [{ FORCE_COLOR: '1' }, true],
  ])('colour with %j: %s', (env, colored) => {
    const { stdout } = runCli(['-C', root], { env });
    expect(stdout.includes('\u001b[')).toBe(colored);
    expect(runCli(['-C', root, '--color', 'never'], { env }).stdout).not.toContain('\u001b');
    expect(runCli(['-C', root, '--color', 'always'], { env }).stdout).toContain('\u001b[');
  });

  test('--check: 1 while changes are pending, 0 after', () => {
    const other = copyFixture('crawler');
    expect(runCli(['-C', other, '--check'])).toMatchObject({ code: 1 });
    expect(runCli(['-C', other, '--write']).code).toBe(0);
    expect(runCli(['-C', other, '--check']).code).toBe(0);
    expect(runCli(['-C', other, '--check', '--strict']).code).toBe(1);
  });

  test('--help and --version', () => {
    expect(runCli(['--help']).stdout).toContain('Exit codes');
    expect(runCli(['--version']).stdout.trim()).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
  });
});

test('keys of git-ignored env files are named, and their values are not', () => {
  const root = makeRepository({
    'docker-compose.yml': COMPOSE,
    '.gitignore': '.env\n',
    '.env.example': 'DATABASE_URL=postgresql://app:pw@postgres:5432/app\n',
  });
  writeFileSync(join(root, '.env'), 'DATABASE_URL=postgresql://app:local-s3cret@postgres:5432/app\n');
  const { stdout, stderr } = runCli(['-C', root]);
  expect(stderr).toMatch(/\.env: DATABASE_URL/);
  expect(stdout + stderr).not.toContain('local-s3cret');
  expect(JSON.parse(runCli(['-C', root, '--json']).stdout).localEnv).toEqual([
    { file: '.env', key: 'DATABASE_URL', action: 'pooled' },
  ]);
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  expect(readFileSync(join(root, '.env'), 'utf8')).toContain('postgres:5432');
  expect(runCli(['-C', root, '--write', '--include-ignored-env']).code).toBe(0);
  expect(readFileSync(join(root, '.env'), 'utf8')).toContain('pgbouncer:6432');
});

test('git settings of the scanned repository are not run', () => {
  const root = makeRepository({ 'docker-compose.yml': COMPOSE, 'hook.sh': '#!/bin/sh\ntouch "$(dirname "$0")/ran"\n' });
  for (const [key, value] of [
    ['core.fsmonitor', './hook.sh'],
    ['diff.external', './hook.sh'],
    ['core.hooksPath', '.'],
  ] as const) {
    spawnSync('git', ['config', key, value], { cwd: root });
  }
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  expect(listTree(root)).not.toContain('ran');
});

test('a migration in the command of an application gets the direct variable', () => {
  const compose = (command: string, url: string, more = '') => `services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: pw }
  web:
    build: .
    command: ${command}
    environment:
      DATABASE_URL: ${url}
${more}`;
  const before = compose('sh -c "alembic upgrade head && uvicorn app:app"', 'postgres://postgres:pw@db:5432/app');
  const root = makeRepository({ 'docker-compose.yml': before });
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  const after = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  expect(after).toContain(
    'command: sh -c "DATABASE_URL=$$DATABASE_URL_DIRECT alembic upgrade head && uvicorn app:app"',
  );
  expect(after).toContain(
    'DATABASE_URL: postgres://postgres:pw@pgbouncer:6432/app\n      DATABASE_URL_DIRECT: postgres://postgres:pw@db:5432/app',
  );
  expect(JSON.parse(runCli(['-C', root, '--json']).stdout).changes).toEqual([]);
});

describe('hostile input ends in words', () => {
  const write = (files: Record<string, string>) => makeRepository({ 'docker-compose.yml': COMPOSE, ...files });
  test.each([
    ['a map that merges itself', { 'other/compose.yml': 'services:\n  p: &p\n    image: postgres\n    <<: *p\n' }],
    [
      'merges that multiply',
      {
        'other/compose.yml': `${[...'abcdefg']
          .map(
            (name, i, all) =>
              `x-${name}: &${name} {${
                i === 0
                  ? 'k: v'
                  : `<<: [${Array(10)
                      .fill(`*${all[i - 1]}`)
                      .join(', ')}]`
              }}\n`,
          )
          .join('')}services:\n  a: {<<: *g, image: x}\n`,
      },
    ],
    ['keys without end', { 'other/compose.yml': `${'? '.repeat(1000)}services\n` }],
    ['a long line of endpoints', { 'docs/a.md': 'postgres:5432 '.repeat(10_000) }],
    ['a long line of schemes', { 'docs/a.md': 'x://a:b:c/ '.repeat(10_000) }],
    ['nested lists', { 'docs/a.md': `${'* '.repeat(20_000)}postgres:5432` }],
    ['a section that never ends', { 'README.md': 'pool-migrate:start '.repeat(20_000) }],
  ])('%s', (_, files) => {
    const started = Date.now();
    const result = runCli(['-C', write(files as Record<string, string>), '--json']);
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout).summary.sites.pooled).toBe(1);
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  test('a configuration that is a device', () => {
    const root = write({});
    symlinkSync('/dev/zero', join(root, 'pool-migrate.yml'));
    expect(runCli(['-C', root]).code).toBe(0);
    expect(runCli(['-C', root, '-c', join(root, 'pool-migrate.yml')]).code).toBe(2);
  });

  test('init does not follow a link', () => {
    const root = write({});
    const target = join(makeDirectory(), 'new.yml');
    symlinkSync(target, join(root, 'pool-migrate.yml'));
    expect(runCli(['-C', root, 'init', '--force']).code).toBe(3);
    expect(existsSync(target)).toBe(false);
  });

  test.each([
    ['--__proto__=x'],
    ['--constructor=x'],
    ['--pool-port=1e3'],
    ['--pgbouncer-version=abc'],
    ['--out=/nonexistent/x'],
  ])('%s', option => {
    expect(runCli(['-C', write({}), option]).code).toBe(2);
  });

  test('a closed pipe changes neither the work nor the exit code', () => {
    const root = write({});
    const check = spawnSync('bash', [
      '-c',
      `set -o pipefail; "${process.execPath}" "${CLI}" -C "${root}" --check -q | true`,
    ]);
    expect(check.status).toBe(1);
    spawnSync('bash', ['-c', `"${process.execPath}" "${CLI}" -C "${root}" --write --json -q | true`]);
    expect(readFileSync(join(root, 'docker-compose.yml'), 'utf8')).toContain('@pgbouncer:6432/app');
  });
});

test('an alias that gives an application and a migration one value is split', () => {
  const root = makeRepository({
    'docker-compose.yml': `services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: pw }
  web:
    image: acme/web
    environment:
      DATABASE_URL: &u postgresql://postgres:pw@db:5432/app
  migrate:
    image: acme/web
    command: alembic upgrade head
    environment:
      DATABASE_URL: *u
`,
  });
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  const after = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  expect(after).toContain('DATABASE_URL: &u postgresql://postgres:pw@pgbouncer:6432/app');
  expect(after).toContain(
    'command: alembic upgrade head\n    environment:\n      DATABASE_URL: postgresql://postgres:pw@db:5432/app',
  );
});

test('a password that can not be copied keeps the pooler away, and says so', () => {
  const compose = COMPOSE.replace(
    'environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }',
    'environment:\n      POSTGRES_PASSWORD: >-\n        pw',
  );
  const report = JSON.parse(runCli(['-C', makeRepository({ 'docker-compose.yml': compose }), '--json']).stdout);
  expect(report.sites).toMatchObject([{ action: 'review', rule: 'no-place-for-pooler' }]);
});

test('UTF-16 files are refused by name, and nothing behind a directory that became a link is read', () => {
  const wide = Buffer.from('\ufeffDATABASE_URL=postgresql://app:pw@postgres:5432/app\n', 'utf16le');
  const root = makeRepository({
    'docker-compose.yml': COMPOSE,
    '.env.example': wide,
    'conf/.env.example': 'DATABASE_URL=postgresql://app:pw@postgres:5432/app\n',
  });
  const outside = makeRepository({ '.env.example': 'DATABASE_URL=postgresql://app:pw@postgres:5432/other\n' });
  rmSync(join(root, 'conf'), { recursive: true });
  symlinkSync(outside, join(root, 'conf'));
  const result = runCli(['--json'], { cwd: root });
  const report = JSON.parse(result.stdout);
  expect(report.refused).toEqual([{ file: '.env.example', reason: expect.stringContaining('UTF-16') }]);
  expect(report.sites.map(({ file }: { file: string }) => file)).toEqual(['docker-compose.yml']);
});

describe('completion', () => {
  const complete = (line: string) => {
    const script = runCli(['completion', 'bash'], { cwd: makeDirectory() }).stdout;
    const words = line.split(' ');
    const run = `${script}\nCOMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _pool_migrate; echo "\${COMPREPLY[*]}"`;
    return spawnSync('bash', ['-c', run], { encoding: 'utf8' }).stdout.trim();
  };

  test.each([
    ['pool-migrate au', 'audit'],
    ['pool-migrate --wr', '--write'],
    ['pool-migrate --base ', 'alpine debian'],
    ['pool-migrate audit --fail-on w', 'warning'],
  ])('%s', (line, expected) => {
    expect(complete(line)).toBe(expected);
  });

  test('other shells, and none', () => {
    const run = (shell: string) => runCli(['completion', shell], { cwd: makeDirectory() });
    expect(run('fish').stdout).toContain("complete -c pool-migrate -l base -x -a 'alpine debian'");
    expect(run('zsh').stdout).toMatch(/^#compdef pool-migrate/);
    expect(run('tcsh')).toMatchObject({ code: 2, stdout: '' });
  });
});
