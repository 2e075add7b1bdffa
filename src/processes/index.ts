/** What runs, and with which values. */

export { homeOf } from './areas.ts';
export { filesOfJobs } from './ci-jobs.ts';
export { isToolFile, setupFile } from './migration-tools.ts';
export { definesVariables, portKeyOf } from './port-variables.ts';
export { type Processes, processOf } from './process.ts';
export { readProcesses } from './processes.ts';
export type { Receiver } from './receivers.ts';
export { makeShelf, type Shelf } from './shelf.ts';
export { describeVariables } from './variables.ts';
export type { NamedStart } from './written-runs.ts';
