/** Sites of password files: `host:port:database:user:password`. Source: postgresql.org/docs/current/libpq-pgpass.html */

import { type Extraction, noFacts } from '../src/model/index.ts';
import { scanHostPort } from '../src/scan/scan-value.ts';
import { mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';

const LINE = /^(?!#)((?:\\.|[^:\\\n])+:(?:\d+|\*)):(?:\\.|[^:\\\n])+:(?:\\.|[^:\\\n])+:/gm;

export function extract(text: string, context: ExtractContext): Extraction {
  const mapped = mapSlice(text, 0, text.length);
  const sites = [...text.matchAll(LINE)].flatMap(match => {
    const end = match.index + (match[1] ?? '').length;
    return scanHostPort(mapped, match.index, end, { role: 'setting' }, context) ?? [];
  });
  return { sites, facts: noFacts() };
}
