/** What every format implements: a pure function of text to sites and facts. Codemods never choose a target. */
import type { Extraction } from '../src/model.ts';
import type { ScanContext } from '../src/scan-value.ts';
import type { Topology } from '../src/topology.ts';

export interface ExtractContext extends ScanContext {
  topology: Topology;
  path: string;
}

export type Extract = (text: string, context: ExtractContext) => Extraction;

export interface Codemod {
  id: string;
  /** By name first; the text is for files whose name says nothing. */
  matches(path: string, text: string): boolean;
  load(): Promise<Extract>;
}
