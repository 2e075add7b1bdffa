/** How a process that must not share a pooled value gets its own: the first way that can be done exactly. */
import { directNames } from '../../codemods/companion.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { overrideEnvironment } from '../../codemods/compose-override.ts';
import { readDirectFirst } from '../../codemods/direct-first.ts';
import { isCiPath } from '../../codemods/paths.ts';
import type { Config } from '../config/config.ts';
import { MIGRATION_SETTINGS } from '../decide/index.ts';
import type { ImageLookup } from '../images/known.ts';
import type { Process, Site, Way } from '../model/index.ts';
import { isTemplateFor, isToolFile, type Processes, type Shelf, setupFile } from '../processes/index.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { type Topology, withBase } from '../topology/index.ts';

export interface WayInput {
  topology: Topology;
  config: Config;
  processes: Processes;
  shelf: Shelf;
  images: ImageLookup;
  /** Files that were refused: nothing may be edited there. */
  refused: ReadonlySet<string>;
}

/** Null where there is no exact way. `whole`: all of the process's service has to be direct. */
export function wayOf(site: Site, process: Process, whole: boolean, input: WayInput): Way | null {
  // A single `echo` has no room for a second variable.
  if (site.written && !site.entry) return null;
  const { key } = site;
  // What a script assigns is given to the one command as it was.
  if (key !== null && isAssigned(site))
    return process.step && process.step.file === site.file ? stepWay(site, process, input) : null;
  if (key === null || site.role !== 'environment')
    return process.program ? fileWay(site, process.program, input) : null;
  if (isApart(site, process, input)) return { kind: 'apart' };
  const way =
    settingWay(site, process, input) ??
    (whole ? serviceWay(site, process, input) : null) ??
    stepWay(site, process, input) ??
    toolWay(site, process, input) ??
    (process.program && (process.kind !== 'start' || process.words.length === 0)
      ? fileWay(site, process.program, input)
      : null);
  return way && isRefused(way, input) ? null : way;
}

/** `NAME=value` in a script, of which the commands after it read the name. */
export const isAssigned = ({ role, format, key, host, extent }: Site): boolean =>
  role === 'command' &&
  format === 'shell' &&
  key !== null &&
  /^[A-Za-z_]\w*$/.test(key) &&
  host?.kind === 'literal' &&
  extent !== null;

const isRefused = (way: Way, { refused }: WayInput): boolean =>
  (way.kind === 'step' && refused.has(way.step.file)) ||
  (way.kind === 'file' && refused.has(way.file)) ||
  (way.kind === 'setting' && refused.has(way.file));

/** It names a direct variable itself, or its tool is set up with one that it is given. */
function isApart({ key, entry }: Site, { words, assigns }: Process, input: WayInput): boolean {
  const { config, shelf, processes } = input;
  const names = directNames(key ?? '', config.direct.suffix);
  const mentions = (text: string) => names.some(name => text.includes(name));
  if (words.some(mentions) || assigns.some(({ name, raw }) => name === key && mentions(raw))) return true;
  const tool = setupFile(words, shelf);
  if (tool === null) return false;
  const text = shelf.text(tool) ?? '';
  // `process.env.DIRECT_URL || process.env.DATABASE_URL`: without the first it is the second.
  const isGiven = (name: string) =>
    entry === null ||
    entry.siblings.includes(name) ||
    [...processes.received.keys()].some(id => id.endsWith(`\0${name}`));
  return (
    names.some(name => text.includes(name) && isGiven(name)) || (tool.endsWith('.prisma') && /\bdirectUrl\b/.test(text))
  );
}

/** 1. A setting that the program itself has. */
function settingWay(site: Site, process: Process, input: WayInput): Way | null {
  const { entry, service, format, file } = site;
  if (!entry || format !== 'compose' || service === null) return null;
  const framework = MIGRATION_SETTINGS.find(
    ({ what, trigger }) =>
      trigger.test(entry.key) &&
      process.needs.length > 0 &&
      process.needs.every(need => need.what === what || need.kind !== 'migrate') &&
      process.needs.some(need => need.what === what),
  );
  const compose = findService(file, service, input.topology);
  if (!compose) return null;
  if (framework) {
    const { url, copies } = framework.own(entry.key);
    const values = copies
      .map(([name, from]) => [name, from] as const)
      .filter(([, from]) => entry.siblings.includes(from));
    // Without the user beside it, the setting's own connection would have none.
    if (values.length !== copies.length || entry.siblings.includes(url)) return null;
    return {
      kind: 'setting',
      file,
      service,
      entries: [[url, entry.key], ...values.map(([name, from]): [string, string] => [name, from])],
    };
  }
  const known = input.images(withBase(compose.file, compose.service, input.topology.composeFiles).image);
  const own = known?.direct;
  const at = known?.settings?.url?.indexOf(entry.key) ?? -1;
  const name = at === -1 ? undefined : (own?.url?.[at] ?? own?.url?.[0]);
  const covers = process.needs.every(({ kind }) => own?.needs.includes(kind));
  // One that is the direct connection itself where another is given beside it has no other.
  if (name === undefined || name === entry.key || !covers || process.needs.length === 0) return null;
  return entry.siblings.includes(name)
    ? { kind: 'apart' }
    : { kind: 'setting', file, service, entries: [[name, entry.key]] };
}

const findService = (
  path: string,
  name: string,
  { composeFiles }: Topology,
): { file: ComposeFile; service: ComposeService } | null => {
  const file = composeFiles.find(candidate => candidate.path === path);
  const service = file?.services.find(candidate => candidate.name === name);
  return file && service ? { file, service } : null;
};

/** 2. An entry in the environment of its service. */
function serviceWay(site: Site, { service: name }: Process, input: WayInput): Way | null {
  if (name === null || !site.entry) return null;
  const targets = serviceTargets(site, name, input);
  const fits = ({ file, service }: { file: ComposeFile; service: ComposeService }) =>
    !input.refused.has(file.path) && overrideEnvironment(file, service, [[site.entry?.key ?? '', 'x']], '\n') !== null;
  return targets.length > 0 && targets.every(fits) ? { kind: 'service', service: name } : null;
}

/** The service in each compose file in which it gets the value. */
export function serviceTargets(
  site: Site,
  name: string,
  { topology, processes }: Pick<WayInput, 'topology' | 'processes'>,
): { file: ComposeFile; service: ComposeService }[] {
  const files =
    site.format === 'compose'
      ? [site.file]
      : [
          ...new Set(
            (processes.receivers.get(`${site.file}\0${site.key}`) ?? [])
              .filter(({ service }) => service === name)
              .map(({ file }) => file),
          ),
        ];
  return files.flatMap(path => findService(path, name, topology) ?? []);
}

/** The value that compose itself can read: of the project's `.env`, not of an `env_file` beside it. */
export const isInterpolated = (site: Site, file: ComposeFile): boolean =>
  site.format === 'compose' ||
  [site.file, ...(site.written?.paths ?? [])].some(path => isTemplateFor(path, joinPath(dirOf(file.path), '.env')));

/** 3. An assignment before the command. */
function stepWay(site: Site, process: Process, input: WayInput): Way | null {
  const { step } = process;
  if (!step || isCiPath(step.file)) return null;
  // A shell has to be there that reads the assignment: what `docker compose exec` runs gets one of its own.
  if (step.syntax === 'exec' && step.within === 'json') return null;
  // On the machine itself a package's script reads an env file that no shell has seen.
  if (process.kind === 'hand' && step.syntax === 'json') return null;
  if (process.kind === 'hand' && site.format !== 'env' && !isAssigned(site)) return null;
  const tool = setupFile(process.words, input.shelf);
  const setting = tool?.endsWith('.prisma') ? fileWay(site, tool, input) : null;
  return { kind: 'step', step, setting };
}

/** 4. The file with which a migration tool is set up. */
function toolWay(site: Site, { words, isPublished }: Process, input: WayInput): Way | null {
  if (isPublished) return null;
  const tool = setupFile(words, input.shelf);
  return tool === null ? null : fileWay(site, tool, input);
}

/** A file that nothing but this process reads. */
function fileWay(
  site: Site,
  path: string,
  { shelf, config, processes, topology }: WayInput,
): Extract<Way, { kind: 'file' }> | null {
  const { key } = site;
  const text = shelf.text(path);
  if (key === null || text === null) return null;
  if ([...processes.loaded.values()].some(files => files?.has(path))) return null;
  // The program of a service is not known: it may be built of this.
  if (
    !isToolFile(path) &&
    topology.composeFiles.some(file => file.services.some(one => isUnknownOf(file, one, path, processes)))
  )
    return null;
  if (path.endsWith('.prisma') && !isEverywhere(key, shelf)) return null;
  const edits = readDirectFirst(path, text, key, `${key}${config.direct.suffix}`);
  return edits === null ? null : { kind: 'file', file: path, edits };
}

const isUnknownOf = (
  file: ComposeFile,
  { name, build }: ComposeService,
  path: string,
  { loaded }: Processes,
): boolean =>
  build !== null && !loaded.get(`${file.path}\0${name}`) && isInside(joinPath(dirOf(file.path), build), path);

/** Prisma refuses a variable that is not there: no job may run it with the shared one alone. */
const isEverywhere = (key: string, shelf: Shelf): boolean =>
  !shelf.paths.some(path => isCiPath(path) && (shelf.text(path) ?? '').includes(key));
