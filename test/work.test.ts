/** Work that is counted instead of timed: exact on a tree that is the same everywhere, so that a wider filter or a second read fails here. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTree } from '../bench/make-tree.mjs';
import type { counters } from '../src/model/counters.ts';
import { CLI, copyFixture, PROJECT, runCli } from './repository.ts';

type Counters = typeof counters;

const trees = new Map<number, string>();
beforeAll(() => {
  for (const count of [300, 1000, 2000, 6000]) {
    const root = mkdtempSync(join(tmpdir(), 'pool-migrate-work-'));
    makeTree(root, count);
    trees.set(count, root);
  }
});
afterAll(() => {
  for (const root of trees.values()) rmSync(root, { recursive: true, force: true });
});

function count(root: string, env: Record<string, string> = {}): Counters {
  const { stderr } = runCli(['-C', root, '-q', '--json'], { env: { POOL_MIGRATE_COUNTERS: '1', ...env } });
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Counters;
}

const flat = ({ extracted, ...rest }: Counters): Record<string, number> => ({ ...rest, ...extracted });

test('2,000 files: what is read and parsed is what can matter', () => {
  expect(count(trees.get(2000) as string)).toMatchSnapshot();
});

test('twice the files are twice the work, and no more', () => {
  const [small, large] = [1000, 2000].map(size => flat(count(trees.get(size) as string))) as [
    Record<string, number>,
    Record<string, number>,
  ];
  // Of small numbers the remainder counts.
  for (const [name, value] of Object.entries(large))
    expect.soft(value, name).toBeLessThanOrEqual(2.1 * (small[name] ?? 0) + 2);
});

test('a fixture in which everything is edited', () => {
  expect(count(copyFixture('crawler'))).toMatchSnapshot();
});

test('without filters, every file is read and parsed, and the answer is the same: so the bounds can fail', () => {
  const root = trees.get(300) as string;
  const ask = (env: Record<string, string>) => {
    const { sites, hazards, changes } = JSON.parse(runCli(['-C', root, '-q', '--json', '--no-cache'], { env }).stdout);
    return { sites: sites.filter(({ action }: { action: string }) => action !== 'leave'), hazards, changes };
  };
  const off = { POOL_MIGRATE_FILTERS: 'off' };
  expect(ask(off)).toEqual(ask({}));
  const [filtered, all] = [count(root), count(root, off)];
  expect(all.read).toBeGreaterThan(20 * filtered.read);
  expect(all.trees).toBeGreaterThan(10 * filtered.trees);
});

let expected: string | undefined;

/** A program beside this one, so that it finds the same packages. */
function programWith(worker: string | null): string {
  const folder = join(PROJECT, `.cache/work-test-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(PROJECT, 'dist'), folder, { recursive: true });
  const place = join(folder, 'bin/scan-worker.js');
  if (worker === null) rmSync(place);
  else writeFileSync(place, worker);
  return join(folder, 'bin/cli.js');
}

test.each([
  ['there is none', null],
  ['it fails at once', 'throw new Error("no thread")'],
  [
    'it takes a share and never does it',
    `import { parentPort } from 'node:worker_threads';
parentPort.on('message', ({ control }) => { Atomics.add(control, 0, 64); for (;;); });`,
  ],
])('the second thread of a search: %s, and every file is searched all the same', (_, worker) => {
  const root = trees.get(6000) as string;
  const ask = (program: string) =>
    spawnSync(process.execPath, [program, '-C', root, '-q', '--json', '--no-cache'], { encoding: 'utf8' });
  const program = programWith(worker);
  const { stdout, status } = ask(program);
  rmSync(join(program, '../..'), { recursive: true, force: true });
  expect(status).toBe(0);
  expected ??= ask(CLI).stdout;
  expect(stdout).toBe(expected);
});
