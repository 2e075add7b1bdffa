import type { Span } from '../model/index.ts';

/** A run of the value that stands verbatim in the source: value offset, source offset, length. */
interface Run {
  at: number;
  from: number;
  length: number;
}

/** A value and where its characters stand in the source. Characters outside all runs were made by an escape. */
export interface MappedText {
  text: string;
  runs: Run[];
}

/** The value is the slice itself. */
export function mapSlice(source: string, start: number, end: number): MappedText {
  return { text: source.slice(start, end), runs: [{ at: 0, from: start, length: end - start }] };
}

/**
 * Removes backslash escapes. Only the escapes that can stand in a connection string are decoded; any other keeps its
 * text, which is never verbatim, so that nothing is edited there.
 */
export function mapEscaped(source: string, start: number, end: number): MappedText {
  const runs: Run[] = [];
  let text = '';
  let from = start;
  for (let i = start; i < end; i++) {
    if (source[i] !== '\\' || i + 1 >= end) continue;
    if (i > from) runs.push({ at: text.length, from, length: i - from });
    text += source.slice(from, i);
    const next = source[i + 1] ?? '';
    if (next === '\r' && source[i + 2] === '\n') i++;
    else if (next !== '\n') text += next === 'n' ? '\n' : next === 't' ? '\t' : next;
    i++;
    from = i + 1;
  }
  if (end > from) runs.push({ at: text.length, from, length: end - from });
  return { text: text + source.slice(from, end), runs };
}

/** Values that the language joins, such as `"postgresql://" "host/db"` in Python. */
export function concatMapped(pieces: MappedText[]): MappedText {
  const out: MappedText = { text: '', runs: [] };
  for (const piece of pieces) {
    for (const run of piece.runs) out.runs.push({ ...run, at: run.at + out.text.length });
    out.text += piece.text;
  }
  return out;
}

/** Where value[start, end) stands in the source, and whether it stands there verbatim in one piece. */
export function toSource(mapped: MappedText, start: number, end: number): { span: Span; exact: boolean } {
  const isAt = (run: Run) => start >= run.at && start < run.at + run.length;
  const first =
    mapped.runs.find(isAt) ?? (start === end ? mapped.runs.find(run => start === run.at + run.length) : undefined);
  if (first && end <= first.at + first.length) {
    const from = first.from + (start - first.at);
    return { span: { start: from, end: from + (end - start) }, exact: true };
  }
  const last = mapped.runs.findLast(run => end > run.at);
  const begin = first ? first.from + (start - first.at) : (mapped.runs.find(run => run.at >= start)?.from ?? 0);
  const stop = last ? last.from + Math.min(end - last.at, last.length) : begin;
  return { span: { start: begin, end: Math.max(begin, stop) }, exact: false };
}

/** A value inside a value: `inner` maps into the text of `outer`; the result maps into the source. */
export function composeMapped(outer: MappedText, inner: MappedText): MappedText {
  const runs: Run[] = [];
  for (const run of inner.runs) {
    for (const out of outer.runs) {
      const start = Math.max(run.from, out.at);
      const end = Math.min(run.from + run.length, out.at + out.length);
      if (start < end) {
        runs.push({ at: run.at + (start - run.from), from: out.from + (start - out.at), length: end - start });
      }
    }
  }
  return { text: inner.text, runs };
}

/** The slice value[start, end), still mapped to the source. */
export function sliceMapped(mapped: MappedText, start: number, end: number): MappedText {
  return composeMapped(mapped, mapSlice(mapped.text, start, end));
}
