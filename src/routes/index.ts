/** What breaks behind the pool, and what each process therefore needs. */

export type { Finding } from './audit.ts';
export { type AuditResult, auditCode, auditInput, needsOf, settleHazards, type Weight } from './audit-plan.ts';
export { AUDIT_LITERALS, auditPurpose, isAudited } from './candidates.ts';
export type { HazardRule } from './hazard-rules.ts';
export { findSuppression, readSuppressions } from './suppressions.ts';
