/** Connection pools that code opens, for each way of connecting that can be told from the code itself. */
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import type { Lookup } from './workers.ts';

/** One connection (or pool) that a process opens. */
export interface ClientPool {
  /** E.g.: `SQLAlchemy` */
  library: string;
  place: Place;
  /** `per-thread`: each thread holds one connection, whatever is configured. */
  kind: 'pool' | 'per-thread';
  /** Connections at most; for SQLAlchemy `overflow` comes on top. */
  size: Setting;
  overflow: Setting | null;
  /** The file is a program of its own: it counts only for those who start it. */
  isProgram: boolean;
  /** Opened by the children of a Celery worker only. */
  isCelery: boolean;
}

/** A number in code: a literal, the default of a variable, or one that can't be seen. */
export interface Setting {
  value: number | null;
  /** The environment can change it. */
  variable: string | null;
  place: Place;
  /** What is there instead of a literal, or what the library does by itself. */
  note: string;
  basis: Quantity['basis'];
}

export const literal = (value: number, place: Place, note: string, variable: string | null = null): Setting => ({
  value,
  variable,
  place,
  note,
  basis: 'seen',
});

/** The library's own number, since the code gives none. */
export const libraryDefault = (value: number, place: Place, note: string): Setting => ({
  value,
  variable: null,
  place,
  note,
  basis: 'default',
});

/** Something is given, and what it is can't be told from here. */
export const unseen = (value: number, place: Place, note: string): Setting => ({
  value,
  variable: null,
  place,
  note,
  basis: 'assumed',
});

/** The setting in a service's environment. */
export function settle({ value, variable, place, note, basis }: Setting, lookup: Lookup): Quantity {
  const given = variable === null ? null : lookup(variable);
  const number = wholeNumber(given?.text);
  if (given && number !== null) return seen(number, given.place, variable ?? '');
  if (basis === 'seen') return seen(value ?? 0, place, variable === null ? note : `default of ${variable}`);
  return basis === 'default' ? byDefault(value ?? 0, note, place) : assumed(value ?? 0, note, place);
}
