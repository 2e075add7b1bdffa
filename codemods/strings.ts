/**
 * String literals of languages without a parser here (Go, Ruby, Java, C#, PHP, Elixir, Rust …), so that their endpoints are
 * reported. What the code does with them is not seen: nothing is edited.
 */
import { readTokenEvents } from '../src/audit/token-events.ts';
import { type MappedText, mapEscaped, mapSlice } from '../src/mapped-text.ts';
import { type Extraction, noFacts } from '../src/model.ts';
import { isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan-block.ts';
import { scanValue } from '../src/scan-value.ts';
import type { ExtractContext } from './codemod.ts';
import { languageOf, tokenize } from './lexer.ts';

const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/g;

export function extract(text: string, context: ExtractContext): Extraction {
  const literals = readLiterals(text, context.path);
  const sections = readSections(text, context.path);
  const settings: Setting[] = [];
  const sites = literals.flatMap(({ at, value }, i) => {
    const before = literals[i - 1];
    const isSameLine = before && !text.slice(before.end, at).includes('\n');
    const key = isSameLine ? before.value.text : '';
    const section = sectionOf(literals, i, text, sections);
    // `get_env("DB_HOST", "db")`: the default of a read of the environment.
    if (/^[A-Za-z][\w.]*$/.test(key) && (isHostKey(key) || isPortKey(key))) {
      settings.push({ key, value, scope: { role: 'fallback', facts: ['not-parsed'], section } });
      return [];
    }
    return scanValue(value, { role: 'literal', facts: ['not-parsed'], section }, context);
  });
  return { sites: [...sites, ...scanBlock(settings, 'file', context)], facts: noFacts() };
}

interface Literal {
  at: number;
  end: number;
  value: MappedText;
}

function readLiterals(text: string, path: string): Literal[] {
  const language = languageOf(path);
  if (language)
    return tokenize(text, language).flatMap(({ from, to, value }) => (value ? [{ at: from, end: to, value }] : []));
  return [...text.matchAll(LITERAL)].map(match => {
    const [start, end] = [match.index + 1, match.index + match[0].length - 1];
    const value = text[match.index] === '`' ? mapSlice(text, start, end) : mapEscaped(text, start, end);
    return { at: match.index, end: end + 1, value };
  });
}

/** Names around the settings of PHP, Ruby and Elixir, by the place of the key: `mysql` of `'mysql' => ['host' => …]`. */
function readSections(text: string, path: string): Map<number, readonly string[]> {
  if (!/\.(?:php|rb|exs?)$/i.test(path)) return new Map();
  return new Map(
    readTokenEvents(text, path).flatMap(event => (event.kind === 'setting' ? [[event.at, event.within] as const] : [])),
  );
}

/** The section of the setting that a literal belongs to: that of the nearest key before it on its line. */
function sectionOf(
  literals: readonly Literal[],
  i: number,
  text: string,
  sections: ReadonlyMap<number, readonly string[]>,
): readonly string[] {
  for (let at = i; at >= 0; at--) {
    const section = sections.get(literals[at]?.at ?? -1);
    if (section) return section;
    if (text.slice(literals[at - 1]?.end, literals[at]?.at).includes('\n')) break;
  }
  return [];
}
