/**
 * One pass over the bytes for many literals at once, so that what a file can hold is known before it becomes text. The automaton is
 * that of Aho and Corasick ("Efficient string matching", CACM 1975), as one table over the bytes that stand in any literal.
 */
export type Matcher = (bytes: Uint8Array) => boolean;

/** Literals are compared byte by byte, as UTF-8; none may be empty. */
export function buildMatcher(literals: readonly string[]): Matcher {
  const words = literals.map(literal => Buffer.from(literal));
  const classes = new Uint8Array(256);
  let count = 1;
  for (const byte of words.flatMap(word => [...word])) if (classes[byte] === 0) classes[byte] = count++;
  const rows: number[][] = [new Array(count).fill(-1)];
  const ends = new Set<number>();
  for (const word of words) {
    let state = 0;
    for (const byte of word) {
      const row = rows[state] as number[];
      const at = classes[byte] as number;
      if (row[at] === -1) row[at] = rows.push(new Array(count).fill(-1)) - 1;
      state = row[at] as number;
    }
    ends.add(state);
  }
  closeTable(rows, ends);
  const shift = Math.ceil(Math.log2(count));
  const table = new Uint16Array(rows.length << shift);
  if (rows.length >= FOUND) throw new Error('too many literals for one table');
  rows.forEach((row, state) => {
    row.forEach((next, at) => {
      table[(state << shift) | at] = ends.has(next) ? FOUND : next;
    });
  });
  return bytes => {
    let state = 0;
    for (let i = 0; i < bytes.length; i++) {
      state = table[(state << shift) | (classes[bytes[i] as number] as number)] as number;
      if (state === FOUND) return true;
    }
    return false;
  };
}

const FOUND = 0xffff;

/** Fills the gaps of the tree: where a word does not go on, the longest other beginning that has been seen does. */
function closeTable(rows: number[][], ends: Set<number>): void {
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
        if (ends.has(shorter)) ends.add(next);
        queue.push(next);
      }
    });
  }
}
