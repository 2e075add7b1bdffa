/** What every format implements: a pure function of text to sites and facts. Codemods never choose a target. */
import type { Extraction } from '../src/model/index.ts';
import type { ScanContext } from '../src/scan/scan-value.ts';
import type { Embedded } from './embedded.ts';

export interface ExtractContext extends ScanContext {
  path: string;
}

/** `embedded`: texts in the source that are files of their own. */
export type Extract = (text: string, context: ExtractContext) => Extraction & { embedded?: Embedded[] };

export interface Codemod {
  id: string;
  /** By name first; the text is for files whose name says nothing. */
  matches(path: string, text: string): boolean;
  load(): Promise<Extract>;
}
