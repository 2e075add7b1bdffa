import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readExpansions } from '../src/text/expansion.ts';
import {
  composeMapped,
  concatMapped,
  type MappedText,
  mapEscaped,
  mapSlice,
  sliceMapped,
  toSource,
} from '../src/text/mapped-text.ts';
import { classifyPart } from '../src/text/part.ts';

/** The runs, as what they say of the value and what stands in the source. */
function expectVerbatim(source: string, mapped: MappedText): void {
  let at = 0;
  for (const run of mapped.runs) {
    expect(run.at).toBeGreaterThanOrEqual(at);
    expect(run.length).toBeGreaterThan(0);
    expect(source.slice(run.from, run.from + run.length)).toBe(mapped.text.slice(run.at, run.at + run.length));
    at = run.at + run.length;
  }
  expect(at).toBeLessThanOrEqual(mapped.text.length);
}

describe('mapEscaped', () => {
  test.each([
    ['nothing to unescape', 'db:5432', 'db:5432', ['db:5432']],
    ['nothing at all', '', '', []],
    ['a quote', 'a\\"b', 'a"b', ['a', 'b']],
    ['a backslash', 'a\\\\b', 'a\\b', ['a', 'b']],
    ['a backslash before a quote', '\\\\\\"', '\\"', []],
    ['a slash of JSON', 'postgres:\\/\\/db', 'postgres://db', ['postgres:', 'db']],
    ['a newline', 'a\\nb', 'a\nb', ['a', 'b']],
    ['a tab', 'a\\tb', 'a\tb', ['a', 'b']],
    ['a continued line', 'a\\\nb', 'ab', ['a', 'b']],
    ['a continued line with CRLF', 'a\\\r\nb', 'ab', ['a', 'b']],
    ['a line that is not continued', 'a\nb', 'a\nb', ['a\nb']],
    ['a backslash at the end', 'ab\\', 'ab\\', ['ab\\']],
    ['an emoji', 'a\\😀b', 'a😀b', null],
  ])('%s: %j', (_, escaped, value, runs) => {
    const source = `x "${escaped}" y`;
    const mapped = mapEscaped(source, 3, 3 + escaped.length);
    expect(mapped.text).toBe(value);
    expectVerbatim(source, mapped);
    if (runs) expect(mapped.runs.map(run => source.slice(run.from, run.from + run.length))).toEqual(runs);
  });
});

describe('toSource', () => {
  const source = 'x = "postgres://" \'db\\x3a:5432\' "/app"';
  const mapped = concatMapped([mapSlice(source, 5, 16), mapEscaped(source, 19, 30), mapSlice(source, 33, 37)]);

  test.each([
    ['the first piece', 'postgres://', 'postgres://'],
    ['inside the first piece', 'gres', 'gres'],
    ['inside the second piece', 'db', 'db'],
    ['after an escape', '5432', '5432'],
    ['the last piece', '/app', '/app'],
    ['to the end', 'app', 'app'],
  ])('%s stands in one piece', (_, value, expected) => {
    const start = mapped.text.indexOf(value);
    const { span, exact } = toSource(mapped, start, start + value.length);
    expect(exact).toBe(true);
    expect(source.slice(span.start, span.end)).toBe(expected);
  });

  test.each([
    ['over two pieces', '//db', '//" \'db'],
    ['over an escape', 'dbx', 'db\\x'],
    ['over an escape and further', 'dbx3a:5', 'db\\x3a:5'],
    ['over all', 'postgres://dbx3a:5432/app', source.slice(5, 37)],
  ])('%s is not exact', (_, value, expected) => {
    const start = mapped.text.indexOf(value);
    const { span, exact } = toSource(mapped, start, start + value.length);
    expect(exact).toBe(false);
    expect(source.slice(span.start, span.end).slice(0, 2)).toBe(expected.slice(0, 2));
  });

  test.each([
    ['at the start', 0, 5],
    ['inside the first piece', 4, 9],
    ['inside the second piece', 12, 20],
    ['at the end', mapped.text.length, 37],
  ])('an empty span %s stands where its neighbour does', (_, at, expected) => {
    expect(toSource(mapped, at, at).span).toEqual({ start: expected, end: expected });
  });
});

describe('a value in a value', () => {
  const outerSource = 'sh -c "psql \\"host=db\\" x"';
  const outer = mapEscaped(outerSource, 7, outerSource.length - 1);

  test('composes', () => {
    const from = outer.text.indexOf('host');
    const inner = mapSlice(outer.text, from, from + 7);
    const both = composeMapped(outer, inner);
    expect(both.text).toBe('host=db');
    expectVerbatim(outerSource, both);
    const { span, exact } = toSource(both, 5, 7);
    expect([outerSource.slice(span.start, span.end), exact]).toEqual(['db', true]);
  });

  test('slices', () => {
    const slice = sliceMapped(outer, 5, 14);
    expect(slice.text).toBe('"host=db"');
    expectVerbatim(outerSource, slice);
    expect(slice.runs).toHaveLength(1);
  });

  test('whatever is unescaped, joined, sliced and composed stays verbatim', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '\\', '"', '\n', '\r\n', '😀', ' '), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), fc.nat(30), fc.nat(30), (parts, a, b) => {
        const source = parts.join('"');
        let at = 0;
        const pieces = parts.map(piece => {
          const mapped = mapEscaped(source, at, at + piece.length);
          at += piece.length + 1;
          return mapped;
        });
        const joined = concatMapped(pieces);
        expectVerbatim(source, joined);
        const [start, end] = [
          Math.min(a, b, joined.text.length),
          Math.min(Math.max(a, b), joined.text.length),
        ] as const;
        const slice = sliceMapped(joined, start, end);
        expect(slice.text).toBe(joined.text.slice(start, end));
        expectVerbatim(source, slice);
        const twice = composeMapped(joined, mapEscaped(joined.text, start, end));
        expectVerbatim(source, twice);
        const { span, exact } = toSource(joined, start, end);
        if (exact) expect(source.slice(span.start, span.end)).toBe(joined.text.slice(start, end));
      }),
      { numRuns: 5_000, seed: 7 },
    );
  });
});

describe('classifyPart', () => {
  test.each([
    ['${HOST}', 'variable', null, '${HOST}', ['HOST']],
    ['$HOST', 'variable', null, '$HOST', ['HOST']],
    ['${HOST:-}', 'variable', null, '${HOST:-}', ['HOST']],
    ['${HOST:?no host}', 'variable', null, '${HOST:?no host}', ['HOST']],
    ['${A:-${B}}', 'variable', null, '${A:-${B}}', ['A', 'B']],
    ['{host}', 'hole', null, '{host}', ['host']],
    ['%s', 'hole', null, '%s', []],
    ['%(host)s', 'hole', null, '%(host)s', []],
    ['<host>', 'hole', null, '<host>', []],
    ['$(cat host)', 'hole', null, '$(cat host)', []],
    ['pre-${HOST}', 'hole', null, 'pre-${HOST}', []],
    ['${HOST}.example.com', 'hole', null, '${HOST}.example.com', []],
    ['${A}${B}', 'hole', null, '${A}${B}', []],
    ['${A:-x y}', 'hole', null, '${A:-x y}', ['A']],
    ['a,b', 'hole', null, 'a,b', []],
    ['a b', 'hole', null, 'a b', []],
    ['', 'hole', null, '', []],
    ['db', 'literal', 'db', 'db', []],
    ['5432', 'literal', '5432', '5432', []],
    ['db-1.eu_west.example.com', 'literal', 'db-1.eu_west.example.com', 'db-1.eu_west.example.com', []],
    ['[::1]', 'literal', '[::1]', '[::1]', []],
    ['/run/postgresql', 'literal', '/run/postgresql', '/run/postgresql', []],
    ['${HOST:-db}', 'default', 'db', 'db', ['HOST']],
    ['${HOST-db}', 'default', 'db', 'db', ['HOST']],
    ['${HOST:=db}', 'default', 'db', 'db', ['HOST']],
    ['${HOST=db}', 'default', 'db', 'db', ['HOST']],
    ['$${HOST:-db}', 'default', 'db', 'db', ['HOST']],
    ['${spring.host:db}', 'default', 'db', 'db', ['spring.host']],
    ['${A:-${B:-db}}', 'default', 'db', 'db', ['A', 'B']],
    ['${A:-${B:-${C:-db}}}', 'default', 'db', 'db', ['A', 'B', 'C']],
  ])('%j is a %s', (written, kind, value, inner, variables) => {
    const source = `x ${written} y`;
    const part = classifyPart(mapSlice(source, 0, source.length), { start: 2, end: 2 + written.length });
    expect({
      kind: part.kind,
      value: part.value,
      span: source.slice(part.span.start, part.span.end),
      inner: source.slice(part.inner.start, part.inner.end),
      variables: part.variables,
      exact: part.exact,
    }).toEqual({ kind, value, span: written, inner, variables, exact: true });
  });

  test('a part with an escape in it is not exact', () => {
    const source = '"d\\b"';
    const part = classifyPart(mapEscaped(source, 1, 4), { start: 0, end: 2 });
    expect([part.value, part.exact]).toEqual(['db', false]);
  });

  test('a part with percent-encoding is not exact', () => {
    const part = classifyPart(mapSlice('%2Frun', 0, 6), { start: 0, end: 6 });
    expect([part.value, part.exact]).toEqual(['%2Frun', false]);
  });
});

describe('expansions', () => {
  test.each([
    ['plain', []],
    ['$', []],
    ['$1', []],
    ['100%', []],
    ['%20', []],
    ['a < b > c', []],
    ['<1>', []],
    ['{open', []],
    ['${open', []],
    ['${a\n}', []],
    ['}', []],
    ['#', []],
    ['$a.', ['$a']],
    ['$a${b}', ['$a', '${b}']],
    ['${a:-${b:-c}}', ['${a:-${b:-c}}']],
    ['{{ a }}-{b}', ['{{ a }}', '{b}']],
    ['$(a $(b))', ['$(a $(b))']],
    ['%s:%(p)s', ['%s', '%(p)s']],
    ['<a>#{b}', ['<a>', '#{b}']],
  ])('%j: %j', (text, expected) => {
    expect(readExpansions(text, 0, text.length).map(({ start, end }) => text.slice(start, end))).toEqual(expected);
  });
});
