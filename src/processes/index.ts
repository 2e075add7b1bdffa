/** What runs, and with which values. */
export { definesVariables } from './port-variables.ts';
export { homeOf, type Processes, processOf, readProcesses } from './processes.ts';
export { isTemplateFor, type Receiver } from './receivers.ts';
export { makeShelf, type Shelf } from './shelf.ts';
export { describeVariables } from './variables.ts';
