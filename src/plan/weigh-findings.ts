/** How much a finding weighs: by what its own connection goes to. */
import type { Config } from '../config/config.ts';
import { environmentReads } from '../extract/index.ts';
import type { Process, Site } from '../model/index.ts';
import type { Processes } from '../processes/index.ts';
import type { Finding, Weight } from '../routes/index.ts';
import { goesApart, namedDirect } from '../wire/index.ts';

/** A command goes the way of the values that it is seen to use, unless it has its own of them. */
function weightOfCommand(file: string, line: number, sites: readonly Site[], suffix: string): Weight {
  const isHere = ({ place }: Process) => place.file === file && place.line === line;
  const used = sites.filter(({ uses }) => uses.some(isHere));
  if (used.length === 0) return 'unknown';
  const isPooled = ({ action, resolution, apart, uses, key }: Site) =>
    (action === 'pooled' || resolution.kind === 'pooler') &&
    !apart.some(({ process }) => isHere(process)) &&
    !uses.filter(isHere).every(process => namedDirect(key ?? '', process, suffix) !== null);
  return used.some(isPooled) ? 'pooled' : 'direct';
}

/** What a finding's own connection goes to, by the variables that its file reads and by the services that load it. */
export function weightOf(
  sites: readonly Site[],
  processes: Processes,
  texts: ReadonlyMap<string, string>,
  config: Config,
): (finding: Finding) => Weight {
  const variables = new Map<string, Site[]>();
  for (const site of sites)
    if (site.role === 'environment' && site.key !== null)
      variables.set(site.key, [...(variables.get(site.key) ?? []), site]);
  const isThrough = ({ action, resolution }: Site) => action === 'pooled' || resolution.kind === 'pooler';
  return ({ file, line, need, isCommand }) => {
    if (isCommand) return weightOfCommand(file, line, sites, config.direct.suffix);
    const own = environmentReads(texts.get(file) ?? '').filter(name => variables.has(name));
    const apart = own.filter(name => name.endsWith(config.direct.suffix));
    if (apart.length > 0 && (need !== null || apart.length === own.length)) return 'own-variable';
    const loaders = [...processes.loaded].flatMap(([id, files]) => (files?.has(file) ? [id] : []));
    const read = own.flatMap(name => variables.get(name) ?? []);
    // What is direct only since no pool takes it is what stands in the way.
    const isInTheWay = need === 'startup-parameter' && read.some(({ rule }) => rule === 'code-with-session');
    if (read.length > 0 && read.every(({ action }) => action === 'direct')) return isInTheWay ? 'pooled' : 'direct';
    if (loaders.length === 0) return read.some(isThrough) ? 'pooled' : 'unknown';
    // By the services that load it: those that get a value of their own go past the pool.
    const gets = (site: Site, id: string) =>
      site.uses.some(
        ({ service }) =>
          service !== null &&
          (site.format === 'compose' ? `${site.file}\0${service}` === id : id.endsWith(`\0${service}`)),
      ) ||
      (processes.receivers.get(`${site.file}\0${site.key}`) ?? []).some(one => `${one.file}\0${one.service}` === id);
    const ways = loaders.flatMap(id =>
      sites.filter(site => isThrough(site) && gets(site, id)).map(site => goesApart(site, id.split('\0')[1] ?? '')),
    );
    if (ways.length === 0)
      return sites.some(site => site.action === 'direct' && loaders.some(id => gets(site, id))) ? 'direct' : 'unknown';
    return ways.every(Boolean) ? 'direct' : 'pooled';
  };
}
