/**
 * Sites that live or die together: host and port of one block, a value and the definitions of the variables in it, a
 * host without a port and the code that reads it with one.
 */
import { isCiPath, isTestPath } from '../../codemods/paths.ts';
import type { Part, RawSite } from '../model/index.ts';
import { groupBy } from '../text/group-by.ts';

export interface FileSite {
  file: string;
  format: string;
  site: RawSite;
}

const OTHER_ENGINE = /^(?:mysql|mariadb|sqlsrv|mssql|sqlite|oracle)$/i;

/**
 * For each site the index of its group's first site. `portKeyOf`: the variable that an image takes the port from, beside that of its
 * host, whatever they are called.
 */
export function groupSites(sites: readonly FileSite[], portKeyOf: (site: FileSite) => string | null): number[] {
  const parent = sites.map((_, i) => i);
  const find = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root] as number;
    parent[i] = root;
    return root;
  };
  const join = (a: number, b: number): void => {
    const [low, high] = [find(a), find(b)].sort((x, y) => x - y) as [number, number];
    parent[high] = low;
  };
  const blocks = new Map<string, number>();
  sites.forEach(({ file, site }, i) => {
    if (site.group === null) return;
    // Laravel's `mysql` stands beside its `pgsql` and reads the same variables.
    const id = `${file}\0${site.group}\0${site.section.find(name => OTHER_ENGINE.test(name)) ?? ''}`;
    const first = blocks.get(id);
    if (first === undefined) blocks.set(id, i);
    else join(first, i);
  });
  const definitions = indexDefinitions(sites);
  const locals = indexLocals(sites);
  const apart = ownPairs(sites);
  sites.forEach(({ file, format, site }, i) => {
    for (const name of site.form === 'url' ? variablesOf(site) : [])
      for (const at of locals.get(`${file}\0${name}`) ?? []) join(i, at);
    if (isTestCode(file, site)) return;
    for (const name of variablesOf(site)) {
      const all = definitions.get(name) ?? [];
      // An env file that defines what it reads reads nobody else's.
      const own = format === 'env' ? all.filter(at => sites[at]?.file === file) : [];
      // `db:${DB_PORT}` takes the port alone of such a pair, whatever host stands beside it there.
      const reached = isMixed(site) ? all : all.filter(one => !apart.has(one));
      for (const at of own.length > 0 ? own : reached) if (at !== i) join(i, at);
    }
  });
  for (const [host, port] of lonePairs(sites)) join(host, port);
  sites.forEach((one, i) => {
    const port = one.site.form === 'host' && one.site.entry !== null ? portKeyOf(one) : null;
    if (port === null) return;
    const at = sites.findIndex(
      ({ file, site }) => file === one.file && site.key === port && site.entry?.block === one.site.entry?.block,
    );
    if (at !== -1) join(i, at);
  });
  joinLoneHosts(sites, find, join);
  return parent.map((_, i) => find(i));
}

/** Host or port is written out, and the other one comes from a variable. */
const isMixed = ({ host, port }: RawSite): boolean =>
  host !== null && port !== null && (host.variables.length === 0) !== (port.variables.length === 0);

/**
 * Hosts and ports of manifests and compose services that come together: who gets both depends on nobody's default, and
 * what runs elsewhere never gets them.
 */
function ownPairs(sites: readonly FileSite[]): Set<number> {
  const blocks = new Map<string, number[]>();
  sites.forEach(({ file, format, site }, i) => {
    if (!/^(?:yaml|compose|env)$/.test(format) || site.role !== 'environment' || site.group === null) return;
    if (site.host?.kind === 'default' || site.port?.kind === 'default') return;
    const id = `${file}\0${site.group}`;
    blocks.set(id, [...(blocks.get(id) ?? []), i]);
  });
  const isPair = (at: number[]) =>
    at.some(i => hasValue(sites[i]?.site.host ?? null)) && at.some(i => hasValue(sites[i]?.site.port ?? null));
  return new Set([...blocks.values()].filter(isPair).flat());
}

/** The only host and the only port of a block belong together, whatever they are called: `PGHOST` and `POSTGRES_PORT`. */
function lonePairs(sites: readonly FileSite[]): [host: number, port: number][] {
  const entries = sites.flatMap(({ file, site }, i) =>
    site.role === 'environment' && site.entry ? [{ i, form: site.form, block: `${file}\0${site.entry.block}` }] : [],
  );
  return [...groupBy(entries, ({ block }) => block).values()].flatMap(all => {
    const [host, ...hosts] = all.filter(({ form }) => form === 'host');
    const [port, ...ports] = all.filter(({ form }) => form === 'port');
    const isAlone = hosts.length + ports.length === 0;
    return host && port && isAlone ? [[host.i, port.i] as [number, number]] : [];
  });
}

export const variablesOf = (site: RawSite): string[] => [
  ...(site.host?.variables ?? []),
  ...(site.port?.variables ?? []),
  ...(site.hostVariable === null ? [] : [site.hostVariable]),
];

/** Hosts and ports that code assigns to variables, by `file\0name`: a URL may be put together from them. */
export function indexLocals(sites: readonly FileSite[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  sites.forEach(({ file, site }, i) => {
    if (site.local === null || (site.form !== 'host' && site.form !== 'port')) return;
    const id = `${file}\0${site.local}`;
    index.set(id, [...(index.get(id) ?? []), i]);
  });
  return index;
}

/** Definitions of split hosts and ports by their key. */
export function indexDefinitions(sites: readonly FileSite[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  sites.forEach(({ file, site }, i) => {
    // A job has servers of its own: what it sets says nothing of what others get.
    if (isCiPath(file)) return;
    if (site.key === null || site.role !== 'environment' || (site.form !== 'host' && site.form !== 'port')) return;
    index.set(site.key, [...(index.get(site.key) ?? []), i]);
  });
  return index;
}

/** `DB_HOST=db` in a template, and `host=getenv("DB_HOST"), port=getenv("DB_PORT", "5432")` in code: the code has the port. */
function joinLoneHosts(
  sites: readonly FileSite[],
  find: (i: number) => number,
  join: (a: number, b: number) => void,
): void {
  const withPort = new Set<number>();
  sites.forEach(({ site }, i) => {
    if (hasValue(site.port)) withPort.add(find(i));
  });
  const readers = new Map<string, number[]>();
  sites.forEach(({ file, site }, i) => {
    if (site.role !== 'fallback' || site.form !== 'host' || site.key === null || !withPort.has(find(i))) return;
    if (isTestCode(file, site)) return;
    if (site.section.some(name => OTHER_ENGINE.test(name))) return;
    readers.set(site.key, [...(readers.get(site.key) ?? []), i]);
  });
  sites.forEach(({ file, site }, i) => {
    if (isCiPath(file)) return;
    if (site.role !== 'environment' || site.form !== 'host' || site.key === null || withPort.has(find(i))) return;
    for (const reader of readers.get(site.key) ?? []) join(i, reader);
  });
}

/** What it reads of the environment says nothing of the application: a fixed port beside it is a test's own. */
const isTestCode = (file: string, { role }: RawSite): boolean => role !== 'environment' && isTestPath(file);

const hasValue = (part: Part | null): boolean => part !== null && part.value !== null;
