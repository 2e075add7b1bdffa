import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { git, makeDirectory, makeRepository, runCli } from './repository.ts';

const URL = 'postgres://u:p@db:5432/d';
const FILES = {
  'compose.yaml': `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
  app:
    image: acme/app
    environment: { DATABASE_URL: "${URL}" }
`,
  'other.env': `OTHER_URL=${URL}\n`,
  'jobs.py': 'import psycopg\n',
};
const sites = (stdout: string) =>
  (JSON.parse(stdout) as { sites: { file: string; action: string }[] }).sites.map(({ file }) => file);

test('--changed tells, checks and writes what concerns files that differ from HEAD, and no more', () => {
  const root = makeRepository(FILES);
  expect(runCli(['-C', root, '--check']).code).toBe(1);
  expect(runCli(['-C', root, '--check', '--changed']).code).toBe(0);
  expect(sites(runCli(['-C', root, '--changed', '--json']).stdout)).toEqual([]);
  appendFileSync(join(root, 'compose.yaml'), '    ports: ["8000:8000"]\n');
  expect(new Set(sites(runCli(['-C', root, '--changed', '--json']).stdout))).toEqual(new Set(['compose.yaml']));
  expect(runCli(['-C', root, '--check', '--changed']).code).toBe(1);
  expect(runCli(['-C', root, '--changed']).stderr).toContain('--write --changed');
  // As before a commit: what is staged can be had back.
  git(root, 'add', '-A');
  expect(runCli(['-C', root, '--write', '--changed']).code).toBe(0);
  expect(readFileSync(join(root, 'compose.yaml'), 'utf8')).toContain('pgbouncer:6432');
  expect(readFileSync(join(root, 'other.env'), 'utf8')).toBe(FILES['other.env']);
});

test('--changed: a file that git does not track yet is one of them, and the audit is as narrow', () => {
  const root = makeRepository({ ...FILES, 'old.py': 'cur.execute("SET ROLE app")\n' });
  expect(runCli(['-C', root, 'audit', '--changed']).code).toBe(0);
  writeFileSync(join(root, 'new.py'), 'import psycopg\ncur.execute("SET ROLE app")\n');
  const { code, stdout } = runCli(['-C', root, 'audit', '--changed']);
  expect(code).toBe(1);
  expect(stdout).toContain('new.py:2');
  expect(stdout).not.toContain('old.py');
});

test('--since compares with where the branch left', () => {
  const root = makeRepository(FILES);
  git(root, 'branch', 'before');
  appendFileSync(join(root, 'other.env'), 'LEVEL=1\n');
  git(root, 'commit', '-qam', 'x');
  expect(sites(runCli(['-C', root, '--since', 'before', '--json']).stdout)).toEqual(['other.env']);
  expect(sites(runCli(['-C', root, '--since', 'HEAD', '--json']).stdout)).toEqual([]);
  expect(runCli(['-C', root, '--since', 'HEAD']).stderr).toContain('Nothing to do in the files that changed.');
});

test.each([
  [['--since', 'nowhere'], /does not know what changed since nowhere/],
  [['--since', '-x'], /needs a value|is a commit/],
  [['--changed', '--since', 'HEAD'], /exclude each other/],
  [['size', '--changed'], /does not go with size/],
])('%j is a mistake', (args, message) => {
  const { code, stderr } = runCli(['-C', makeRepository(FILES), ...args]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test('a place is decided as in the whole, also where it only follows what is not edited with it', () => {
  const smoke =
    'import os\nurl = os.environ.get("DATABASE_URL", "postgres://u:p@localhost:5432/d")\nif __name__ == "__main__":\n    print(url)\n';
  const published = FILES['compose.yaml'].replace('  app:', '    ports: ["5432:5432"]\n  app:');
  const root = makeRepository({ ...FILES, 'compose.yaml': published });
  const ask = (...args: string[]) =>
    (
      JSON.parse(runCli(['-C', root, '--json', ...args]).stdout) as {
        sites: { file: string; action: string; rule: string }[];
      }
    ).sites
      .filter(({ file }) => file === 'test_models.py')
      .map(({ action, rule }) => [action, rule]);
  writeFileSync(join(root, 'test_models.py'), smoke);
  expect(ask('--changed')).toEqual(ask());
  expect(runCli(['-C', root, '--changed', '--check']).code).toBe(1);
});

test('outside git there is nothing to compare with', () => {
  const { code, stderr } = runCli(['-C', makeDirectory(), '--changed']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/no git work tree/);
});
