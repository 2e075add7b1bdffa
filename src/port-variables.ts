/** Which programs take a port from the variable beside that of a host. */
import type { Source } from './model.ts';

/** Files that tell which variables exist, and no program. */
const DEFINES = /(?:^|\/)[^/]*\.env(?:[._-][^/]*)?$|compose[^/]*\.ya?ml$|\.(?:md|mdx|rst|txt)$|(?:^|\/)Dockerfile/i;

/** `DB_HOST` → `DB_PORT`; libpq reads its own by itself. */
export function portKeyOf(key: string): string | null {
  const port = key.replace(/(?:HOST(?:_?NAME|_?ADDR)?|SERVER|ADDR(?:ESS)?)$/, 'PORT');
  return port === key || /^PG/.test(key) ? null : port;
}

/** True where some program names the variable. */
export function isNamed(word: string, sources: ReadonlyMap<string, Source>): boolean {
  const pattern = new RegExp(`\\b${word.replace(/\W/g, '')}\\b`);
  return [...sources.values()].some(
    ({ path, text }) => !DEFINES.test(path) && text.includes(word) && pattern.test(text),
  );
}

/** Some program names the variable of the host, and none the one of the port beside it. */
export function readsHostAlone(
  key: string,
  siblings: readonly string[],
  sources: ReadonlyMap<string, Source>,
): boolean {
  const port = portKeyOf(key);
  return port !== null && siblings.includes(port) && isNamed(key, sources) && !isNamed(port, sources);
}
