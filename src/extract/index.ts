/** From sources to sites and facts. */
export {
  environmentReads,
  FACT_LITERALS,
  FACT_PATTERN,
  isDefinition,
  type Migrator,
  migratorOf,
  onlyByName,
  readMigrators,
} from './code-facts.ts';
export { type Extracted, extractSource } from './extract.ts';
