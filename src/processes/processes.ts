/** Everything that the repository starts, what each does with its connection, and which values it gets. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { isCiPath } from '../../codemods/paths.ts';
import { imageName } from '../images/names.ts';
import type { Process } from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { findBase, type Topology, withBase } from '../topology/index.ts';
import { ASIDE, homeOf, isSettingsFile, moduleOf } from './areas.ts';
import { claimTheRest, isCalled, isLoaded, isOnlyAside, isOtherServer } from './claims.ts';
import { listConfigs, readers } from './code-readers.ts';
import { readDevContainer } from './dev-container.ts';
import { imageContexts } from './image-contexts.ts';
import {
  addNeeds,
  askedByFile,
  asRun,
  flags,
  pulledDjango,
  sentAtStart,
  withImage,
  withValues,
} from './image-needs.ts';
import type { Layout } from './layout.ts';
import { configuredTools, readByTool } from './migration-tools.ts';
import { loadedFiles, projectFiles } from './modules.ts';
import { definesVariables } from './port-variables.ts';
import { idOf, NOBODY, type Processes, type ProcessInput, processOf, toProcess } from './process.ts';
import { findProgram } from './programs.ts';
import { environmentTexts, readReceivers } from './receivers.ts';
import { startsOf } from './services.ts';
import { messengerNeeds } from './symfony-messenger.ts';
import { writtenRuns } from './written-runs.ts';

export async function readProcesses(input: ProcessInput): Promise<Processes> {
  const { topology, extractions, sources, shelf, images } = input;
  const services = new Map<string, Process[]>();
  const loaded = new Map<string, ReadonlySet<string> | null>();
  const layouts = new Map<string, Layout>();
  const calledNeeds = new Map(
    [...extractions].flatMap(([path, { facts }]) => {
      const own = facts.needs.filter(need => isCalled(need, shelf));
      return own.length > 0 ? [[path, own] as const] : [];
    }),
  );
  const needsOf = (path: string) => calledNeeds.get(path) ?? [];
  const telling = [...calledNeeds.keys()];
  /** Code that needs something of its connection, or says where that leads. */
  const isTelling = (path: string) => calledNeeds.has(path) || (extractions.get(path)?.sites.length ?? 0) > 0;
  const contextOf = imageContexts(topology, input.texts, shelf, images);
  const all = topology.composeFiles.flatMap(file =>
    file.services.map(service => ({ file, service, id: idOf(file, service) })),
  );
  const started = all.map(one => ({
    ...one,
    ...startsOf(one.file, one.service, topology.composeFiles, shelf, contextOf),
  }));
  for (const [i, one] of started.entries()) {
    tellProgress('following', i, started.length);
    const sets = await Promise.all(
      one.starts.map(async start => {
        const program = findProgram(start, shelf);
        return program && { program, files: await loadedFiles(program, shelf, isTelling) };
      }),
    );
    const known = sets.filter(set => set !== null);
    loaded.set(one.id, known.length > 0 ? new Set(known.flatMap(set => [...set.files])) : null);
    const context = one.starts[0]?.layout;
    if (context) layouts.set(one.id, context);
    const effective = withValues(withBase(one.file, one.service, topology.composeFiles), one.file, input);
    const image = imageName(one.image) || null;
    const own = one.starts.map((start, i): Process => {
      const set = sets[i];
      const files = set?.files ?? [];
      const isProject = set?.program.language === 'project';
      const needs = telling
        .filter(
          path =>
            path === one.dockerfile ||
            ((files as ReadonlySet<string>).has?.(path) &&
              !(isProject && isOnlyAside(path)) &&
              isLoaded(path, [start], shelf)),
        )
        .flatMap(needsOf);
      const entry = set && set.program.language !== 'project' ? (set.program.entries[0] ?? null) : null;
      const reads = isOtherServer(start.words) ? [] : readByTool(start.words, shelf);
      const process = toProcess(start, one.service.name, image, 'start', reads);
      const isPublished = !one.isRebuilt;
      const isReached = !isPublished || start.step?.file === one.file.path;
      return {
        ...process,
        step: isReached ? process.step : null,
        needs: [...needs, ...sentAtStart(start), ...messengerNeeds(start, shelf)],
        program: entry,
        isPublished,
      };
    });
    services.set(one.id, addNeeds(withImage(own, effective, one.file, images), flags(effective, one.file)));
  }
  const servers = [...topology.servers, ...topology.poolers, ...topology.others];
  const isServer = (file: ComposeFile, { name }: ComposeService) =>
    servers.some(({ service, stack }) => service === name && stack === topology.stacks.get(file.path));
  claimTheRest(started, services, loaded, telling, needsOf, shelf, images, isServer);
  // A file that only adds to a service says nothing of what is in its image.
  const layoutOf = (target: string) =>
    layouts.get(findTarget(target, all)?.id ?? '') ??
    layouts.get(
      findTarget(
        target,
        all.filter(({ id }) => layouts.has(id)),
      )?.id ?? '',
    ) ??
    null;
  const { runs, named } = writtenRuns(shelf, input.texts, layoutOf);
  const hand: { folder: string; process: Process }[] = [];
  for (const { file, target, start } of runs) {
    const found = target === null ? null : findTarget(target, all);
    if (target === null) {
      if (!ASIDE.test(file) && !isCiPath(file))
        hand.push({
          folder: homeOf(file),
          process: toProcess(start, null, null, 'hand', readByTool(start.words, shelf)),
        });
      continue;
    }
    if (!found) continue;
    const process = toProcess(start, found.service.name, null, 'run', readByTool(start.words, shelf));
    for (const one of all.filter(other => other.service.name === found.service.name))
      services.set(one.id, [
        ...(services.get(one.id) ?? []),
        asRun(process, withValues(one.service, one.file, input), images),
      ]);
  }
  for (const { file, service, id, isRebuilt } of started) {
    const own = services.get(id) ?? [];
    if (!isRebuilt && images(service.image) === null) services.set(id, addNeeds(own, pulledDjango(own, file, service)));
  }
  const environments = environmentTexts(extractions);
  const { receivers, overridden } = readReceivers(topology, environments, input.directSuffix);
  for (const { file, keys } of environments) for (const key of keys) askedByFile(file, key, input, receivers, services);
  mergeOverrides(services, loaded, topology);
  for (const { file, service, id } of all) {
    const base = findBase(file, service, topology.composeFiles);
    if (base) push(services, idOf(...base), services.get(id) ?? []);
  }
  const received = new Map<string, Process[]>();
  for (const [id, list] of receivers)
    for (const receiver of list) push(received, id, services.get(`${receiver.file}\0${receiver.service}`) ?? []);
  for (const { path, text } of sources.values()) {
    const container = await readDevContainer(path, text);
    for (const key of container?.keys ?? [])
      for (const file of container?.composeFiles ?? [])
        push(received, `${path}\0${key}`, services.get(`${file}\0${container?.service}`) ?? []);
  }
  for (const [path, config, key] of listConfigs(extractions)) {
    for (const { facts } of extractions.values()) {
      for (const reference of facts.references) {
        if (reference.config === config && (reference.key ?? key) === key)
          push(
            received,
            `${path}\0${key}`,
            reference.uses.map(use => processOf(use, path, 'start')),
          );
      }
    }
  }
  // What people run themselves with an env file: the code beside it that is in no service.
  const unclaimed = (path: string): string[] =>
    telling.filter(
      other =>
        isLoaded(other, [], shelf) &&
        isInside(homeOf(path), other) &&
        !isOnlyAside(other) &&
        !started.some(
          ({ id, context }) => loaded.get(id)?.has(other) || (context !== null && isInside(context, other)),
        ),
    );
  /** The code that reads the file by itself, as far as it tells something; of code the file. */
  const codeBehind = (path: string): string[] => {
    // A project of .NET that people run themselves does all that its parts do.
    const project = shelf.inFolder(dirOf(path)).find(other => /\.(?:cs|fs|vb)proj$/.test(other));
    if (project) {
      const parts = projectFiles([project], shelf);
      return telling.filter(other => parts.has(other));
    }
    if (definesVariables(path)) return unclaimed(path);
    if (!isSettingsFile(path)) return [path];
    return telling.filter(
      other => isInside(moduleOf(path), other) && isLoaded(other, [], shelf) && !isOnlyAside(other),
    );
  };
  const codeUses = (path: string, isShared: boolean, isAlone: boolean): Process[] => {
    const loaders = started.filter(({ id }) => loaded.get(id)?.has(path));
    const built = started.filter(({ id, context }) => !loaded.get(id) && context !== null && isInside(context, path));
    const own = (isAlone ? [] : loaders.length > 0 ? loaders : built).flatMap(({ id }) => {
      const all = services.get(id) ?? [];
      // The last of what starts is the program itself.
      return isShared ? all : (all.findLast(({ kind }) => kind === 'start') ?? []);
    });
    const needs = codeBehind(path).flatMap(needsOf);
    const rest = needs.length > 0 ? [processOf(NOBODY, path, 'start', needs)] : [];
    // Of what is built with a settings file, nobody knows which part reads it.
    return own.length === 0 || (isSettingsFile(path) && loaders.length === 0) ? [...own, ...rest] : own;
  };
  const mounted = (path: string): Process[] =>
    all
      .filter(({ file, service }) => service.volumes.some(volume => isMountOf(volume, file, path)))
      .flatMap(({ id }) => services.get(id) ?? []);
  const builtInto = (path: string): Process[] =>
    started
      .filter(({ context }) => context !== null && isInside(context, path))
      .flatMap(({ id }) => services.get(id) ?? []);
  return {
    receivers,
    overridden,
    received,
    services,
    hand,
    tools: configuredTools(shelf),
    named,
    loaded,
    mounted,
    builtInto,
    codeUses,
    ...readers(input, environments),
    commands: all.map(({ service }) => service.command).filter(Boolean),
  };
}

/** The file itself, or a folder below the compose file's own. */
function isMountOf(volume: string, file: ComposeFile, path: string): boolean {
  const [source = ''] = volume.split(':');
  if (!/^\.{1,2}\//.test(source)) return false;
  const place = joinPath(dirOf(file.path), source);
  return place === path || (place !== '' && place !== dirOf(file.path) && isInside(place, path));
}

const push = <T>(map: Map<string, T[]>, id: string, items: readonly T[]) =>
  map.set(id, [...(map.get(id) ?? []), ...items.filter(item => !map.get(id)?.includes(item))]);

/** A service by its name, or by that of its container. */
function findTarget<T extends { service: ComposeService }>(target: string, all: readonly T[]): T | null {
  return (
    all.find(({ service }) => service.name === target) ??
    all.find(({ service }) => service.containerName === target) ??
    all.find(({ service }) =>
      new RegExp(`^[\\w.-]+[-_]${service.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[-_]1$`).test(target),
    ) ??
    null
  );
}

/** A service without image, and without build or with a target alone, is a part of one that another file of its stack defines: what one part does, both do. */
function mergeOverrides(
  services: Map<string, Process[]>,
  loaded: Map<string, ReadonlySet<string> | null>,
  { composeFiles, stacks }: Topology,
): void {
  const isPart = ({ image, build, dockerfile, target, extends: base }: ComposeService) =>
    image === null && base === null && (build === null || (build === '.' && dockerfile === null && target !== null));
  for (const file of composeFiles) {
    for (const part of file.services.filter(isPart)) {
      for (const other of composeFiles) {
        const whole = other.services.find(({ name }) => name === part.name);
        if (!whole || isPart(whole) || stacks.get(other.path) !== stacks.get(file.path)) continue;
        const ids = [idOf(file, part), idOf(other, whole)];
        // The part starts something only where it says so itself.
        const own = ids.map(id => services.get(id) ?? []);
        const merged = [...new Set(own.flat())].filter(process => process.words.length > 0 || process.needs.length > 0);
        for (const id of ids) services.set(id, merged.length > 0 ? merged : (own[1] ?? []));
        const files = ids.map(id => loaded.get(id)).find(Boolean);
        if (files) for (const id of ids) loaded.set(id, loaded.get(id) ?? files);
      }
    }
  }
}
