/** What code does that a hazard rule can ask about: SQL text, calls with their arguments, settings, imports. */
import type { Span } from '../src/model/index.ts';
import { indentAt, lineStartOf } from '../src/text/lines.ts';
import { concatMapped, type MappedText } from '../src/text/mapped-text.ts';

export type Event =
  /** A string that may be SQL. `callee`: the function that gets it, if any. */
  | { kind: 'sql'; value: MappedText; callee: string | null }
  | { kind: 'call'; name: string; at: number; arguments: ReadonlyMap<string, string>; slot: Slot | null }
  /**
   * `key: value` of an object or a dictionary; `within`: names around it and the function that gets it; `siblings`: all of the
   * same object, as `name=value`.
   */
  | {
      kind: 'setting';
      name: string;
      value: string;
      at: number;
      within: readonly string[];
      siblings: () => readonly string[];
      slot: Slot | null;
      /** Where the value stands, in languages of which rules ask for it. */
      extent?: Span;
    }
  | { kind: 'import'; name: string; at: number }
  /** A command with its words. */
  | { kind: 'command'; name: string; at: number };

/** Where a further argument or entry can be added, and what has to stand before it. */
export interface Slot {
  at: number;
  lead: string;
}

/** A further entry after the one at [from, to), on a line of its own if that one has a line of its own. */
export function slotAfter(text: string, from: number, to: number, comma = ','): Slot {
  const startsLine = /^[ \t]*$/.test(text.slice(lineStartOf(text, from), from));
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return { at: to, lead: startsLine ? `${comma}${newline}${indentAt(text, from)}` : `${comma} ` };
}

/**
 * A literal that others are joined to with `+`: one in the middle (`… + "SET a = 1"`) starts no statement; to the first one a
 * hole is added for what follows. Null: no SQL of its own.
 */
export function asFragment(value: MappedText, place: 'first' | 'later' | 'alone'): MappedText | null {
  if (place === 'alone') return value;
  if (place === 'later') return null;
  const isOpen = (value.text.match(/'/g)?.length ?? 0) % 2 === 1;
  return concatMapped([value, { text: isOpen ? "h'" : 'h', runs: [] }]);
}

/** Positional arguments are named by their place: `0`, `1`. */
export const namedArguments = (pairs: Iterable<[string | number, string]>): ReadonlyMap<string, string> =>
  new Map([...pairs].map(([name, value]) => [String(name), value]));
