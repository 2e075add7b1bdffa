/** The programmatic interface. E.g.: `const plan = await planMigration({ cwd }); await applyPlan(plan);` */
export { type Applied, type ApplyOptions, applyPlan } from './apply/apply.ts';
export { undo } from './apply/undo.ts';
export { RefusedError, UsageError } from './model/errors.ts';
export type { Action, Change, Failure, Form, Hazard, Refusal, Safety, Severity, Site } from './model/index.ts';
export type { Plan, PlanOptions } from './plan/plan.ts';
export { type Report, toReport } from './render/report.ts';
export { planMigration } from './run/plan-migration.ts';
