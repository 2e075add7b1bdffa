/** From decisions to edits. */
export { followsOnly, planEdits } from './edit.ts';
export { knobValue, PROCESSES } from './features.ts';
export { mendUnit } from './insert-mends.ts';
export { dropOverlaps, splice } from './splice.ts';
export { type EditResult, goesApart, serverOf } from './state.ts';
export { poolFor } from './target.ts';
export type { WayInput } from './way-targets.ts';
export { namedDirect, wayOf } from './ways.ts';
