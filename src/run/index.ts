/** The stages in order, from a directory to a plan that holds. */
export { planMigration } from './plan-migration.ts';
