/** The programmatic interface. E.g.: `const plan = await planMigration({ cwd }); await applyPlan(plan);` */
export { applyPlan, type ApplyOptions, type Applied } from './apply.ts';
export { type Plan, type PlanOptions, planMigration } from './plan.ts';
export { undo } from './undo.ts';
export { toReport, type Report } from './report.ts';
export { RefusedError, UsageError } from './errors.ts';
export type { Action, Change, Failure, Form, Hazard, Refusal, Safety, Severity, Site } from './model.ts';
