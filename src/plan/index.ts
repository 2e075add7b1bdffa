/** The one object that all reports and the writing consume. */
export { type Plan, type PlanOptions, planOnce } from './plan.ts';
