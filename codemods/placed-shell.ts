/** Commands of shell text with their places in the file: what is read by a shell, and what runs as it stands. */
import type { Span, Syntax } from '../src/model/index.ts';
import { composeMapped, type MappedText, toSource } from '../src/text/mapped-text.ts';
import { readShell } from './shell-words.ts';

export interface PlacedWord {
  text: string;
  mapped: MappedText;
  /** Where it stands: an entry point takes words of other files as its arguments. */
  script: Script;
}

/** A file's text that holds commands, and how it is read around them. */
export interface Script {
  file: string;
  text: string;
  /** `argv`: split into words that no shell reads; `other`: of a language in which an assignment is written in no way that is known. */
  syntax: Exclude<Syntax, 'exec'> | 'argv' | 'other';
  /** The text is a word of a command: a shell that the command starts reads it. */
  isInner?: boolean;
}

/** How the word of a command is read by a shell that the command starts: `sh -c "…"`. */
export function innerScript({ script, mapped }: PlacedWord): Script {
  if (script.syntax === 'argv') return { ...script, syntax: 'json', isInner: true };
  const from = mapped.runs[0]?.from ?? 0;
  const isOuter = script.isInner || /^(?:shell|make)$/.test(script.syntax);
  if (!isOuter || script.text[from - 1] !== '"') return { ...script, isInner: true };
  return { ...script, syntax: script.syntax === 'shell' ? 'quoted' : 'other', isInner: true };
}

export interface PlacedCommand {
  words: PlacedWord[];
  /** Place of the command in the file; null where it does not stand there as it is. */
  span: Span | null;
  /** `NAME=value` before the command, or alone; `raw` as it is written, quotes included. */
  assignments: { name: string; raw: string }[];
  /** Variables without which alone it runs. */
  unset: readonly string[];
  script: Script;
}

/** Every simple command, in order. `mapped` maps into the script's file. */
export function placeShell(mapped: MappedText, script: Script): PlacedCommand[] {
  return readShell(mapped.text).flatMap(command => {
    // The commands of a function stand for its calls.
    if (command.isOwnCall) return [];
    const lead = toSource(mapped, command.start, command.start + 1);
    const tail = toSource(mapped, Math.max(command.start, command.end - 1), command.end);
    return {
      words: command.words.map(word => ({ text: word.value.text, mapped: composeMapped(mapped, word.value), script })),
      span: lead.exact ? { start: lead.span.start, end: tail.span.end } : null,
      assignments: command.assignments.map(({ name, start, end }) => ({
        name,
        raw: mapped.text.slice(start, end).replace(new RegExp(`^${name}\\+?=`), ''),
      })),
      unset: command.unset,
      script,
    };
  });
}

/** Words of an exec form: no shell reads them. */
export const placeArgv = (words: readonly MappedText[], script: Script): PlacedCommand => ({
  words: words.map(mapped => ({ text: mapped.text, mapped, script })),
  span: null,
  assignments: [],
  unset: [],
  script,
});

/** The words from one on, of which a wrapper was taken off. */
export const dropWords = (command: PlacedCommand, count: number): PlacedCommand => ({
  ...command,
  words: command.words.slice(count),
});
