/** Write, journal, undo. */
export { applyPlan } from './apply.ts';
export { sha256 } from './journal.ts';
