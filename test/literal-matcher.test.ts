import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultConfig } from '../src/config/config.ts';
import { buildMatcher } from '../src/discover/literal-matcher.ts';
import { AUDIT_LITERALS } from '../src/routes/candidates.ts';
import { planMigration } from '../src/run/index.ts';
import { siteLiterals } from '../src/run/prefilter.ts';

test('finds what includes() finds, and nothing else', () => {
  const word = fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom('a', 'b', 'c', 'é') });
  const text = fc.string({ maxLength: 40, unit: fc.constantFrom('a', 'b', 'c', 'd', 'é') });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), text, (words, haystack) => {
      const groups = [words.slice(0, 3), words.slice(3)];
      const expected = groups.map(group => group.some(one => haystack.includes(one)));
      const found = buildMatcher(groups)(Buffer.from(haystack));
      expect([(found & 1) !== 0, (found & 2) !== 0]).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

const GROUPS = [
  ...siteLiterals((await planMigration({ cwd: '__fixtures__/crawler' })).topology, defaultConfig()),
  ...AUDIT_LITERALS,
];

test.each(GROUPS.flatMap((literals, group) => literals.map(literal => [literal, group] as const)))(
  'finds %s among all others, and not where its last letter is another',
  (literal, group) => {
    const matches = buildMatcher(GROUPS);
    expect((matches(Buffer.from(`\u0001\u0002${literal}\u0001`)) >> group) & 1).toBe(1);
    const alone = buildMatcher([[literal]]);
    expect(alone(Buffer.from(`${literal.slice(0, -1)}\u0001${literal.slice(0, -1)}`))).toBe(0);
  },
);
