/** The loop of a program that migrates: plan, questions with ids, answers, apply. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copiedByCi, makeDirectory, makeRepository, runCli } from './repository.ts';

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
