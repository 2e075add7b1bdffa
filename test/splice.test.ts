/** Putting edits into text: nothing but the edited spans may change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Edit } from '../src/model/index.ts';
import { dropOverlaps, splice } from '../src/wire/splice.ts';

const edit = (start: number, end: number, text: string, unit = 'u', file = 'f'): Edit => ({
  file,
  span: { start, end },
  text,
  unit,
  safety: 'safe',
});

/** `u1:0-3` */
const parseEdit = (written: string): Edit => {
  const [, file = 'f', unit = '', start, end] = /^(?:(\w+)\/)?(\w+):(\d+)-(\d+)$/.exec(written) ?? [];
  return edit(Number(start), Number(end), 'x', unit, file);
};
const unitsOf = (edits: Edit[]): string[] => edits.map(({ unit, span }) => `${unit}:${span.start}-${span.end}`);

describe('overlaps are refused', () => {
  test.each([
    ['one inside the other', 'a:0-9 b:3-5', ''],
    ['the same span twice', 'a:3-5 b:3-5', ''],
    ['the same span twice, of one unit', 'a:3-5 a:3-5', ''],
    ['a common edge', 'a:0-5 b:4-8', ''],
    ['a common start', 'a:0-5 b:0-8', ''],
    ['a common end', 'a:0-8 b:5-8', ''],
    ['an insertion inside a replaced span', 'a:0-5 b:3-3', ''],
    ['three in a chain', 'a:0-4 b:3-7 c:6-9', ''],
    ['a wide one over two', 'a:0-9 b:1-2 c:3-4', ''],
    ['a wide one, then a later one', 'a:0-9 b:1-2 c:9-10', 'c:9-10'],
    ['whatever the order', 'b:3-5 c:9-10 a:0-4', 'c:9-10'],
    ['with all edits of both units', 'a:0-5 b:4-8 a:20-21 b:30-30 c:40-41', 'c:40-41'],
    ['with the edits of both units in other files', 'a:0-5 b:4-8 g/a:0-1 g/c:5-6', 'c:5-6'],
  ])('%s: %s', (_, written, kept) => {
    const { kept: seen, refusals } = dropOverlaps(written.split(' ').map(parseEdit));
    expect(unitsOf(seen).join(' ')).toBe(kept);
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals[0]).toMatchObject({ file: 'f', reason: expect.stringContaining('overlap') });
  });

  test.each([
    ['none', ''],
    ['side by side', 'a:0-3 b:3-5'],
    ['apart', 'a:0-3 b:7-9'],
    ['insertions at one place', 'a:3-3 b:3-3 c:3-3'],
    ['an insertion at the start of a replaced span', 'a:3-5 b:3-3'],
    ['an insertion at the end of a replaced span', 'a:3-5 b:5-5'],
    ['the same span in two files', 'a:3-5 g/b:3-5'],
  ])('but not %s: %s', (_, written) => {
    const edits = written === '' ? [] : written.split(' ').map(parseEdit);
    expect(dropOverlaps(edits)).toEqual({ kept: edits, refusals: [] });
  });

  test('exactly the units of a pair that overlaps are lost', () => {
    const some = fc.record({
      file: fc.constantFrom('f', 'g'),
      unit: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      start: fc.nat(20),
      length: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), list => {
        const edits = list.map(({ file, unit, start, length }) => edit(start, start + length, 'x', unit, file));
        const lost = new Set<string>();
        for (const [i, a] of edits.entries()) {
          for (const b of edits.slice(i + 1)) {
            const apart = a.span.end <= b.span.start || b.span.end <= a.span.start;
            if (a.file === b.file && !apart) for (const { unit } of [a, b]) lost.add(unit);
          }
        }
        const { kept, refusals } = dropOverlaps(edits);
        expect(kept).toEqual(edits.filter(({ unit }) => !lost.has(unit)));
        expect(refusals.length > 0).toBe(lost.size > 0);
      }),
      { numRuns: 10_000, seed: 7 },
    );
  });
});

describe('splice', () => {
  test.each<[string, string, [number, number, string][], string]>([
    ['no edit', 'a\r\nb\n', [], 'a\r\nb\n'],
    ['an empty text', '', [[0, 0, 'x']], 'x'],
    ['a replacement', 'host=db', [[5, 7, 'pgbouncer']], 'host=pgbouncer'],
    ['a deletion', 'host=db', [[4, 7, '']], 'host'],
    ['everything', 'db', [[0, 2, 'pgbouncer']], 'pgbouncer'],
    ['a dollar is only a dollar', 'a=b', [[2, 3, '$&$1$$']], 'a=$&$1$$'],
    [
      'edits from the end',
      'a b c',
      [
        [4, 5, '3'],
        [2, 3, '2'],
        [0, 1, '1'],
      ],
      '1 2 3',
    ],
    [
      'neighbours',
      'abcd',
      [
        [0, 2, '1'],
        [2, 4, '2'],
      ],
      '12',
    ],
    ['an insertion at the start', 'ab', [[0, 0, 'x']], 'xab'],
    ['an insertion at the end', 'ab', [[2, 2, 'x']], 'abx'],
    [
      'insertions in their order',
      'ab',
      [
        [1, 1, '1'],
        [1, 1, '2'],
        [1, 1, '3'],
      ],
      'a123b',
    ],
    [
      'insertions at the end in their order',
      'ab',
      [
        [2, 2, '1'],
        [2, 2, '2'],
      ],
      'ab12',
    ],
    [
      'an insertion before a replacement',
      'abc',
      [
        [1, 1, 'x'],
        [1, 2, 'B'],
      ],
      'axBc',
    ],
    [
      'the same, the other way round',
      'abc',
      [
        [1, 2, 'B'],
        [1, 1, 'x'],
      ],
      'axBc',
    ],
    [
      'an insertion after a replacement',
      'abc',
      [
        [2, 2, 'x'],
        [1, 2, 'B'],
      ],
      'aBxc',
    ],
    [
      'the same, the other way round',
      'abc',
      [
        [1, 2, 'B'],
        [2, 2, 'x'],
      ],
      'aBxc',
    ],
    [
      'an insertion after a replacement at the end',
      'abc',
      [
        [3, 3, 'x'],
        [2, 3, 'C'],
      ],
      'abCx',
    ],
    ['a byte order mark', '\uFEFFa=b\r\n', [[3, 4, 'c']], '\uFEFFa=c\r\n'],
    [
      'CRLF',
      'a: 1\r\nb: 2\r\n',
      [
        [3, 4, '9'],
        [12, 12, 'c: 3\r\n'],
      ],
      'a: 9\r\nb: 2\r\nc: 3\r\n',
    ],
    ['mixed line ends', 'a\r\nb\nc\r', [[3, 4, 'B']], 'a\r\nB\nc\r'],
    ['emoji', '😀=👩‍👩‍👧 db', [[12, 14, 'pgb']], '😀=👩‍👩‍👧 pgb'],
    ['a text of emoji', '😀😀', [[2, 2, '🐘']], '😀🐘😀'],
  ])('%s', (_, text, edits, expected) => {
    expect(
      splice(
        text,
        edits.map(([start, end, value]) => edit(start, end, value)),
      ),
    ).toBe(expected);
  });

  const units = [
    'a',
    'b',
    '=',
    ':',
    ' ',
    '\t',
    '\n',
    '\r\n',
    '\r',
    '"',
    '$',
    '\\',
    'é',
    '漢',
    '😀',
    '🐘',
    '\u0000',
    '\u2028',
  ];
  const piece = fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });
  /** The text as pieces that stay, and between them what is replaced and what comes instead. */
  const cut = fc.record({
    stays: piece,
    inserts: fc.array(piece, { maxLength: 3 }),
    replaced: piece,
    by: piece,
  });
  const cases = fc.record({
    mark: fc.constantFrom('', '\uFEFF'),
    cuts: fc.array(cut, { maxLength: 6 }),
    rest: piece,
    order: fc.infiniteStream(fc.nat()),
  });

  test('every byte outside the edited spans stays, in 10,000 texts', () => {
    fc.assert(
      fc.property(cases, ({ mark, cuts, rest, order }) => {
        let text = mark;
        let expected = mark;
        const groups: Edit[][] = [];
        for (const { stays, inserts, replaced, by } of cuts) {
          text += stays;
          expected += stays + inserts.join('');
          groups.push(inserts.map(value => edit(text.length, text.length, value)));
          if (replaced !== '') {
            groups.push([edit(text.length, text.length + replaced.length, by)]);
            expected += by;
          }
          text += replaced;
        }
        text += rest;
        expected += rest;
        // Insertions at one offset keep their order; all else may come in any.
        const places = new Map<string, Edit[]>();
        for (const one of groups.flat()) {
          const place = one.span.start === one.span.end ? `${one.span.start}` : `${one.span.start}-`;
          places.set(place, [...(places.get(place) ?? []), one]);
        }
        const edits = [...places.values()]
          .map(list => ({ list, at: order.next().value }))
          .sort((a, b) => a.at - b.at)
          .flatMap(({ list }) => list);
        expect(dropOverlaps(edits)).toEqual({ kept: edits, refusals: [] });
        expect(Buffer.from(splice(text, edits)).equals(Buffer.from(expected))).toBe(true);
      }),
      { numRuns: 10_000, seed: 7 },
    );
  });
});
