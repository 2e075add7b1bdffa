/** From sources to sites and facts. */
export { environmentReads, FACT_LITERALS, FACT_PATTERN } from './code-facts.ts';
export { type Extracted, extractSource } from './extract.ts';
