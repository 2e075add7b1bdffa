/** Spans of the sections of a document that an earlier run of this tool wrote, between `pool-migrate:start` and `pool-migrate:end`. */
export function markedSections(text: string): [number, number][] {
  const found: [number, number][] = [];
  for (
    let start = text.indexOf('pool-migrate:start');
    start !== -1;
    start = text.indexOf('pool-migrate:start', start + 1)
  ) {
    const end = text.indexOf('pool-migrate:end', start);
    if (end === -1) break;
    found.push([start, end]);
    start = end;
  }
  return found;
}
