/** What runs is compared with what was planned. */
export { type Check, checkIds, exitCode, skipped, type Verdict, type VerifyReport } from './check.ts';
export { type Context, findContext, URL_VARIABLES } from './context.ts';
export type { Endpoint } from './endpoint.ts';
export { countTransactions } from './gather.ts';
export { toSessionOptions } from './open-ways.ts';
export { makeRedactor } from './redact.ts';
export { renderCheck, renderTotals } from './render.ts';
export { runChecks } from './run-checks.ts';
export { judgeRuns, runCommand } from './run-command.ts';
export { listRunVariables, makeRunEnvironment, runsInside, type Target } from './run-variables.ts';
