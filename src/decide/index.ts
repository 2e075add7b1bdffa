/** From sites to decisions. */
export { decide } from './decide.ts';
export { serviceNames } from './derive-facts.ts';
export type { DecideInput, Decisions } from './input.ts';
export { DEFAULT_PORT } from './ports.ts';
export { questionFor } from './questions.ts';
export { MIGRATION_SETTINGS } from './set-apart.ts';
