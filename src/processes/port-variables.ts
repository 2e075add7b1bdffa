/** Which programs take a port from the variable beside that of a host. */
import type { Source } from '../model/index.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';

type Sources = ReadonlyMap<string, Source>;

/** The code of each service that is built here; of a folder inside another's the narrower one. All of it where nothing is known. */
export function codeOf(services: readonly string[], { composeFiles }: Topology, sources: Sources): Sources[] {
  const built = composeFiles.flatMap(file =>
    file.services.flatMap(({ name, build }) =>
      build === null ? [] : [{ name, context: joinPath(dirOf(file.path), build) }],
    ),
  );
  const contexts = built.filter(({ name }) => services.includes(name)).map(({ context }) => context);
  if (contexts.length === 0) return [sources];
  return [...new Set(contexts)].map(context => {
    const narrower = built.map(other => other.context).filter(other => other !== context && isInside(context, other));
    return new Map(
      [...sources].filter(([path]) => isInside(context, path) && !narrower.some(other => isInside(other, path))),
    );
  });
}

/** Files that tell which variables exist, and no program. */
export const definesVariables = (path: string): boolean => DEFINES.test(path);

const DEFINES =
  /(?:^|\/)[^/]*\.env(?:[._-][^/]*)?$|compose[^/]*\.ya?ml$|\.(?:md|mdx|rst|txt|hcl|nomad|tf|tfvars)$|(?:^|\/)Dockerfile/i;

/** `DB_HOST` → `DB_PORT`; libpq reads its own by itself. */
export function portKeyOf(key: string): string | null {
  const port = key.replace(/(?:HOST(?:_?NAME|_?ADDR)?|SERVER|ADDR(?:ESS)?)$/, 'PORT');
  return port === key || /^PG/.test(key) ? null : port;
}

/** True where some program names the variable. */
export function isNamed(word: string, sources: Sources): boolean {
  const pattern = new RegExp(`\\b${word.replace(/\W/g, '')}\\b`);
  return [...sources.values()].some(
    ({ path, text }) => !DEFINES.test(path) && text.includes(word) && pattern.test(text),
  );
}

/** Some program names the variable of the host, and none the one of the port beside it. */
export function readsHostAlone(key: string, siblings: readonly string[], sources: Sources): boolean {
  const port = portKeyOf(key);
  return port !== null && siblings.includes(port) && isNamed(key, sources) && !isNamed(port, sources);
}
