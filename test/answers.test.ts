/** The loop of a program that migrates: plan, questions with ids, answers, apply. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLI, copiedByCi, makeDirectory, makeRepository, PROJECT, runCli, snapshotTree } from './repository.ts';

const FILES = copiedByCi();

interface Asked {
  id: string;
  question?: { text: string; answers: { id: string; config: string | null }[] };
}
const questions = (root: string, ...args: string[]): Asked[] =>
  JSON.parse(runCli(['-C', root, '--json', '-q', ...args]).stdout).sites.filter((site: Asked) => site.question);
const answersFile = (text: string): string => {
  const path = join(makeDirectory(), 'answers.yml');
  writeFileSync(path, text);
  return path;
};

test('what a question offers is put into a file, and the run with it has no question left', () => {
  const root = makeRepository(FILES);
  const [asked] = questions(root);
  const offered = asked?.question?.answers.find(({ id }) => id === 'pooled')?.config;
  const answers = answersFile(`${offered}\n`);
  expect(questions(root, '--answers', answers)).toEqual([]);
  expect(runCli(['-C', root, '--write', '-q', '--answers', answers]).code).toBe(0);
  expect(readFileSync(join(root, 'dev.env'), 'utf8')).toContain('@pgbouncer:6432/d');
  // What was written stands.
  expect(runCli(['-C', root, '--check', '-q', '--answers', answers]).code).toBe(0);
});

test('an answer is asked for again when the file changes, though nothing else did', () => {
  const root = makeRepository(FILES);
  const [asked] = questions(root);
  const answers = answersFile(`answers: { ${asked?.id}: leave }\n`);
  const decided = () =>
    JSON.parse(runCli(['-C', root, '--json', '-q', '--answers', answers]).stdout).sites.find(
      (site: Asked & { action: string }) => site.id === asked?.id,
    ).action;
  expect(decided()).toBe('leave');
  writeFileSync(answers, `answers: { ${asked?.id}: pooled }\n`);
  expect(decided()).toBe('pooled');
});

test('what is no answer is refused with its place', () => {
  const root = makeRepository(FILES);
  const path = answersFile('answers:\n  nonsense: pooled\n');
  const { code, stderr } = runCli(['-C', root, '--answers', path]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/answers\.yml:2/);
  expect(runCli(['-C', root, '--answers', answersFile('exclude: ["**"]\n')]).code).toBe(2);
});

test('the loop of docs/guides/agents.md, as it stands there', () => {
  const page = readFileSync(join(PROJECT, 'docs/guides/agents.md'), 'utf8');
  const lines = (/```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '').trim().split('\n');
  const root = makeRepository(FILES);
  const before = snapshotTree(root);
  const bin = makeDirectory();
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(join(bin, 'npx'), 0o755);
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, TMPDIR: makeDirectory() };
  const sh = (script: string) => spawnSync('sh', ['-c', script], { cwd: root, env, encoding: 'utf8' });
  const line = (at: number, what: string): string => {
    expect(lines[at]).toContain(what);
    return lines[at] ?? '';
  };
  const work = sh(`${line(0, 'mktemp')}\necho "$work"`).stdout.trim();
  const step = (at: number, what: string, id = '') => sh(`work=${work}\n${line(at, what).replace('ID', id)}`);

  expect(step(1, '# 1.').status).toBe(0);
  const asked: Asked[] = JSON.parse(step(2, '# 2.').stdout);
  expect(asked.map(({ question }) => question?.answers.map(({ config }) => config))).toEqual([
    expect.arrayContaining([`answers: { ${asked[0]?.id}: pooled }`]),
  ]);
  expect(step(3, '# 3.', asked[0]?.id).status).toBe(0);
  expect(step(4, '# 4.').status).toBe(0);
  expect(JSON.parse(step(2, '# 2.').stdout)).toEqual([]);
  // Nothing is written until here.
  expect(snapshotTree(root)).toEqual(before);
  expect(step(5, '# 5.').status).toBe(0);
  expect(readFileSync(join(root, 'dev.env'), 'utf8')).toContain('@pgbouncer:6432/d');
  expect(step(6, '# 6.').status).toBe(0);
  expect(line(7, '# 7.')).toContain('npx pool-migrate verify');
  expect(step(8, 'undo').status).toBe(0);
  expect(snapshotTree(root)).toEqual(before);
});
