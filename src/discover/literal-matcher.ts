/**
 * One pass over the bytes for many literals at once, so that what a file can hold is known before it becomes text. The automaton is
 * that of Aho and Corasick ("Efficient string matching", CACM 1975), as one table over the bytes that stand in any literal.
 */
/** Bit i is set where a literal of group i stands in the bytes. */
export type Matcher = (bytes: Uint8Array) => number;

/** At most 31 groups. Literals are compared byte by byte, as UTF-8; none may be empty. */
export function buildMatcher(groups: readonly (readonly string[])[]): Matcher {
  const words = groups.flatMap((literals, group) =>
    literals.map(literal => ({ bytes: Buffer.from(literal), bit: 1 << group })),
  );
  const classes = new Uint8Array(256);
  let count = 1;
  for (const byte of words.flatMap(({ bytes }) => [...bytes])) if (classes[byte] === 0) classes[byte] = count++;
  const rows: number[][] = [new Array(count).fill(-1)];
  const ends: number[] = [0];
  for (const { bytes, bit } of words) {
    let state = 0;
    for (const byte of bytes) {
      const row = rows[state] as number[];
      const at = classes[byte] as number;
      if (row[at] === -1) {
        row[at] = rows.push(new Array(count).fill(-1)) - 1;
        ends.push(0);
      }
      state = row[at] as number;
    }
    ends[state] = (ends[state] as number) | bit;
  }
  closeTable(rows, ends);
  const shift = Math.ceil(Math.log2(count));
  const table = new Uint16Array(rows.length << shift);
  // States that end a literal come last, so that one comparison tells them.
  const order = [...rows.keys()].sort((a, b) => Number(ends[a] !== 0) - Number(ends[b] !== 0) || a - b);
  const place = new Uint32Array(rows.length);
  order.forEach((state, at) => {
    place[state] = at;
  });
  if (rows.length > 0xffff) throw new Error('too many literals for one table');
  const found = Int32Array.from(order, state => ends[state] as number);
  const firstEnd = order.findIndex(state => ends[state] !== 0);
  order.forEach((state, at) => {
    (rows[state] as number[]).forEach((next, column) => {
      table[(at << shift) | column] = place[next] as number;
    });
  });
  return bytes => {
    let state = 0;
    let groups = 0;
    for (let i = 0; i < bytes.length; i++) {
      state = table[(state << shift) | (classes[bytes[i] as number] as number)] as number;
      if (state >= firstEnd) groups |= found[state] as number;
    }
    return groups;
  };
}

/** Fills the gaps of the tree: where a word does not go on, the longest other beginning that has been seen does. */
function closeTable(rows: number[][], ends: number[]): void {
  const fallback = new Array<number>(rows.length).fill(0);
  const queue: number[] = [0];
  for (let i = 0; i < queue.length; i++) {
    const state = queue[i] as number;
    const row = rows[state] as number[];
    const other = rows[fallback[state] as number] as number[];
    row.forEach((next, at) => {
      const shorter = state === 0 ? 0 : (other[at] as number);
      if (next === -1) row[at] = shorter;
      else {
        fallback[next] = shorter;
        ends[next] = (ends[next] as number) | (ends[shorter] as number);
        queue.push(next);
      }
    });
  }
}
