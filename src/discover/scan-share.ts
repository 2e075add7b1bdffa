/** The work that the threads of a scan share: each takes the next files until none is left. */
import { tellProgress } from '../model/progress.ts';
import { isUtf16, readBytes } from './bytes.ts';
import { buildMatcher } from './literal-matcher.ts';

export interface Job {
  groups: readonly (readonly string[])[];
  /** The next file that nobody has taken, and how many are done. */
  control: Int32Array;
  /** By file. */
  found: Uint32Array;
}

/** Paths, one after the other as UTF-8, and where each ends. */
export interface Paths {
  bytes: Uint8Array;
  ends: Uint32Array;
}

/** The bytes alone do not tell: it can't be read, is too large, or is no text of single bytes. */
export const LOOK = 0x8000_0000;
/** Nobody has looked yet. */
export const UNSEEN = 0xffff_ffff;
/** How many files a thread takes at a time. */
const SHARE = 64;

/** `isRest`: only those that nobody has looked at. */
export function scanShare(
  root: string,
  count: number,
  pathAt: (i: number) => string,
  { groups, control, found }: Job,
  isRest = false,
): void {
  const matches = buildMatcher(groups);
  const lead = root.endsWith('/') ? root : `${root}/`;
  for (;;) {
    const from = Atomics.add(control, 0, SHARE);
    if (from >= count) return;
    const to = Math.min(from + SHARE, count);
    for (let i = from; i < to; i++) {
      if (isRest && found[i] !== UNSEEN) continue;
      const bytes = readBytes(lead + pathAt(i));
      found[i] = typeof bytes !== 'string' ? (isUtf16(bytes) ? LOOK : matches(bytes)) : REASONS[bytes];
    }
    Atomics.add(control, 1, to - from);
    Atomics.notify(control, 1);
    tellProgress('searching', Atomics.load(control, 1), count);
  }
}

/** A link, and what is no file, is no part of the scan. */
const REASONS = { link: 0, 'not-a-file': 0, unreadable: LOOK, 'too-large': LOOK } as const;
