import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { git, makeRepository, runCli } from './repository.ts';

const FILES = {
  'compose.yaml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: hunter2secret, POSTGRES_DB: d }
  app:
    build: .
    environment: { DATABASE_URL: "postgres://u:hunter2secret@db:5432/d" }
`,
  Dockerfile: 'FROM python:3.13\nCMD ["gunicorn", "app:app"]\n',
  '.env.example': 'DATABASE_URL=postgres://u:hunter2secret@db:5432/d\n',
  '.gitignore': '.env\n',
  'big.py': 'x = 1\n',
};

const run = (root: string, ...args: string[]) => runCli(['-C', root, ...args]);
const cache = (root: string) => join(root, '.git/pool-migrate/cache');
const entries = (root: string) => (existsSync(cache(root)) ? readdirSync(cache(root)) : []);
/** Every entry says `planted` from now on. */
function plant(root: string): void {
  for (const name of entries(root)) {
    const path = join(cache(root), name);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), stdout: 'planted' }));
  }
}

function prepared(): string {
  const root = makeRepository(FILES);
  // What changed in the moment of the run is not kept.
  const before = new Date(Date.now() - 60_000);
  for (const name of Object.keys(FILES)) utimesSync(join(root, name), before, before);
  git(root, 'update-index', '--refresh');
  return root;
}

test.each([['--json'], ['--stat'], ['audit', '--json'], ['size', '--json'], ['--check']])(
  '%s %s: the same with what was kept, without it, and the first time; nothing secret is kept',
  (...args) => {
    const root = prepared();
    const words = args.filter(Boolean) as string[];
    const first = run(root, ...words);
    expect(entries(root)).toHaveLength(1);
    expect(run(root, ...words)).toEqual(first);
    expect(run(root, ...words, '--no-cache')).toEqual(first);
    expect(readFileSync(join(cache(root), entries(root)[0] as string), 'utf8')).not.toContain('hunter2secret');
    plant(root);
    expect(run(root, ...words).stdout).toBe('planted');
    expect(run(root, ...words, '--no-cache').stdout).toBe(first.stdout);
  },
);

describe('what was kept is not told any more after', () => {
  const changes: [string, (root: string) => void][] = [
    ['a tracked file changed', root => appendFileSync(join(root, 'big.py'), 'y = 2\n')],
    [
      'a commit',
      root => {
        appendFileSync(join(root, 'big.py'), 'y = 2\n');
        git(root, 'commit', '-qam', 'x');
      },
    ],
    ['an untracked file came', root => writeFileSync(join(root, 'new.env'), 'DB_HOST=db\n')],
    ['an ignored env file came', root => writeFileSync(join(root, '.env'), 'DATABASE_URL=postgres://u:p@db:5432/d\n')],
    ['a file went', root => rmSync(join(root, '.env.example'))],
    ['a mode changed', root => chmodSync(join(root, 'big.py'), 0o755)],
    ['a configuration came', root => writeFileSync(join(root, 'pool-migrate.yml'), 'pool: { port: 7432 }\n')],
    [
      'a file changed that git was told not to look at',
      root => {
        git(root, 'update-index', '--assume-unchanged', 'big.py');
        appendFileSync(join(root, 'big.py'), 'y = 2\n');
      },
    ],
    ['a pattern of ignored files changed', root => appendFileSync(join(root, '.git/info/exclude'), 'docs\n')],
  ];
  test.each(changes)('%s', (_, change) => {
    const root = prepared();
    run(root, '--json');
    plant(root);
    expect(run(root, '--json').stdout).toBe('planted');
    change(root);
    expect(run(root, '--json').stdout).toMatch(/^\{/);
  });

  test('an ignored env file changed', () => {
    const root = prepared();
    writeFileSync(join(root, '.env'), 'DATABASE_URL=postgres://u:p@db:5432/d\n');
    utimesSync(join(root, '.env'), 1, 1);
    run(root, '--json');
    plant(root);
    expect(run(root, '--json').stdout).toBe('planted');
    writeFileSync(join(root, '.env'), 'DATABASE_URL=postgres://u:p@pgbouncer:6432/d\n');
    expect(run(root, '--json').stdout).toMatch(/^\{/);
  });

  test('something else is asked', () => {
    const root = prepared();
    run(root, '--json');
    plant(root);
    expect(run(root, '--json', '--unsafe').stdout).toMatch(/^\{/);
    expect(run(root, 'audit', '--json').stdout).toMatch(/^\{/);
  });
});

test('a file whose time changed alone is the same file', () => {
  const root = prepared();
  run(root, '--json');
  plant(root);
  utimesSync(join(root, 'big.py'), 5, 5);
  expect(run(root, '--json').stdout).toBe('planted');
});

test('nothing is kept of runs that write, choose or show secrets, nor where the folder can not be made', () => {
  const root = prepared();
  for (const words of [['--show-secrets', '--json'], ['--patch', join(root, '../p.patch')], ['--write']])
    run(root, ...words);
  expect(entries(root)).toEqual([]);
  const other = prepared();
  writeFileSync(join(other, '.git/pool-migrate'), 'in the way');
  expect(run(other, '--json').code).toBe(0);
});

test('what is broken in the folder is passed over, and old answers go', () => {
  const root = prepared();
  const first = run(root, '--json');
  for (const name of entries(root)) writeFileSync(join(cache(root), name), '{');
  expect(run(root, '--json')).toEqual(first);
  for (let i = 0; i < 20; i++) {
    writeFileSync(join(cache(root), `old${i}.json`), '{}');
    utimesSync(join(cache(root), `old${i}.json`), 1, 1);
  }
  run(root, '--json', '--unsafe');
  expect(entries(root).length).toBeLessThanOrEqual(12);
});
