/** What is published: what is in the tarball, and that it installs, runs and has its types. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { beforeAll, expect, test } from 'vitest';
import { copyFixture, makeDirectory, makeRepository, PROJECT, smallCompose } from './repository.ts';

interface Packed {
  /** Bytes. */
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

let packed: Packed;
let tarball: Buffer;
/** An empty folder, into which the tarball was installed. */
let root: string;
beforeAll(() => {
  root = makeDirectory();
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', root];
  [packed] = JSON.parse(execFileSync('npm', pack, { cwd: PROJECT, encoding: 'utf8', stdio: 'pipe' }));
  const name = readdirSync(root).find(entry => entry.endsWith('.tgz')) ?? '';
  tarball = readFileSync(join(root, name));
  writeFileSync(join(root, 'package.json'), '{ "private": true, "type": "module" }\n');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `./${name}`], {
    cwd: root,
    stdio: 'pipe',
  });
}, 300_000);

const installed = (path: string) => join(root, 'node_modules/pool-migrate', path);

test('it holds what a user needs, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const names = (folder: string) =>
    [
      ...new Set(paths.filter(path => path.startsWith(folder)).map(path => path.slice(folder.length).split('/')[0])),
    ].sort();
  expect(names('')).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json', 'rules']);
  expect(names('dist/')).toEqual(['AGENTS.md', 'THIRD-PARTY.txt', 'bin', 'codemods', 'pgbouncer', 'rules', 'src']);
  // The program is in dist/bin; its sources import what is bundled there and not installed.
  expect(names('dist/src/')).not.toContain('cli');
  const allowed = /^dist\/.*\.(?:js|d\.ts)$|^rules\/(?:hazards\/)?[\w-]+\.yml$/;
  expect(paths.filter(path => path.includes('/') && !allowed.test(path))).toEqual([
    'dist/AGENTS.md',
    'dist/THIRD-PARTY.txt',
  ]);
  expect(paths).toEqual(expect.arrayContaining(['rules/images.yml', 'rules/3-direct.yml', 'rules/hazards/1-sql.yml']));
  // Each rule of the repository is there.
  const rules = readdirSync(join(PROJECT, 'rules'), { recursive: true, encoding: 'utf8' });
  expect(paths.filter(path => path.startsWith('rules/'))).toHaveLength(
    rules.filter(path => path.endsWith('.yml')).length,
  );
});

test('it stays small', () => {
  expect(packed.size).toBeLessThan(1.6e6);
  expect(packed.unpackedSize).toBeLessThan(7e6);
  expect(packed.files.length).toBeLessThan(750);
  const { dependencies } = JSON.parse(readFileSync(installed('package.json'), 'utf8'));
  expect(Object.keys(dependencies).length).toBeLessThanOrEqual(15);
});

test('no key, no token, and no folder of the machine that built it is in it', () => {
  const secret =
    /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n|\b(?:npm_|gh[pousr]_)\w{36}\b|\bAKIA[0-9A-Z]{16}\b|\/\/[\w.-]+\/:_authToken/;
  const found = packed.files.filter(({ path }) => {
    const text = readFileSync(installed(path), 'utf8');
    return secret.test(text) || text.includes(PROJECT) || text.includes('sourceMappingURL=');
  });
  expect(found).toEqual([]);
});

test('publint and attw find nothing', async () => {
  const { messages } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer }, strict: true });
  expect(messages).toEqual([]);
  const analysis = await checkPackage(createPackageFromTarballData(Uint8Array.from(tarball)));
  // All that runs this can `require` an ES module, which the next test does.
  expect(analysis.types && analysis.problems.map(({ kind }) => kind)).toEqual(['CJSResolvesToESM']);
});

test('the interface is there for import and for require', () => {
  const names = ['RefusedError', 'UsageError', 'applyPlan', 'planMigration', 'toReport', 'toSizeReport', 'undo'];
  for (const [file, load] of [
    ['load.mjs', "import * as it from 'pool-migrate';"],
    ['load.cjs', "const it = require('pool-migrate');"],
  ] as const) {
    writeFileSync(join(root, file), `${load}\nprocess.stdout.write(JSON.stringify(Object.keys(it).sort()));\n`);
    expect(JSON.parse(execFileSync(process.execPath, [join(root, file)], { encoding: 'utf8' }))).toEqual(names);
  }
});

test('npx runs it', () => {
  const run = spawnSync('npx', ['--no-install', 'pool-migrate', '-C', copyFixture('crawler')], {
    cwd: root,
    encoding: 'utf8',
  });
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
});

/** E.g. TEST_NODES=/tools/nodes with 22/bin/node and 24/bin/node (scripts/install-test-tools.sh). */
const nodes = process.env.TEST_NODES ?? '';
const majors = nodes === '' ? [] : readdirSync(nodes).sort();
if (majors.length < 2) {
  if (process.env.CI === 'true' && process.arch === 'x64')
    throw new Error('TEST_NODES is missing, and CI must have it');
  process.stdout.write('TEST_NODES is not set: other majors of Node are not tried\n');
}
test.each(majors)('Node %s says the same', (major = '') => {
  const node = join(nodes, major, 'bin/node');
  expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toMatch(new RegExp(`^v${major}\\.`));
  const fixture = copyFixture('crawler');
  const [here, there] = [process.execPath, node].map(program => {
    const args = [installed('dist/bin/cli.js'), '-C', fixture, '--no-cache'];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: root });
    return { status, stdout, stderr };
  });
  expect(here?.stdout).toContain('+  pgbouncer:');
  expect(there).toEqual(here);
});

test('its types hold in a program that uses it', () => {
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
  const used = execFileSync(process.execPath, ['use.js', copyFixture('crawler')], { cwd: root, encoding: 'utf8' });
  expect(used).toMatch(/^(\d+) \1$/m);
});

interface Component {
  name: string;
  version: string;
  licenses: unknown[];
  properties: { name: string; value: string }[];
}

test('the bill of materials names what is installed and what is bundled, and the licences of the latter are there', () => {
  const sbom = JSON.parse(
    execFileSync(process.execPath, ['scripts/sbom.mjs'], { cwd: PROJECT, encoding: 'utf8', maxBuffer: 1 << 28 }),
  );
  expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'pool-migrate' } } });
  const components: Component[] = sbom.components;
  const lock = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8'));
  const installedNames = Object.keys(lock.packages).map(path => path.replace(/^.*node_modules\//, ''));
  const listed = new Set(components.map(({ name }) => name));
  expect(installedNames.filter(name => name !== 'pool-migrate' && !listed.has(name))).toEqual([]);
  expect(components.filter(({ licenses }) => licenses.length === 0)).toEqual([]);

  const bundled = components.filter(({ properties }) =>
    properties.some(({ name, value }) => name === 'pool-migrate:bundled' && value === 'true'),
  );
  // What is no development tool and not bundled either must have been installed.
  const names = new Set(installedNames);
  expect(components.filter(it => !bundled.includes(it) && !names.has(it.name))).toEqual([]);
  const licences = readFileSync(installed('dist/THIRD-PARTY.txt'), 'utf8');
  for (const { name, version } of bundled) expect(licences).toContain(`${name}@${version} (`);
  expect(bundled.map(({ name }) => name)).toEqual(expect.arrayContaining(['zod', 'yaml', '@modelcontextprotocol/sdk']));
});
