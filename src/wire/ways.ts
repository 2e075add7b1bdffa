/** How a process that must not share a pooled value gets its own: the first way that can be done exactly. */
import { directNames } from '../../codemods/companion.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { readDirectFirst } from '../../codemods/direct-first.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { isCiPath } from '../../codemods/paths.ts';
import { keepForBypass } from '../../codemods/python-bypass.ts';
import type { Process, Site, Span, Step, Way } from '../model/index.ts';
import { isToolFile, type Processes, setupFile } from '../processes/index.ts';
import { expandsVariable, readExpansions, variablesFrom } from '../text/expansion.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';
import { settingWay, springWay } from './own-connections.ts';
import { inlined, readsInStep } from './step-reads.ts';
import { commandReads, isInterpolated, serviceTargets, type Target, takesEntry, type WayInput } from './way-targets.ts';

/** Null where there is no exact way. `whole`: all of the process's service has to be direct. */
export function wayOf(site: Site, process: Process, whole: boolean, input: WayInput): Way | null {
  // A single `echo` has no room for a second variable.
  if (site.written && !site.entry) return null;
  const { key } = site;
  // What a script assigns is given to the one command as it was.
  if (key !== null && isAssigned(site))
    return process.step && process.step.file === site.file ? stepWay(site, process, input) : null;
  if (key === null || site.role !== 'environment') {
    const way =
      springWay(site, process, input) ??
      bypassWay(site, process, input) ??
      (process.program ? fileWay(site, process.program, input) : null);
    return way && isRefused(way, input) ? null : way;
  }
  const own = ownVariable(site, process, input);
  // The companion comes with the pooled value.
  if (own === `${key}${input.config.direct.suffix}` || (own !== null && isGiven(own, site, process, input)))
    return { kind: 'apart' };
  if (isPassedOn(site, input)) return null;
  const way =
    (own === null ? null : givenWay(own, site, process, input)) ??
    settingWay(site, process, input) ??
    springWay(site, process, input) ??
    (whole ? serviceWay(site, process, input) : null) ??
    stepWay(site, process, input) ??
    toolWay(site, process, input) ??
    (process.program && (process.kind !== 'start' || process.words.length === 0)
      ? fileWay(site, process.program, input)
      : null);
  return way && isRefused(way, input) ? null : way;
}

/** The env file hands the value on under another name, which is expanded before anything can be given to one process alone: `URL=${DB_URL}`. */
function isPassedOn({ file, format, key }: Site, { shelf, extractions }: WayInput): boolean {
  if (format !== 'env' || key === null) return false;
  const known = new Set(extractions.get(file)?.sites.map(one => one.key));
  return readEnvLines(shelf.text(file) ?? '').some(
    line => !line.commented && line.key !== key && !known.has(line.key) && expandsVariable(line.value.text, key),
  );
}

/** `NAME=value` in a script, of which the commands after it read the name. */
export const isAssigned = ({ role, format, key, host, extent }: Site): boolean =>
  role === 'command' &&
  format === 'shell' &&
  key !== null &&
  /^[A-Za-z_]\w*$/.test(key) &&
  host?.kind === 'literal' &&
  extent !== null;

/** What a script assigns, as it is written, quotes included. */
export function assignedText({ extent }: Site, text: string): string {
  const { start, end } = extent as Span;
  const quote = text[start - 1];
  return (quote === '"' || quote === "'") && text[end] === quote
    ? text.slice(start - 1, end + 1)
    : text.slice(start, end);
}

const isRefused = (way: Way, { refused }: WayInput): boolean =>
  ((way.kind === 'step' || way.kind === 'bypass') && refused.has(way.step.file)) ||
  (way.kind === 'bypass' && refused.has(way.code.file)) ||
  ((way.kind === 'file' || way.kind === 'connection' || way.kind === 'setting') && refused.has(way.file));

/** The variable past the pooler that the command has in its words, or is given in the place of the pooled one. */
export function namedDirect(key: string, { words, assigns }: Process, suffix: string): string | null {
  const texts = [...words, ...assigns.flatMap(({ name, raw }) => (name === key ? [raw] : []))];
  return directNames(key, suffix).find(name => texts.some(text => text.includes(name))) ?? null;
}

/** The variable past the pooler that the command names itself, or with which its tool is set up. */
function ownVariable(site: Site, process: Process, input: WayInput): string | null {
  const { words } = process;
  const { config, shelf } = input;
  const named = namedDirect(site.key ?? '', process, config.direct.suffix);
  if (named !== null) return named;
  const tool = setupFile(words, shelf);
  const text = tool === null ? '' : (shelf.text(tool) ?? '');
  if (tool?.endsWith('.prisma')) return /\bdirectUrl\s*=\s*env\("(\w+)"\)/.exec(text)?.[1] ?? null;
  const set = directNames(site.key ?? '', config.direct.suffix).find(name => text.includes(name)) ?? null;
  return set !== null && isGiven(set, site, process, input) ? set : null;
}

/** Somebody sets it: without that, `process.env.DIRECT_URL || process.env.DATABASE_URL` is the second. */
const isGiven = (name: string, site: Site, process: Process, input: WayInput): boolean =>
  site.entry === null ||
  site.entry.siblings.includes(name) ||
  [...input.processes.received.keys()].some(id => id.endsWith(`\0${name}`)) ||
  ownTargets(site, process, input).some(({ service }) => service.environment.some(({ key }) => key === name));

/** A variable that a program at its container's start reads, and that nobody gives it. */
function givenWay(name: string, site: Site, process: Process, input: WayInput): Way | null {
  const { entry } = site;
  if (process.kind !== 'start') return isPrisma(process, input) ? { kind: 'apart' } : null;
  const targets = ownTargets(site, process, input);
  const [target] = targets;
  if (!entry || !target || !targets.every(one => takesEntry(one, name, input))) return null;
  return { kind: 'setting', file: target.file.path, service: target.service.name, entries: [[name, entry.key]] };
}

/** Prisma refuses to run without its `directUrl`: who runs it by hand has one. */
const isPrisma = ({ words }: Process, { shelf }: WayInput): boolean =>
  setupFile(words, shelf)?.endsWith('.prisma') ?? false;

const ownTargets = (site: Site, process: Process, input: WayInput): Target[] => {
  const name = process.service ?? site.service;
  return name === null ? [] : serviceTargets(site, name, input);
};

/** 2. An entry in the environment of its service. */
function serviceWay(site: Site, { service: name }: Process, input: WayInput): Way | null {
  if (name === null || !site.entry) return null;
  const targets = serviceTargets(site, name, input);
  const fits = (target: Target) =>
    !isOfTemplate(site, target, input.topology) &&
    commandReads(site, target, input.topology) !== null &&
    takesEntry(target, site.entry?.key ?? '', input);
  return targets.length > 0 && targets.every(fits) ? { kind: 'service', service: name } : null;
}

/** A connection string of a template: the env file that the service gets has another password. */
const isOfTemplate = (site: Site, { file, service }: Target, topology: Topology): boolean =>
  site.format === 'env' &&
  site.extent !== null &&
  !isInterpolated(site, file, topology) &&
  !service.envFiles.some(name => joinPath(dirOf(file.path), name) === site.file);

/** An assignment can stand before it. */
function isPlaced({ step, kind }: Process): boolean {
  // A job has servers of its own, unless it runs something in the stack's services.
  if (!step || (isCiPath(step.file) && step.syntax !== 'exec')) return false;
  // A shell has to be there that reads the assignment: what `docker compose exec` runs gets one of its own.
  if (step.syntax === 'exec' && step.within === 'json') return false;
  // On the machine itself a package's script reads an env file that no shell has seen.
  return kind !== 'hand' || step.syntax !== 'json';
}

/** 3. An assignment before the command. */
function stepWay(site: Site, process: Process, input: WayInput): Way | null {
  const { step } = process;
  if (!step || !isPlaced(process)) return null;
  if (process.kind === 'hand' && site.format !== 'env' && !isAssigned(site)) return null;
  if (!isReachable(site, process, step, input)) return null;
  const tool = setupFile(process.words, input.shelf);
  const setting = tool?.endsWith('.prisma') ? fileWay(site, tool, input) : null;
  return { kind: 'step', step, setting };
}

/**
 * 3a. A constant of the code that the command loads stays there for the bypass, which is set before the command: host and port of
 * one block both, or neither.
 */
function bypassWay(site: Site, process: Process, { shelf, config, extractions }: WayInput): Way | null {
  const { step } = process;
  if (site.format !== 'python' || (site.form !== 'host' && site.form !== 'port')) return null;
  if (!/^(?:setting|fallback)$/.test(site.role) || !isPlaced(process) || !step) return null;
  const text = shelf.text(site.file) ?? '';
  const keep = (span: Span) => keepForBypass({ file: site.file, span }, text, config.direct.bypass);
  const block = extractions.get(site.file)?.sites.filter(({ group }) => group !== null && group === site.group) ?? [];
  const code = keep(site.span);
  // A port that is not there would have to be both.
  return code && block.every(({ span, portSlot }) => portSlot === null && keep(span) !== null)
    ? { kind: 'bypass', step, code }
    : null;
}

/** What the command's words expand of the value, or of what is put together from it, can be replaced there. */
function isReachable(site: Site, { assigns }: Process, step: Step, { shelf }: WayInput): boolean {
  const text = shelf.text(step.file) ?? '';
  const key = site.key ?? '';
  if (isAssigned(site))
    return (
      readsInStep(step, text, key)?.every(read => inlined(step, assignedText(site, text), read, text) !== null) ?? false
    );
  const names = [key, ...(site.portVariable === null ? [] : [site.portVariable])];
  if (names.some(name => readsInStep(step, text, name) === null)) return false;
  const made = variablesFrom(assigns, key);
  return assigns.every(({ name, raw }) => {
    if (name === key || !made.has(name)) return true;
    const reads = readsInStep(step, text, name);
    // What it is put together from stands in its own text, where it can be replaced.
    return (
      reads?.length === 0 || (readsVariable(raw, key) && reads?.every(read => inlined(step, raw, read, text) !== null))
    );
  });
}

const readsVariable = (value: string, name: string): boolean =>
  readExpansions(value, 0, value.length).some(({ variable }) => variable === name);

/** 4. The file with which a migration tool is set up. */
function toolWay(site: Site, { words, isPublished }: Process, input: WayInput): Way | null {
  if (isPublished) return null;
  const tool = setupFile(words, input.shelf);
  return tool === null ? null : fileWay(site, tool, input);
}

/** A file that nothing but this process reads. */
function fileWay(site: Site, path: string, input: WayInput): Extract<Way, { kind: 'file' }> | null {
  const { shelf, config, processes, topology } = input;
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
  if (path.endsWith('.prisma') && !isEverywhere(site, key, input)) return null;
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

/** Prisma refuses a variable that is not there: no job, manifest, command or stack may give it the shared one alone. */
function isEverywhere({ host }: Site, key: string, { shelf, processes, topology }: WayInput): boolean {
  const named = new RegExp(`\\b${key}\\b`);
  const isCompose = (path: string) => topology.composeFiles.some(file => file.path === path);
  const isManifest = (path: string) => /\.ya?ml$/.test(path) && !isCompose(path);
  const isGivenByText = (path: string) => (isCiPath(path) || isManifest(path)) && named.test(shelf.text(path) ?? '');
  const isGivenByHand = ({ process: { words } }: Processes['hand'][number]) =>
    words.includes('run') && words.some(word => word.startsWith(`${key}=`));
  // Of another server, or of one that nothing of this repository starts.
  const own = host?.value ?? '$';
  const isOther = (value: string | null) =>
    value?.includes('://') === true && !value.includes(own) && !value.includes('$');
  const services = topology.composeFiles.flatMap(file => file.services);
  return !(
    shelf.paths.some(isGivenByText) ||
    processes.hand.some(isGivenByHand) ||
    services.some(({ environment }) => environment.some(entry => entry.key === key && isOther(entry.value)))
  );
}
