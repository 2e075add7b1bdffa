import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyPlan } from '../src/apply/apply.ts';
import { undo } from '../src/apply/undo.ts';
import { RefusedError, UsageError } from '../src/model/errors.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import {
  CLI,
  commitAll,
  copyFixture,
  makeDirectory,
  makeRepository,
  PROJECT,
  runCli,
  snapshotTree,
} from './repository.ts';

const DSN = 'postgresql://app:pw@postgres:5432/app';
const COMPOSE = `services:
  postgres:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw }
  app:
    image: acme/app
    environment:
      DATABASE_URL: ${DSN}
`;
const FILES = {
  'docker-compose.yml': COMPOSE,
  'run.sh': `#!/bin/sh\nDATABASE_URL=${DSN} app\n`,
  'app.py': `URL = "${DSN}"\n`,
};

describe('nothing is written where one file can not be', () => {
  const spoilers: [string, (root: string) => void, RegExp][] = [
    [
      'changed since the plan',
      root => writeFileSync(join(root, 'app.py'), `URL = "${DSN}" # new\n`),
      /app\.py: changed/,
    ],
    ['gone since the plan', root => rmSync(join(root, 'app.py')), /app\.py: is gone/],
    ['read-only', root => chmodSync(join(root, 'app.py'), 0o444), /app\.py: is read-only/],
    ['hard-linked', root => linkSync(join(root, 'app.py'), join(root, 'twin.py')), /app\.py: has other hard links/],
    [
      'became a link',
      root => {
        const outside = join(makeDirectory(), 'x.py');
        writeFileSync(outside, readFileSync(join(root, 'app.py')));
        rmSync(join(root, 'app.py'));
        symlinkSync(outside, join(root, 'app.py'));
      },
      /app\.py: is no regular file/,
    ],
    [
      'a directory that leads outside',
      root => symlinkSync(makeDirectory(), join(root, 'pgbouncer')),
      /pgbouncer\/.*leaves the repository/,
    ],
    [
      'a new file appeared',
      root => {
        mkdirSync(join(root, 'pgbouncer'));
        writeFileSync(join(root, 'pgbouncer/Dockerfile'), 'mine\n');
      },
      /pgbouncer\/Dockerfile: exists already/,
    ],
    [
      'a name that differs only in case',
      root => {
        mkdirSync(join(root, 'pgbouncer'));
        writeFileSync(join(root, 'pgbouncer/dockerfile'), 'mine\n');
      },
      /dockerfile exists/,
    ],
  ];
  test.each(spoilers)('%s', async (_, spoil, message) => {
    const root = makeRepository(FILES);
    const plan = await planMigration({ cwd: root });
    spoil(root);
    const before = snapshotTree(root);
    expect(() => applyPlan(plan, { force: true })).toThrow(RefusedError);
    expect(() => applyPlan(plan, { force: true })).toThrow(message);
    expect(snapshotTree(root)).toEqual(before);
  });

  test('uncommitted changes of a planned file, but not of others', async () => {
    const root = makeRepository({ ...FILES, 'other.txt': 'a\n' });
    writeFileSync(join(root, 'other.txt'), 'b\n');
    writeFileSync(join(root, 'app.py'), `# mine\nURL = "${DSN}"\n`);
    const result = runCli(['-C', root, '--write']);
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/app\.py/);
    expect(result.stderr).not.toMatch(/other\.txt/);
    expect(runCli(['-C', root, '--write', '--force']).code).toBe(0);
  });
});

test('a failure in the middle puts everything back', async () => {
  const root = makeRepository(FILES);
  const plan = await planMigration({ cwd: root });
  const victim = plan.changes.find(change => change.file === 'run.sh');
  const digest = victim?.digest;
  const before = snapshotTree(root);
  Object.defineProperty(victim, 'digest', {
    // Right for the first checks, wrong for the one just before the rename.
    get: (() => {
      let reads = 0;
      return () => (++reads < 3 ? digest : 'changed');
    })(),
  });
  expect(() => applyPlan(plan)).toThrow(/Every file is as it was/);
  expect(snapshotTree(root)).toEqual(before);
  expect(readdirSync(root).filter(name => name.includes('.tmp'))).toEqual([]);
});

test.each([0, 1, 2, 5, 9, 13, 16, 19])(
  'killed at step %i of writing: undo restores, and nothing is left lying about',
  stop => {
    const root = copyFixture('crawler');
    const before = snapshotTree(root);
    const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    let n = 0;
    for (const name of ['renameSync', 'linkSync']) {
      const real = fs[name];
      fs[name] = (...args) => { if (n++ === Number(process.env.STOP)) process.kill(process.pid, 'SIGKILL'); return real(...args); };
    }
    syncBuiltinESMExports();
    const { planMigration, applyPlan } = await import(${JSON.stringify(join(PROJECT, 'dist/src/index.js'))});
    applyPlan(await planMigration({ cwd: ${JSON.stringify(root)} }));
  `;
    const env = { ...process.env, STOP: String(stop) };
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
    expect(result.signal).toBe('SIGKILL');
    // Before the journal there is nothing to take back.
    if (stop === 0) expect(() => undo(root)).toThrow(UsageError);
    else undo(root);
    expect(snapshotTree(root)).toEqual(before);
  },
);

test('two runs at once: one writes, the other is refused, nothing is lost', async () => {
  const root = copyFixture('crawler');
  const start = () =>
    new Promise<number | null>(done => spawn(process.execPath, [CLI, '-C', root, '--write', '-q']).on('close', done));
  const codes = await Promise.all([start(), start(), start(), start()]);
  expect(codes).toContain(0);
  expect(codes.every(code => code === 0 || code === 3)).toBe(true);
  expect((await planMigration({ cwd: root })).changes).toEqual([]);
});

describe('a journal that somebody else put there', () => {
  const forge = (root: string, journal: object) => {
    mkdirSync(join(root, '.pool-migrate/X'), { recursive: true });
    writeFileSync(join(root, '.pool-migrate/X/0.original'), 'pwned');
    writeFileSync(join(root, '.pool-migrate/X/journal.json'), JSON.stringify(journal));
  };
  test.each([
    ['a path that leads out', { file: '../victim', original: '0.original' }],
    ['an absolute path', { file: '/tmp/victim', original: '0.original' }],
    ['an original elsewhere', { file: 'app.py', original: '../../x' }],
    ['the git directory', { file: '.git/config', original: '0.original' }],
  ])('%s', (_, entry) => {
    const root = makeRepository(FILES, { git: false });
    forge(root, {
      version: 1,
      run: 'X',
      root,
      state: 'done',
      directories: [],
      entries: [{ before: 'x', after: 'y', mode: 0o644, ...entry }],
    });
    expect(() => undo(root)).toThrow(UsageError);
  });

  test('no journal at all, or a broken one, does not hide the others', async () => {
    const root = makeRepository(FILES, { git: false });
    const before = snapshotTree(root);
    applyPlan(await planMigration({ cwd: root }));
    forge(root, {});
    writeFileSync(join(root, '.pool-migrate/X/journal.json'), '{bad');
    writeFileSync(join(root, '.pool-migrate/file'), '');
    undo(root);
    const after = snapshotTree(root);
    for (const path of Object.keys(after)) if (path.startsWith('.pool-migrate/')) delete after[path];
    expect(after).toEqual(before);
  });

  test('a link in the place of the journal is refused', async () => {
    const root = makeRepository(FILES, { git: false });
    const outside = makeDirectory();
    symlinkSync(outside, join(root, '.pool-migrate'));
    const plan = await planMigration({ cwd: root });
    expect(() => applyPlan(plan)).toThrow(RefusedError);
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe('undo', () => {
  test('keeps modes, and is done once', async () => {
    const root = makeRepository(FILES);
    const before = snapshotTree(root);
    const applied = applyPlan(await planMigration({ cwd: root }));
    expect(statSync(join(root, 'run.sh')).mode & 0o777).toBe(0o755);
    expect(statSync(join(root, 'pgbouncer/docker-entrypoint.sh')).mode & 0o777).toBe(0o755);
    expect(undo(root).run).toBe(applied?.run);
    expect(snapshotTree(root)).toEqual(before);
    expect(() => undo(root)).toThrow(UsageError);
    expect(() => undo(root, applied?.run)).toThrow(/already/);
  });

  test('refuses files that were edited since, and touches none', async () => {
    const root = makeRepository(FILES);
    applyPlan(await planMigration({ cwd: root }));
    writeFileSync(join(root, 'app.py'), 'mine\n');
    const before = snapshotTree(root);
    expect(runCli(['-C', root, 'undo'])).toMatchObject({ code: 3 });
    expect(snapshotTree(root)).toEqual(before);
  });

  test('the journal lies in the git directory, of a worktree too, and only its owner reads it', async () => {
    const root = makeRepository(FILES);
    const tree = join(makeDirectory(), 'tree');
    execFileSync('git', ['worktree', 'add', '-q', tree], { cwd: root });
    const applied = applyPlan(await planMigration({ cwd: tree }));
    const directory = join(root, '.git/worktrees/tree/pool-migrate', applied?.run ?? '');
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(undo(tree).files.length).toBeGreaterThan(3);
  });
});

test('a reviewed plan is applied exactly, or not at all', () => {
  const root = makeRepository(FILES);
  const file = join(makeDirectory(), 'plan.json');
  expect(runCli(['-C', root, 'plan', '--out', file, '-q']).code).toBe(0);
  writeFileSync(join(root, 'app.py'), `URL = "${DSN}"  # moved\n`);
  commitAll(root);
  expect(runCli(['-C', root, 'apply', file])).toMatchObject({ code: 3 });
  writeFileSync(join(root, 'app.py'), FILES['app.py']);
  expect(runCli(['-C', root, 'apply', file, '--force'])).toMatchObject({ code: 0 });
  expect(readFileSync(join(root, 'app.py'), 'utf8')).toContain('pgbouncer:6432');
});

test('an asset that is there is never overwritten', async () => {
  const root = makeRepository({ ...FILES, 'docs/pgbouncer.md': 'mine\n' });
  const plan = await planMigration({ cwd: root });
  expect(plan.notes.join()).toContain('docs/pgbouncer.md exists');
  applyPlan(plan);
  expect(readFileSync(join(root, 'docs/pgbouncer.md'), 'utf8')).toBe('mine\n');
});

test('a linked document is edited once, at its target', async () => {
  const root = makeRepository({ ...FILES, 'README.md': `# x\n\nUse \`${DSN}\`.\n` }, { git: false });
  symlinkSync('README.md', join(root, 'INTRO.md'));
  commitAll(root);
  const plan = await planMigration({ cwd: root });
  expect(plan.changes.map(change => change.file)).toContain('README.md');
  expect(plan.changes.map(change => change.file)).not.toContain('INTRO.md');
});
