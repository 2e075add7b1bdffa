/** What earlier runs of this tool wrote into files, told by its marks. */

/** What the block says that lets a person go past the pool by hand; see `src/wire/insert-code.ts`. */
export const BYPASS_NOTE = 'goes straight to Postgres, past the pool;';

/** The text without such blocks: a note, a condition and an assignment. What they read decides nothing until somebody asks for it. */
export const withoutBypass = (text: string): string =>
  text.replace(new RegExp(`^[ \\t]*# \\w+=1 ${BYPASS_NOTE}[^\\n]*\\n[^\\n]*\\n[^\\n]*$`, 'gm'), '');

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
