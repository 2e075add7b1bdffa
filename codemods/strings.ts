/**
 * String literals of languages without a parser here (Go, Ruby, Java, C#, PHP, Elixir, Rust …), so that their endpoints are
 * reported. What the code does with them is not seen: nothing is edited.
 */
import { mapEscaped, mapSlice } from '../src/mapped-text.ts';
import { type Extraction, noFacts } from '../src/model.ts';
import { scanValue } from '../src/scan-value.ts';
import type { ExtractContext } from './codemod.ts';

const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;

export function extract(text: string, context: ExtractContext): Extraction {
  const sites = [...text.matchAll(LITERAL)].flatMap(match => {
    const start = match.index + 1;
    const end = match.index + match[0].length - 1;
    const mapped = text[match.index] === '`' ? mapSlice(text, start, end) : mapEscaped(text, start, end);
    return scanValue(mapped, { role: 'literal', facts: ['not-parsed'] }, context);
  });
  return { sites, facts: noFacts() };
}
