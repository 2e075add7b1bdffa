import { expect, test } from 'vitest';
import { knownHoles, listKnownHoles, securityFloor } from '../pgbouncer/versions.ts';

const list = (version: string): string[] => listKnownHoles(version).map(hole => hole.id);

test.each([
  // must not be blamed
  ['1.26.1', 'CVE-2026-107350', false],
  ['1.27.0', 'CVE-2026-107350', false],
  ['2.0', 'CVE-2021-3935', false],
  ['1.16.1', 'CVE-2026-107350', false],
  ['1.19.1', 'CVE-2026-107349', false],
  ['1.20.1', 'CVE-2026-107348', false],
  ['1.24.1', 'CVE-2025-2291', false],
  ['1.25.1', 'CVE-2025-12819', false],
  ['1.10.0', 'CVE-2026-19888', false],
  ['1.100.0', 'CVE-2026-6668', false],
  // has it
  ['1.26.0', 'CVE-2026-107350', true],
  ['1.17.0', 'CVE-2026-107350', true],
  ['1.20.0', 'CVE-2026-107349', true],
  ['1.24.0', 'CVE-2025-2291', true],
  ['1.24', 'CVE-2025-2291', true],
  ['1.25.0', 'CVE-2025-12819', true],
  ['1.25.1', 'CVE-2026-6664', true],
  ['PgBouncer 1.18.0\nlibevent 2.1.12-stable', 'CVE-2026-19888', true],
  ['1.24.1-1+deb13u2', 'CVE-2026-6668', true],
])('%s, %s: %j', (version, id, expected) => {
  expect(list(version).includes(id)).toBe(expected);
});

test('from the security floor on, nothing is known; just before it, something is', () => {
  expect(list(securityFloor)).toEqual([]);
  expect(list('1.26.0')).toEqual(['CVE-2026-107350', 'CVE-2026-107349', 'CVE-2026-107348']);
});

test('each hole is named once, with one sentence and its source', () => {
  expect(new Set(knownHoles.map(hole => hole.id)).size).toBe(knownHoles.length);
  for (const { summary, source } of knownHoles) {
    expect(summary).toMatch(/^[A-Za-z].*\.$/);
    expect(source).toMatch(/^https:/);
  }
});

test.each(['', 'latest', 'edge'])('%j is no version', text => {
  expect(() => listKnownHoles(text)).toThrow('is no version of PgBouncer');
});
