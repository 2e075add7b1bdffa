import { describe, expect, test } from 'vitest';
import { matchGlob } from '../src/text/glob.ts';
import { cpuTime } from './cpu-time.ts';

describe('does not match', () => {
  test.each([
    ['', 'a'],
    ['a', ''],
    ['a', 'ab'],
    ['a', 'ba'],
    ['a', 'a/a'],
    ['*', 'a/b'],
    ['*.ts', 'src/a.ts'],
    ['*.ts', 'a.tsx'],
    ['*.ts', 'ats'],
    ['src/*', 'src'],
    ['src/*', 'src/a/b'],
    ['src/*.ts', 'lib/src/a.ts'],
    ['?', ''],
    ['?', '/'],
    ['?', 'ab'],
    ['a?b', 'a/b'],
    ['**/a', 'b'],
    ['**/a', 'xa'],
    ['**/a/b', 'a/x/b'],
    ['src/**', 'src'],
    ['src/**', 'lib/a'],
    ['src/**/a', 'srca'],
    ['src/**/a', 'src/xa'],
    ['{a,b}', 'c'],
    ['{a,b}', 'ab'],
    ['{a,b}', 'a,b'],
    ['a,b', 'a'],
    ['a|b', 'a'],
    ['a+', 'aa'],
    ['[ab]', 'a'],
    ['(a)', 'a'],
    ['a.b', 'axb'],
    ['^a$', 'a'],
    ['a', 'a\n'],
  ])('%j: %j', (glob, text) => {
    expect(matchGlob(glob)(text)).toBe(false);
  });
});

describe('matches', () => {
  test.each([
    ['', ''],
    ['a', 'a'],
    ['a', 'A'],
    ['DB-*', 'db-1'],
    ['*', ''],
    ['*', 'a.b-c d'],
    ['*.ts', 'a.ts'],
    ['*.ts', '.ts'],
    ['a*c', 'ac'],
    ['a*c', 'abbc'],
    ['src/*', 'src/a.ts'],
    ['?', 'a'],
    ['a?c', 'abc'],
    ['**', ''],
    ['**', 'a/b/c'],
    ['**/a', 'a'],
    ['**/a', 'x/a'],
    ['**/a', 'x/y/a'],
    ['src/**', 'src/a'],
    ['src/**', 'src/a/b'],
    ['src/**/a', 'src/a'],
    ['src/**/a', 'src/x/y/a'],
    ['**/*.{yml,yaml}', 'a.yml'],
    ['**/*.{yml,yaml}', 'a/b.yaml'],
    ['{a,b}', 'a'],
    ['{a,b}/{c,d}', 'b/c'],
    ['{a*,**/b}', 'x/y/b'],
    ['{a,}b', 'b'],
    ['{a}', 'a'],
    ['a,b', 'a,b'],
    ['{a,b},c', 'a,c'],
    ['a.b', 'a.b'],
    ['a+b(c)[d]^$|\\', 'a+b(c)[d]^$|\\'],
    ['größe/*', 'größe/ü'],
  ])('%j: %j', (glob, text) => {
    expect(matchGlob(glob)(text)).toBe(true);
  });

  test.each([['{'], ['}'], ['a{b'], ['a}b'], ['{a,b'], ['}{']])('%j, without its other brace, matches itself', glob => {
    expect(matchGlob(glob)(glob)).toBe(true);
  });
});

test('many stars take no more than linear time', () => {
  const matches = matchGlob(`${'*a'.repeat(5)}b`);
  expect(cpuTime(() => expect(matches('a'.repeat(120))).toBe(false))).toBeLessThan(50);
});
