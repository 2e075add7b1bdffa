/** A name in a text. */
export const hasWord = (text: string, name: string): boolean =>
  text.includes(name) && new RegExp(`\\b${name.replace(/\W/g, '')}\\b`).test(text);

/** A program under the name that distributions give to one of several versions: `alembic-3` → `alembic`. */
export const unversioned = (word: string): string => word.replace(/^([A-Za-z][\w-]*?)-\d+(?:\.\d+)*$/, '$1');

const named = new WeakMap<ReadonlyMap<string, string>, Map<string, string[]>>();

/** Paths of the texts that have the word. It is asked for every site, so what was found is kept as long as the texts are. */
export function filesWithWord(texts: ReadonlyMap<string, string>, word: string): readonly string[] {
  const known = named.get(texts) ?? new Map<string, string[]>();
  named.set(texts, known);
  const before = known.get(word);
  if (before) return before;
  const found = [...texts].flatMap(([path, text]) => (hasWord(text, word) ? [path] : []));
  known.set(word, found);
  return found;
}
