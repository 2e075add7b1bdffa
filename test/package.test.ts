import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyFixture, makeDirectory, makeRepository, PROJECT, smallCompose } from './repository.ts';

test('the packed package installs into an empty folder, runs, and has its types', { timeout: 300_000 }, () => {
  const root = makeDirectory();
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', root], { cwd: PROJECT, stdio: 'pipe' });
  const tarball = readdirSync(root).find(name => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(root, 'package.json'), '{ "private": true, "type": "module" }\n');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `./${tarball}`], {
    cwd: root,
    stdio: 'pipe',
  });

  const fixture = copyFixture('crawler');
  const run = spawnSync('npx', ['--no-install', 'pool-migrate', '-C', fixture], { cwd: root, encoding: 'utf8' });
  expect(run.status).toBe(0);
  expect(run.stdout).toContain('+  pgbouncer:');

  // The modules of a program are followed with the compiler's own parser, which is loaded only then.
  const modules = makeRepository({
    'docker-compose.yml': smallCompose('db', 'DATABASE_URL: postgres://app:pw@db:5432/app').replace(
      'image: acme/app',
      'build: .\n    command: node src/index.js',
    ),
    'src/index.js': "require('./lock');\n",
    'src/lock.js': "require('pg').Client.prototype.query('SELECT pg_advisory_lock(1)');\n",
  });
  const traced = spawnSync('npx', ['--no-install', 'pool-migrate', '-C', modules], { cwd: root, encoding: 'utf8' });
  expect(traced.status).toBe(0);
  expect(traced.stdout).toContain('PGBOUNCER_POOL_MODE:-session');

  writeFileSync(
    join(root, 'use.ts'),
    `import { applyPlan, planMigration, type Plan, undo } from 'pool-migrate';
const plan: Plan = await planMigration({ cwd: process.argv[2] ?? '.' });
const applied = applyPlan(plan);
console.log(applied?.files.length, undo(plan.root).files.length);
`,
  );
  const tsc = spawnSync(
    process.execPath,
    [
      join(PROJECT, 'node_modules/typescript/bin/tsc'),
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--strict',
      '--skipLibCheck',
      '--typeRoots',
      join(PROJECT, 'node_modules/@types'),
      '--types',
      'node',
      'use.ts',
    ],
    { cwd: root, encoding: 'utf8' },
  );
  expect(tsc.stdout).toBe('');
  const used = execFileSync(process.execPath, ['use.js', fixture], { cwd: root, encoding: 'utf8' });
  expect(used).toMatch(/^(\d+) \1$/m);
});
