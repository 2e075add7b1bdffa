/** How many connections there can be. */
export { POOL_LITERALS, POOL_PATTERN } from './pool-literals.ts';
