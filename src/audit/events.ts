/** What code does that a hazard rule can ask about: SQL text, calls with their arguments, settings, imports. */
import { concatMapped, type MappedText } from '../mapped-text.ts';

export type Event =
  /** A string that may be SQL. `callee`: the function that gets it, if any. */
  | { kind: 'sql'; value: MappedText; callee: string | null }
  | { kind: 'call'; name: string; at: number; arguments: ReadonlyMap<string, string> }
  /** `key: value` of an object or a dictionary; `within`: names around it and the function that gets it. */
  | { kind: 'setting'; name: string; value: string; at: number; within: readonly string[] }
  | { kind: 'import'; name: string; at: number };

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
