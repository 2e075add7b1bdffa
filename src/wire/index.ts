/** From decisions to edits. */
export { planEdits } from './edit.ts';
export { mendUnit } from './insert-mends.ts';
export { dropOverlaps, splice } from './splice.ts';
export { splitSafety } from './split-readers.ts';
export { type EditResult, serverOf } from './state.ts';
export { existingPooler, poolFor } from './target.ts';
