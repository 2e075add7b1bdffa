/** Variables that carry an endpoint: where they are defined, who receives them, who reads them. For the report. */

import type { Extraction, Site, Variable } from '../model/index.ts';
import type { Receiver } from './receivers.ts';

export function describeVariables(
  sites: readonly Site[],
  receivers: ReadonlyMap<string, Receiver[]>,
  extractions: ReadonlyMap<string, Extraction>,
): Variable[] {
  const found = new Map<string, Variable>();
  const add = (list: string[], item: string) => {
    if (!list.includes(item)) list.push(item);
  };
  for (const site of sites) {
    if (site.role !== 'environment' || site.key === null) continue;
    const variable = found.get(site.key) ?? {
      name: site.key,
      action: site.action,
      definedIn: [],
      receivedBy: [],
      readBy: [],
    };
    found.set(site.key, variable);
    // Definitions that differ are for a person to compare.
    if (variable.action !== site.action && variable.action !== 'review') variable.action = 'review';
    add(variable.definedIn, site.file);
    for (const { service } of receivers.get(`${site.file}\0${site.key}`) ?? []) add(variable.receivedBy, service);
    for (const use of site.uses) if (use.service) add(variable.receivedBy, use.service);
  }
  for (const [file, { facts }] of extractions)
    for (const name of facts.reads) if (found.has(name)) add((found.get(name) as Variable).readBy, file);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
