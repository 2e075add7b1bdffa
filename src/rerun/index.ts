/** What the last run said, where nothing has changed since. */
export { replay } from './replay.ts';
