import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildMatcher } from '../src/discover/literal-matcher.ts';
import { AUDIT_LITERALS } from '../src/routes/candidates.ts';
import { FIRST_LITERALS } from '../src/run/prefilter.ts';

test('finds what includes() finds, and nothing else', () => {
  const word = fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom('a', 'b', 'c', 'é') });
  const text = fc.string({ maxLength: 40, unit: fc.constantFrom('a', 'b', 'c', 'd', 'é') });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), text, (words, haystack) => {
      expect(buildMatcher(words)(Buffer.from(haystack))).toBe(words.some(one => haystack.includes(one)));
    }),
    { numRuns: 2000 },
  );
});

test.each([...FIRST_LITERALS, ...AUDIT_LITERALS])(
  'finds %s among all others, and not where its last letter is another',
  literal => {
    const matches = buildMatcher([...FIRST_LITERALS, ...AUDIT_LITERALS]);
    expect(matches(Buffer.from(`\u0001\u0002${literal}\u0001`))).toBe(true);
    const alone = buildMatcher([literal]);
    expect(alone(Buffer.from(`${literal.slice(0, -1)}\u0001${literal.slice(0, -1)}`))).toBe(false);
  },
);
