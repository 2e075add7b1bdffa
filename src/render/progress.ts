import { listenToProgress, type Stage } from '../model/progress.ts';

const STAGES: Record<Stage, [what: string, unit: string]> = {
  searching: ['Searching', 'files'],
  reading: ['Reading', 'files'],
  extracting: ['Looking for connections', 'files'],
  auditing: ['Auditing', 'files'],
  following: ['Following what runs', 'services'],
  deciding: ['Deciding', 'places'],
  checking: ['Reading the result again', 'edited files'],
};

/** In ms: a run that is done by then shows nothing; and how long a line stays. */
const PATIENCE = 300;
const PAUSE = 80;

/** E.g.: `Searching: 1024 of 15000 files`. */
export const progressLine = (stage: Stage, done: number, total: number): string => {
  const [what, unit] = STAGES[stage];
  return `${what}: ${done} of ${total} ${unit}`;
};

/**
 * A line on a terminal's stderr that says stage and count while the work takes longer than a moment. What it returns ends it: the
 * line is gone before anything else is printed.
 */
export function startProgress(options: { quiet?: boolean; 'no-progress'?: boolean }): () => void {
  if (!process.stderr.isTTY || options.quiet || options['no-progress'] || process.env.CI) return () => {};
  let due = performance.now() + PATIENCE;
  let isShown = false;
  // The work is synchronous for the most part, so no timer would come to its turn: it tells, and here the time is looked at.
  listenToProgress((stage, done, total) => {
    const now = performance.now();
    if (now < due) return;
    due = now + PAUSE;
    isShown = true;
    process.stderr.write(`\r\u001b[2K${progressLine(stage, done, total).slice(0, (process.stderr.columns || 80) - 1)}`);
  });
  return () => {
    listenToProgress(null);
    if (isShown) process.stderr.write('\r\u001b[2K');
  };
}
