/**
 * A value that goes to applications and to services that must stay direct is split: the shared place is pooled, and each
 * direct service gets the old value in an environment of its own.
 */

import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { type Override, overrideEnvironment } from '../../codemods/compose-override.ts';
import type { Safety, Site } from '../model/index.ts';
import { isTemplateFor, type Receiver } from '../processes/index.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';
import type { EditState } from './state.ts';

interface Target {
  file: ComposeFile;
  service: ComposeService;
}

/** Whether every one of the services can get a value of its own, and how safe that is; null where one can't. */
export function splitSafety(
  site: Site,
  services: readonly string[],
  topology: Topology,
  receivers: ReadonlyMap<string, Receiver[]>,
): Safety | null {
  const targets = targetsOf(site, services, topology, receivers);
  if (targets === null || site.entry === null) return null;
  const trial: Override[] = [[site.entry.key, 'x']];
  if (!targets.every(({ file, service }) => overrideEnvironment(file, service, trial, '\n') !== null)) return null;
  // The value that an env file gives to a migration now comes through compose, which reads its own `.env` only.
  return site.format === 'compose' ? 'safe' : 'unsafe';
}

function targetsOf(
  site: Site,
  services: readonly string[],
  { composeFiles }: Topology,
  receivers: ReadonlyMap<string, Receiver[]>,
): Target[] | null {
  const paths =
    site.format === 'compose'
      ? new Map(services.map(name => [name, [site.file]]))
      : new Map(services.map(name => [name, givenBy(site, name, receivers)]));
  const targets = [...paths].flatMap(([name, files]) =>
    files.map(path => {
      const file = composeFiles.find(candidate => candidate.path === path);
      const service = file?.services.find(candidate => candidate.name === name);
      return file && service ? { file, service } : null;
    }),
  );
  const isComplete = services.every(name => (paths.get(name) ?? []).length > 0);
  return isComplete && targets.every(target => target !== null) ? targets : null;
}

/** Compose files in which the service gets the variable, if compose itself reads the env file there. */
function givenBy(site: Site, name: string, receivers: ReadonlyMap<string, Receiver[]>): string[] {
  const all = (receivers.get(`${site.file}\0${site.key}`) ?? []).filter(receiver => receiver.service === name);
  const files = [...new Set(all.map(receiver => receiver.file))];
  return files.every(file => isTemplateFor(site.file, joinPath(dirOf(file), '.env'))) ? files : [];
}

/** `oldValue` is the text of a site's value with the names of pooled variables made direct. */
export function insertSplits(state: EditState, oldValue: (site: Site) => string): void {
  const overrides = new Map<ComposeService, { file: ComposeFile; site: Site; entries: Override[] }>();
  for (const site of state.pooled.filter(site => site.splitServices.length > 0)) {
    const key = site.entry?.key ?? '';
    const value = site.format === 'compose' ? oldValue(site) : `\${${key}${state.config.direct.suffix}:-\${${key}}}`;
    for (const { file, service } of targetsOf(site, site.splitServices, state.topology, state.receivers) ?? []) {
      const known = overrides.get(service) ?? { file, site, entries: [] };
      overrides.set(service, known);
      if (!known.entries.some(([name]) => name === key)) known.entries.push([key, value]);
    }
  }
  for (const [service, { file, site, entries }] of overrides) {
    for (const edit of overrideEnvironment(file, service, entries, state.newlineOf(file.path)) ?? []) {
      state.edits.push({ file: file.path, ...edit, unit: site.decision, safety: site.safety });
    }
  }
}
