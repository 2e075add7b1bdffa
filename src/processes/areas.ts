/** Parts of a repository that go together by where they stand. */
import { dirOf, isInside } from '../text/paths.ts';

/** A folder of settings beside the code is there for what is above it. */
export const homeOf = (path: string): string =>
  dirOf(path).replace(/(?:^|\/)(?:config|conf|envs?|docker|deploy|compose|docs?|scripts?|bin)$/i, '');

/** Read by code, and no code itself. */
export const isSettingsFile = (path: string): boolean =>
  /\.(?:ya?ml|json|toml|properties|ini|cfg|conf|xml)$/i.test(path);

/** The folder of the code that reads a settings file. */
export const moduleOf = (path: string): string =>
  /^(?:(.*)\/)?src\/(?:main|test)\/resources\//.test(path)
    ? path.replace(/(?:^|\/)src\/(?:main|test)\/resources\/.*$/, '')
    : homeOf(path);

/** Folders that hold programs of their own side by side. */
const SHELF = /^(?:apps?|services?|packages?|projects?|samples?|examples?|modules?|microservices|workshops?)$/i;

/** The part of the repository that a file belongs to; '' is the whole, of which documents speak too. */
function areaOf(path: string): string {
  const parts = path.split('/').slice(0, -1);
  if (/^docs?$/.test(parts[0] ?? '')) return '';
  const shelf = parts.findIndex(part => SHELF.test(part));
  return parts.slice(0, shelf === -1 || shelf > 1 ? 1 : shelf + 2).join('/');
}

export function isNear(path: string, other: string): boolean {
  const [a, b] = [areaOf(path), areaOf(other)];
  return a === b || a === '' || b === '' || isInside(a, `${b}/`) || isInside(b, `${a}/`);
}

/** Tests and examples run for themselves. */
export const ASIDE = /(?:^|\/)(?:tests?|__tests__|spec|e2e|examples?|node_modules)\//;
