/** The programmatic interface. E.g.: `const plan = await planMigration({ cwd }); await applyPlan(plan);` */
export { type Applied, type ApplyOptions, applyPlan } from './apply.ts';
export { RefusedError, UsageError } from './errors.ts';
export type { Action, Change, Failure, Form, Hazard, Refusal, Safety, Severity, Site } from './model.ts';
export { type Plan, type PlanOptions, planMigration } from './plan.ts';
export { type Report, toReport } from './report.ts';
export { undo } from './undo.ts';
