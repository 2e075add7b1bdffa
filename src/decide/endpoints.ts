/** Host and port of each site, wherever they stand. */
import { directNames } from '../../codemods/companion.ts';
import type { RawSite } from '../model/index.ts';
import { type Endpoint, OTHER_ENGINES } from '../topology/index.ts';
import { type FileSite, indexDefinitions, indexLocals } from './group-sites.ts';

/** What the file itself defines comes before what others do. */
const nearFirst = (at: readonly number[], file: string, sites: readonly FileSite[]): number[] =>
  at.toSorted((a, b) => Number(sites[b]?.file === file) - Number(sites[a]?.file === file));

/** `${DB_HOST_DIRECT:-$DB_HOST}` is where the first leads, whatever that is. */
const withoutTwins = (names: readonly string[], suffix: string): string[] =>
  names.filter((name, i) => !names.slice(0, i).some(first => directNames(name, suffix).includes(first)));

const isWhole = (site: RawSite | undefined): boolean => site?.form === 'url' || site?.form === 'keyword';

/** Host and port of each site: its own, else its partner's in the block, else those of the variables that it reads. */
export function endpointsOf(sites: readonly FileSite[], groups: readonly number[], suffix: string): Endpoint[] {
  const definitions = indexDefinitions(sites);
  const locals = indexLocals(sites);
  const members = new Map<number, number[]>();
  for (const [i, group] of groups.entries()) members.set(group, [...(members.get(group) ?? []), i]);
  return sites.map(({ file, site }, i) => {
    const group = members.get(groups[i] ?? i) ?? [];
    const block = group.filter(
      at => sites[at]?.file === file && sites[at]?.site.group === site.group && site.group !== null,
    );
    const find = (part: 'host' | 'port'): string | null => {
      const own = site[part];
      if (own?.value) return own.value;
      const partner = own ? [] : block;
      const named = [own, ...partner.map(at => sites[at]?.site[part])].flatMap(one =>
        withoutTwins(one?.variables ?? [], suffix),
      );
      const candidates = [
        ...partner,
        ...named.flatMap(name => locals.get(`${file}\0${name}`) ?? nearFirst(definitions.get(name) ?? [], file, sites)),
        // A connection string has a port of its own or none, whatever others of its group have; who else reads the host has none from it.
        ...(own || isWhole(site)
          ? []
          : group.filter(at => part === 'host' || !isWhole(sites[at]?.site) || sites[at]?.file === file)),
      ];
      // A script that knows the port of each driver means ours.
      let other: string | null = null;
      for (const at of candidates) {
        const value = sites[at]?.site[part]?.value;
        if (!value) continue;
        if (!OTHER_ENGINES.has(value)) return value;
        other ??= value;
      }
      return other;
    };
    const port = site.port ?? block.map(at => sites[at]?.site.port).find(part => part) ?? null;
    return { host: find('host'), port: find('port'), portVariable: port?.variables[0] ?? null };
  });
}
