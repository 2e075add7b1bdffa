/** The plan is read again. */
export { verifyPlan } from './verify.ts';
