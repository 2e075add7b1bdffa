/**
 * String literals of languages without a parser here (Go, Ruby, Java, C#, PHP, Elixir, Rust …), so that their endpoints are
 * reported. What the code does with them is not seen: nothing is edited.
 */
import { mapEscaped, mapSlice } from '../src/mapped-text.ts';
import { type Extraction, noFacts } from '../src/model.ts';
import { isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan-block.ts';
import { scanValue } from '../src/scan-value.ts';
import type { ExtractContext } from './codemod.ts';

const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;

export function extract(text: string, context: ExtractContext): Extraction {
  const literals = [...text.matchAll(LITERAL)].map(match => {
    const start = match.index + 1;
    const end = match.index + match[0].length - 1;
    return {
      at: match.index,
      end: end + 1,
      value: text[match.index] === '`' ? mapSlice(text, start, end) : mapEscaped(text, start, end),
    };
  });
  const settings: Setting[] = [];
  const sites = literals.flatMap(({ at, value }, i) => {
    const before = literals[i - 1];
    const key = before && !text.slice(before.end, at).includes('\n') ? before.value.text : '';
    // `get_env("DB_HOST", "db")`: the default of a read of the environment.
    if (/^[A-Za-z][\w.]*$/.test(key) && (isHostKey(key) || isPortKey(key))) {
      settings.push({ key, value, scope: { role: 'fallback', facts: ['not-parsed'] } });
      return [];
    }
    return scanValue(value, { role: 'literal', facts: ['not-parsed'] }, context);
  });
  return { sites: [...sites, ...scanBlock(settings, 'file', context)], facts: noFacts() };
}
