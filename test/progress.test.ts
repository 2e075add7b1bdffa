/** What a long run shows meanwhile, at a pseudo-terminal (script of util-linux). */
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeTree } from '../bench/make-tree.mjs';
import { CLI, makeDirectory, runCli } from './repository.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;
if (!hasScript) {
  if (process.env.CI === 'true') throw new Error('script (util-linux) is missing, and CI must have it');
  console.log('skipped: `script` of util-linux, which makes a terminal, is missing');
}

/** A run takes longer than the moment for which nothing is shown. */
const FILES = 3000;
const ERASE = '\r\u001b[2K';
let root: string;
beforeAll(() => {
  root = makeDirectory();
  makeTree(root, FILES);
});

/** All that the terminal gets; stdout goes elsewhere. */
function atTerminal(options: string, columns = 100, env: Record<string, string> = {}): string {
  const command = `stty cols ${columns}; '${process.execPath}' '${CLI}' -C '${root}' --no-cache --color never ${options} >/dev/null`;
  const { CI: _, ...own } = process.env;
  return spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', env: { ...own, ...env } }).stdout;
}

describe.skipIf(!hasScript)('at a terminal', () => {
  test('stage and count, gone before the summary', () => {
    const parts = atTerminal('').split(ERASE);
    expect(parts[0]).toBe('');
    const summary = parts.pop();
    const told = parts
      .slice(1)
      .map(part => /^([A-Z][\w ]+): (\d+) of (\d+) (?:edited )?\w+$/.exec(part)?.slice(1) ?? [part]);
    expect(told.filter(one => one.length === 1)).toEqual([]);
    expect(new Set(told.map(([stage]) => stage)).size).toBeGreaterThan(1);
    expect(told.filter(([, done, total]) => Number(done) > Number(total))).toEqual([]);
    // How far it is when the moment is over depends on the machine; that it moves on does not.
    expect(told.some(([, done]) => Number(done) > 0)).toBe(true);
    expect(summary).toMatch(/^\r\n\d+ files, /);
    expect(summary).not.toMatch(/\d+ of \d+ files/);
  });

  test('no line is longer than the terminal is wide', () => {
    const parts = atTerminal('', 24).split(ERASE).slice(1, -1);
    expect(parts.length).toBeGreaterThan(0);
    expect(parts.filter(part => part.length > 23)).toEqual([]);
  });

  test.each([
    ['--no-progress', {}],
    ['--quiet', {}],
    ['', { CI: 'true' }],
  ])('nothing with %j %j', (options, env) => {
    expect(atTerminal(options, 100, env as Record<string, string>)).not.toContain('\u001b[2K');
  });
});

test('nothing in a file', () => {
  const { stdout, stderr } = runCli(['-C', root, '--no-cache']);
  expect(stdout + stderr).not.toContain('\u001b');
  expect(stderr).not.toMatch(/^(?:Searching|Reading)/m);
});
