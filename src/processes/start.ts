/** One command at the end of a chain: where it stands, where an assignment for it can, and what its words hold. */
import type { PlacedCommand, PlacedWord } from '../../codemods/placed-shell.ts';
import type { Assigned, Place, Step } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';
import type { Layout } from './layout.ts';

/** One program at the end of a chain. */
export interface Start {
  words: string[];
  step: Step | null;
  place: Place;
  chain: Place[];
  assigns: Assigned[];
  /** Working directory, in the container or in the repository. */
  cwd: string;
  layout: Layout;
}

/** Where a message points to; null when no file holds the command. */
export const placeOf = ({ span, words: [first], script }: PlacedCommand): Place | null => {
  if (span) return { file: script.file, line: lineAt(script.text, span.start) };
  const at = first?.mapped.runs[0]?.from;
  return first && at !== undefined ? { file: first.script.file, line: lineAt(first.script.text, at) } : null;
};

/** Where an assignment before the command can be written; null when nowhere. */
export function stepOf({ span, script: { file, text, syntax } }: PlacedCommand): Step | null {
  if (!span || syntax === 'other') return null;
  const place = { file, at: span.start, end: span.end };
  if (syntax !== 'argv') return { ...place, syntax, within: syntax };
  return text.slice(span.start, span.end).includes("'") ? null : { ...place, syntax: 'exec', within: 'shell' };
}

/** `env A=b`, `cross-env A=b`: what a wrapper of `count` words assigns. */
export const assignedByWrapper = (command: PlacedCommand, count: number): Assigned[] =>
  command.words.slice(1, count).flatMap(({ text }): Assigned[] => {
    const [, name = '', raw = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    return name === '' ? [] : [{ name, raw }];
  });

/** In the arguments of a program that runs several: no shell has read these. */
const SEPARATOR = /^(?:&&|\|\|\|?|;)$/;

/** The commands among the arguments of a program that runs several (`monofy`). */
export function takeApart(command: PlacedCommand): PlacedCommand[] {
  const parts: PlacedCommand[] = [];
  let words: PlacedWord[] = [];
  for (const word of [...command.words, null]) {
    if (word !== null && !SEPARATOR.test(word.text)) words.push(word);
    else {
      // There is no room for an assignment before one of them.
      if (words.length > 0) parts.push({ ...command, words, assignments: [], span: null });
      words = [];
    }
  }
  return parts;
}
