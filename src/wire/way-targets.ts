/** Which services get a value, and what can be written for one of them alone. */
import { interpolationsOf } from '../../codemods/compose-command.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { overrideEnvironment } from '../../codemods/compose-override.ts';
import type { Config } from '../config/config.ts';
import type { ImageLookup } from '../images/known.ts';
import type { Extraction, Site, Span } from '../model/index.ts';
import type { Processes, Shelf } from '../processes/index.ts';
import { isTemplateFor } from '../text/env-template.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';

export interface WayInput {
  topology: Topology;
  config: Config;
  processes: Processes;
  shelf: Shelf;
  images: ImageLookup;
  extractions: ReadonlyMap<string, Extraction>;
  /** Files that were refused: nothing may be edited there. */
  refused: ReadonlySet<string>;
}

/** A variable of its own can be written into the service's environment. */
export const takesEntry = ({ file, service }: Target, name: string, { refused }: WayInput): boolean =>
  !refused.has(file.path) && overrideEnvironment(file, service, [[name, 'x']], '\n') !== null;

export interface Target {
  file: ComposeFile;
  service: ComposeService;
}

export const findService = (path: string, name: string, { composeFiles }: Topology): Target | null => {
  const file = composeFiles.find(candidate => candidate.path === path);
  const service = file?.services.find(candidate => candidate.name === name);
  return file && service ? { file, service } : null;
};

/** Where compose puts the value into the service's command; null where it can't be replaced there. */
export const commandReads = (site: Site, { file, service }: Target, topology: Topology): Span[] | null =>
  site.format === 'compose' || !isInterpolated(site, file, topology)
    ? []
    : interpolationsOf(file, service, site.entry?.key ?? '');

/** The service in each compose file in which it gets the value. */
export function serviceTargets(
  site: Site,
  name: string,
  { topology, processes }: Pick<WayInput, 'topology' | 'processes'>,
): Target[] {
  if (site.format === 'compose') return [findService(site.file, name, topology)].filter(target => target !== null);
  const given = (processes.receivers.get(`${site.file}\0${site.key}`) ?? []).flatMap(({ file, service }) =>
    service === name ? [file] : [],
  );
  // The image brings the file along: what is in the service's environment comes before it.
  const built = [...processes.services].flatMap(([id, own]) =>
    id.endsWith(`\0${name}`) && own.some(process => site.uses.includes(process)) ? [id.slice(0, -name.length - 1)] : [],
  );
  const files = new Set(given.length > 0 ? given : built);
  return [...files].flatMap(path => findService(path, name, topology) ?? []);
}

/** The value that compose itself can read: of the project's `.env`, not of an `env_file` beside it. */
export const isInterpolated = (site: Site, file: ComposeFile, { stacks }: Topology): boolean =>
  site.format === 'compose' ||
  [site.file, ...(site.written?.paths ?? [])].some(path =>
    isTemplateFor(path, joinPath(stacks.get(file.path) ?? dirOf(file.path), '.env')),
  );
