import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hazards } from '../rules/hazards.generated.ts';

test('docs/hazards.md is made from the rules and from what the live tests saw', () => {
  execFileSync(process.execPath, ['scripts/hazards-doc.mjs', '--check'], { stdio: 'pipe' });
});

test.each(hazards.map(rule => [rule.id, rule] as const))('%s has its line with its severities', (id, { severity }) => {
  const line = readFileSync('docs/hazards.md', 'utf8')
    .split('\n')
    .find(text => text.startsWith(`| [${id}](`));
  expect(
    line
      ?.split('|')
      .slice(2, 5)
      .map(cell => cell.trim()),
  ).toEqual((['transaction', 'statement', 'session'] as const).map(mode => severity[mode] ?? '–'));
});
