/** The lossless scanner of env files, with dotenv as the oracle. */
import { parse } from 'dotenv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EnvLine, readEnvLines } from '../codemods/dotenv-lines.ts';

const isLive = (line: EnvLine): boolean => !line.commented;

/** What the lines define, the last one first served. dotenv turns CRLF into LF before it reads. */
const valuesOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    readEnvLines(text)
      .filter(isLive)
      .map(({ key, value }) => [key, value.text.replace(/\r\n/g, '\n')]),
  );

/** The spans say where key and value stand, whatever the file. */
function expectPlaces(text: string): void {
  let at = 0;
  for (const line of readEnvLines(text)) {
    expect(line.start).toBeGreaterThanOrEqual(at);
    expect(line.valueStart).toBeGreaterThan(line.start);
    expect(line.valueEnd).toBeGreaterThanOrEqual(line.valueStart);
    expect(line.end).toBe(line.valueEnd);
    expect(text.slice(line.start, line.valueStart)).toContain(line.key);
    expect(text.slice(line.start)).toMatch(line.commented ? /^#/ : line.exported ? /^(?:export|set)\s/ : /^[A-Za-z_]/);
    for (const run of line.value.runs) {
      expect(run.from).toBeGreaterThanOrEqual(line.valueStart);
      expect(run.from + run.length).toBeLessThanOrEqual(line.valueEnd);
      expect(text.slice(run.from, run.from + run.length)).toBe(line.value.text.slice(run.at, run.at + run.length));
    }
    at = line.end;
  }
}

describe('lines that define nothing', () => {
  test.each([
    [''],
    ['\n\n'],
    ['\uFEFF'],
    ['A'],
    ['# a comment'],
    ['# A'],
    ['just some words'],
    ['=b'],
    ['A B=c'],
    ['"A"=b'],
    ['A:b'],
    ['- A=b'],
    ['A+=b'],
    ['[section]'],
    ['https://example.com/?a=b'],
  ])('%j', text => {
    expect(readEnvLines(text)).toEqual([]);
    expect(parse(text)).toEqual({});
  });
});

/** Line, then the span of the entry and that of the value. */
describe('spans', () => {
  test.each([
    ['A=b', 'A=b', 'b'],
    ['A=', 'A=', ''],
    ['A=b\nC=d', 'A=b', 'b'],
    ['A=b\r\n', 'A=b', 'b'],
    ['\uFEFFA=b', 'A=b', 'b'],
    ['  A=b  ', 'A=b', 'b'],
    ['\tA = b\t', 'A = b', 'b'],
    ['A: b', 'A: b', 'b'],
    ['A=b c # d', 'A=b c', 'b c'],
    ['A=b\t# d', 'A=b', 'b'],
    ['A=b#c', 'A=b#c', 'b#c'],
    ['A="b c" # d', 'A="b c"', '"b c"'],
    ["A='b # c'", "A='b # c'", "'b # c'"],
    ['A=`b\'"c`', 'A=`b\'"c`', '`b\'"c`'],
    ['A="b\nc"\nD=e', 'A="b\nc"', '"b\nc"'],
    ['A="b\\"c"', 'A="b\\"c"', '"b\\"c"'],
    ['A="b', 'A="b', '"b'],
    ['export A=b', 'export A=b', 'b'],
    ['  export\tA=b', 'export\tA=b', 'b'],
    ['# A=b', '# A=b', 'b'],
    ['  #A=b', '#A=b', 'b'],
    ['## export A="b" # c', '## export A="b"', '"b"'],
    ['# A="b\nB=c"', '# A="b', '"b'],
    ['A=postgres://u:p#w@db:5432/app', 'A=postgres://u:p#w@db:5432/app', 'postgres://u:p#w@db:5432/app'],
    ['A=b=c', 'A=b=c', 'b=c'],
    ['A=😀 # 😀', 'A=😀', '😀'],
  ])('%j', (text, entry, value) => {
    const [line] = readEnvLines(text);
    expect(line && text.slice(line.start, line.end)).toBe(entry);
    expect(line && text.slice(line.valueStart, line.valueEnd)).toBe(value);
    expectPlaces(text);
  });

  test.each([
    ['A=b', { commented: false, exported: false }],
    ['export A=b', { commented: false, exported: true }],
    ['set A=b', { commented: false, exported: true }],
    ['# A=b', { commented: true, exported: false }],
    ['#export A=b', { commented: true, exported: true }],
  ])('%j: %j', (text, expected) => {
    expect(readEnvLines(text)).toMatchObject([{ key: 'A', ...expected }]);
  });
});

describe('reads as dotenv does', () => {
  test.each([
    ['A=b'],
    ['A=b\nA=c'],
    ['A=\nB=c'],
    ['A=""\nB=\'\'\nC=``'],
    ['A= # comment'],
    ['A=\t#comment\nB=c'],
    ['A=b # comment'],
    ['A="b" # comment'],
    ['A="b # c"'],
    ['# A=b\nC=d'],
    ['A=b\r\nC=d\r\n'],
    ['\uFEFFA=b\r\nC="d"\r\n'],
    ['export A=b\nexport  B="c"'],
    ['A = b\nC =d\nE= f'],
    ['A: b'],
    ['  A=b\n\tC=d'],
    ['A.b-c=d'],
    ['A="b\nc"\nD=e'],
    ['A="b\r\nc"\r\nD=e'],
    ["A='b\nc'\nD=e"],
    ['A="b\\nc"'],
    ["A='b\\nc'"],
    ['A=b\\nc'],
    ['A=a"b\'c'],
    ['A="it\'s"'],
    ['A=\'say "x"\''],
    ['A=b=c=='],
    ['A=${B:-c}'],
    ['A=b c  d '],
    ['A="b'],
    ['A="b\nC="d"'],
    ["A='b\nC=d\nE='f'"],
    ['A="b\nC=d'],
    ['junk\nA=b\nmore junk'],
  ])('%j', text => {
    expect(valuesOf(text)).toEqual(parse(text));
    expectPlaces(text);
  });

  // dotenv ends an unquoted value at any `#`, `docker compose` only at one after a blank; dotenv decodes only `\n` and
  // `\r`, the scanner every escape; keys may start with a digit only there. The generator keeps to what both read alike.
  const pick = (units: string, maxLength = 10) => fc.string({ unit: fc.constantFrom(...units), maxLength });
  const key = fc
    .tuple(fc.constantFrom('A', 'b', '_', 'DB'), pick('ABZaz019_.-', 5))
    .map(([first, rest]) => first + rest)
    .filter(name => name !== 'export' && name !== 'set' && name !== '__proto__');
  const unquoted = pick('ab019:/@.?&=+-_,;!$(){}[]<>|\\"\'` é😀').map(value => value.trim().replace(/^["'`]+/, ''));
  const inside = pick('ab019:/@.?&=+-_,;!$(){}[]<># é😀');
  const line = fc.constantFrom('\n', '\n\n');
  const quoted = fc.record({ quote: fc.constantFrom('"', "'", '`'), parts: fc.array(inside, { maxLength: 3 }), line });
  const value = fc.oneof(
    unquoted,
    quoted.map(({ quote, parts, line }) => quote + parts.join(line) + quote),
    fc.tuple(inside, inside).map(([a, b]) => `"${a}\\n${b}"`),
    fc
      .tuple(inside, fc.constantFrom('"', "'", '`'), fc.constantFrom('"', "'", '`'))
      .map(([text, outer, inner]) =>
        outer === inner ? `${outer}${text}${outer}` : `${outer}${text}${inner}x${outer}`,
      ),
  );
  const assignment = fc
    .record({
      indent: fc.constantFrom('', '', '  ', '\t'),
      export: fc.constantFrom('', '', 'export ', 'export  '),
      key,
      equals: fc.constantFrom('=', '=', '=', ' = ', ' =', '= ', ': '),
      value,
      after: fc.constantFrom('', '', ' ', '\t', ' # comment', ' # B=c', '  #x'),
    })
    // A value that is only a comment has its own rows.
    .map(it => it.indent + it.export + it.key + it.equals + it.value + (it.value === '' ? '' : it.after));
  const other = fc.oneof(
    fc.constantFrom('', '', '  ', '# comment', '# it\'s "one"', '#', 'junk', '## ---', '[section]'),
    assignment.filter(text => !text.includes('\n')).map(text => `# ${text}`),
  );
  const file = fc
    .record({
      mark: fc.constantFrom('', '', '\uFEFF'),
      lines: fc.array(fc.oneof({ weight: 3, arbitrary: assignment }, other), { maxLength: 8 }),
      newline: fc.constantFrom('\n', '\r\n'),
      last: fc.boolean(),
    })
    .map(({ mark, lines, newline, last }) => {
      const text = lines.join('\n') + (last ? '\n' : '');
      return mark + text.replace(/\n/g, newline);
    });

  test('in 5,000 files', () => {
    fc.assert(
      fc.property(file, text => {
        expect(valuesOf(text)).toEqual(parse(text));
        expectPlaces(text);
      }),
      { seed: 7, numRuns: 5_000 },
    );
  });

  test('spans slice right in any text at all', () => {
    const any = pick('Ab=:#"\'`\\ \t\n\r$é😀', 40);
    fc.assert(
      fc.property(any, text => {
        expectPlaces(text);
        expectPlaces(`\uFEFF${text}`);
      }),
      { seed: 7, numRuns: 5_000 },
    );
  });
});

describe('reads otherwise than dotenv, on purpose', () => {
  test.each([
    ['A=b#c', { A: 'b#c' }, { A: 'b' }],
    ['A="b\\"c"', { A: 'b"c' }, { A: 'b\\"c' }],
    ['A="b\\\\c"', { A: 'b\\c' }, { A: 'b\\\\c' }],
    ['A="b" c', { A: 'b' }, { A: '"b" c' }],
    ['1A=b', {}, { '1A': 'b' }],
    ['set A=b', { A: 'b' }, {}],
  ])('%j', (text, ours, theirs) => {
    expect(valuesOf(text)).toEqual(ours);
    expect(parse(text)).toEqual(theirs);
  });
});
