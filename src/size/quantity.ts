/** Numbers with where they come from. Nothing is guessed silently: what can't be seen says so, and why. */

export interface Quantity {
  value: number;
  /** `seen`: written in the repository. `default`: what the program does with what is written. `assumed`: could be otherwise. */
  basis: 'seen' | 'default' | 'assumed';
  /** Where it is written, or would be. */
  place: Place | null;
  /** What was read, or why the number was taken. */
  note: string;
}

/** Line is 1-based. */
export interface Place {
  file: string;
  line: number;
}

export const seen = (value: number, place: Place, note: string): Quantity => ({ value, basis: 'seen', place, note });

export const byDefault = (value: number, note: string, place: Place | null = null): Quantity => ({
  value,
  basis: 'default',
  place,
  note,
});

export const assumed = (value: number, note: string, place: Place | null = null): Quantity => ({
  value,
  basis: 'assumed',
  place,
  note,
});

/** A whole number from 0; null for anything else. E.g.: `"8"` → 8 */
export function wholeNumber(text: string | null | undefined): number | null {
  return text && /^\d{1,6}$/.test(text.trim()) ? Number(text) : null;
}
