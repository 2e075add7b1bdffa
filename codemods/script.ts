/** Sites of shell scripts: the whole file is one script, so that a variable's uses are seen. */

import { type Extraction, noFacts } from '../src/model/index.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { scanShell } from './shell.ts';

export function extractScript(text: string, context: ExtractContext): Extraction {
  const result = scanShell(mapSlice(text, 0, text.length), { role: 'command' }, context);
  return { sites: result.sites, facts: { ...noFacts(), reads: result.reads, commands: result.commands } };
}
