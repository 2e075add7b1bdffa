/** The programmatic interface; docs/api.md has examples of all of it. */
export { type Applied, type ApplyOptions, applyPlan } from './apply/apply.ts';
export { type Undone, undo } from './apply/undo.ts';
export { RefusedError, UsageError } from './model/errors.ts';
export type { Action, Change, Failure, Form, Hazard, Refusal, Safety, Severity, Site } from './model/index.ts';
export type { Plan, PlanOptions } from './plan/plan.ts';
export { type Report, toReport } from './render/report.ts';
export { planMigration } from './run/plan-migration.ts';
export { type SizeReport, toSizeReport } from './size/render-size.ts';
