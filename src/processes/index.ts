/** What runs, and with which values. */
export { type Flow, isTemplateFor, type Receiver, readFlow } from './flow.ts';
export { definesVariables } from './port-variables.ts';
export { describeVariables } from './variables.ts';
