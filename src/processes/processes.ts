/** Everything that the repository starts, what each does with its connection, and which values it gets. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { isAsidePath, isCiPath, isEnvironmentFile } from '../../codemods/paths.ts';
import { DUMPS } from '../../codemods/programs.ts';
import type { ImageLookup, KnownImage } from '../images/known.ts';
import { imageName, isServerImage } from '../images/names.ts';
import type { Extraction, Need, Place, Process, Source, Use } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import { findBase, resolveText, type Topology, withBase } from '../topology/index.ts';
import type { Start } from './follow.ts';
import type { Layout } from './layout.ts';
import { loadedFiles } from './modules.ts';
import { codeOf, isNamed, portKeyOf, readsHostAlone } from './port-variables.ts';
import { findProgram } from './programs.ts';
import { type Receiver, readReceivers } from './receivers.ts';
import { startsOf } from './services.ts';
import type { Shelf } from './shelf.ts';
import { writtenRuns } from './written-runs.ts';

export interface Processes {
  /** By `file\0key` of an env file: the services that get the variable. */
  receivers: Map<string, Receiver[]>;
  /** By `file\0key` of an env file or a ConfigMap: all that use the value. */
  received: Map<string, Process[]>;
  /** By `file\0service` of a compose file: what starts in it, and what is run in it. */
  services: Map<string, Process[]>;
  /** What people run on the machine itself, with the folder of the file that says so. */
  hand: readonly { folder: string; process: Process }[];
  /** Migration tools that are set up, with the folder of their project: somebody runs them. */
  tools: readonly { folder: string; process: Process }[];
  /** Files that each service loads, by `file\0service`; null: that can't be told. */
  loaded: Map<string, ReadonlySet<string> | null>;
  /** What the services do that a file is mounted into. */
  mounted(file: string): Process[];
  /** What the services do that the file is built into, or that file itself. `isShared`: all that runs there reads it. */
  codeUses(file: string, isShared: boolean): Process[];
  /** True where the code near the file takes the host from the variable, and no port from the one beside it. */
  isPortless(file: string, key: string, siblings: readonly string[], services: readonly string[]): boolean;
  /** The variable from which programs take the port that goes with a host, where nothing sets it; null: there is none. */
  portVariable(key: string, format: string, image: string | null): string | null;
  /** The variable from which an image takes the port, beside that of the host `key`. */
  imagePort(key: string, image: string | null): string | null;
  /** What programs that run pg_dump do with a variable. */
  dumpUses(key: string): Process[];
  /** Every command that a compose service runs, as one text each. */
  commands: string[];
}

type Extractions = ReadonlyMap<string, Extraction>;

export interface ProcessInput {
  topology: Topology;
  extractions: Extractions;
  /** Those that can hold a site. */
  sources: ReadonlyMap<string, Source>;
  /** Text of those that hold commands for people and jobs. */
  texts: ReadonlyMap<string, string>;
  shelf: Shelf;
  images: ImageLookup;
}

/** A use that a codemod found, as a process of which no more is known. */
export const processOf = (
  use: Use,
  file: string,
  kind: Process['kind'] = 'hand',
  needs: readonly Need[] = [],
): Process => ({
  ...use,
  kind,
  place: { file, line: 1 },
  chain: [],
  step: null,
  assigns: [],
  needs,
  imageRoute: null,
  program: null,
});

const NOBODY: Use = { words: [], service: null, image: null };

export async function readProcesses(input: ProcessInput): Promise<Processes> {
  const { topology, extractions, sources, shelf, images } = input;
  const services = new Map<string, Process[]>();
  const loaded = new Map<string, ReadonlySet<string> | null>();
  const layouts = new Map<string, Layout>();
  const needsOf = (path: string) => extractions.get(path)?.facts.needs ?? [];
  const telling = [...extractions].flatMap(([path, { facts }]) => (facts.needs.length > 0 ? [path] : []));
  const contextOf = imageContexts(topology, input.texts, sources, shelf, images);
  const all = topology.composeFiles.flatMap(file =>
    file.services.map(service => ({ file, service, id: idOf(file, service) })),
  );
  const started = all.map(one => ({
    ...one,
    ...startsOf(one.file, one.service, topology.composeFiles, shelf, contextOf),
  }));
  for (const one of started) {
    const sets = await Promise.all(
      one.starts.map(async start => {
        const program = findProgram(start, shelf);
        return program && { program, files: await loadedFiles(program, shelf, path => telling.includes(path)) };
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
        .filter(path => (files as ReadonlySet<string>).has?.(path) && !(isProject && isOnlyAside(path)))
        .flatMap(needsOf);
      const entry = set && set.program.language !== 'project' ? (set.program.entries[0] ?? null) : null;
      return { ...toProcess(start, one.service.name, image, 'start'), needs, program: entry };
    });
    services.set(one.id, addNeeds(withImage(own, effective, one.file, images), flags(effective, one.file)));
  }
  claimTheRest(started, services, loaded, telling, needsOf, images);
  const layoutOf = (target: string) => layouts.get(findTarget(target, all)?.id ?? '') ?? null;
  const runs = writtenRuns(shelf, input.texts, layoutOf);
  const hand: { folder: string; process: Process }[] = [];
  for (const { file, target, start } of runs) {
    const found = target === null ? null : findTarget(target, all);
    if (target === null) {
      if (!ASIDE.test(file) && !isCiPath(file))
        hand.push({ folder: homeOf(file), process: toProcess(start, null, null, 'hand') });
      continue;
    }
    if (!found) continue;
    const process = toProcess(start, found.service.name, null, 'run');
    for (const one of all.filter(other => other.service.name === found.service.name))
      services.set(one.id, [...(services.get(one.id) ?? []), process]);
  }
  const environments = [...extractions].filter(([, { facts }]) => facts.defines.length > 0);
  const receivers = readReceivers(topology, environments);
  for (const [path, { facts }] of environments)
    for (const key of facts.defines) askedByFile(path, key, input, receivers, services);
  mergeOverrides(services, topology);
  for (const { file, service, id } of all) {
    const base = findBase(file, service, topology.composeFiles);
    if (base) push(services, idOf(...base), services.get(id) ?? []);
  }
  const received = new Map<string, Process[]>();
  for (const [id, list] of receivers)
    for (const receiver of list) push(received, id, services.get(`${receiver.file}\0${receiver.service}`) ?? []);
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
  const codeUses = (path: string, isShared: boolean): Process[] => {
    const loaders = started.filter(({ id }) => loaded.get(id)?.has(path));
    const built = started.filter(({ id, context }) => !loaded.get(id) && context !== null && isInside(context, path));
    const own = (loaders.length > 0 ? loaders : built).flatMap(({ id }) => {
      const all = services.get(id) ?? [];
      // The last of what starts is the program itself.
      return isShared ? all : (all.findLast(({ kind }) => kind === 'start') ?? []);
    });
    const needs = needsOf(path);
    return own.length > 0 ? own : needs.length > 0 ? [processOf(NOBODY, path, 'start', needs)] : [];
  };
  const mounted = (path: string): Process[] =>
    all
      .filter(({ file, service }) => service.volumes.some(volume => isMountOf(volume, file, path)))
      .flatMap(({ id }) => (services.get(id) ?? []).filter(({ kind }) => kind === 'start'));
  return {
    receivers,
    received,
    services,
    hand,
    tools: configuredTools(shelf),
    loaded,
    mounted,
    codeUses,
    ...readers(input, environments),
    commands: all.map(({ service }) => service.command).filter(Boolean),
  };
}

/** Of what is built into a program without imports to follow: a file that is called `migrate` is part of it as any other. */
const isOnlyAside = (path: string): boolean => isAsidePath(path.replace(/(?:migrat\w*|seeds?)(?=\.[a-z]+$)/i, 'x'));

/** The file itself, or a folder below the compose file's own. */
function isMountOf(volume: string, file: ComposeFile, path: string): boolean {
  const [source = ''] = volume.split(':');
  if (!/^\.{1,2}\//.test(source)) return false;
  const place = joinPath(dirOf(file.path), source);
  return place === path || (place !== '' && place !== dirOf(file.path) && isInside(place, path));
}

const idOf = (file: ComposeFile, service: ComposeService): string => `${file.path}\0${service.name}`;

const push = <T>(map: Map<string, T[]>, id: string, items: readonly T[]) =>
  map.set(id, [...(map.get(id) ?? []), ...items.filter(item => !map.get(id)?.includes(item))]);

const toProcess = (start: Start, service: string | null, image: string | null, kind: Process['kind']): Process => ({
  words: start.words,
  service,
  image,
  kind,
  place: start.place,
  chain: start.chain,
  step: start.step,
  assigns: start.assigns,
  needs: [],
  imageRoute: null,
  program: null,
});

/** The image may be named by a variable of the project's env file. */
function withValues(service: ComposeService, file: ComposeFile, { sources }: ProcessInput): ComposeService {
  if (!service.image?.includes('$')) return service;
  const values = new Map<string, string>();
  for (const { path, text } of sources.values()) {
    if (dirOf(path) !== dirOf(file.path) || !isEnvironmentFile(path)) continue;
    for (const { key, value, commented } of readEnvLines(text))
      if (!commented && !values.has(key)) values.set(key, value.text);
  }
  return { ...service, image: resolveText(service.image, values) ?? service.image };
}

/** Without a program in its image, a service of a known image does what is known of that. */
function withImage(own: Process[], service: ComposeService, file: ComposeFile, images: ImageLookup): Process[] {
  const known = service.build === null ? images(service.image) : null;
  const place = { file: file.path, line: service.line };
  const image = imageName(service.image) || null;
  const base =
    own.length > 0 ? own : [{ ...processOf({ words: [], service: service.name, image }, file.path, 'start'), place }];
  if (!known) return base;
  const main = base.findLast(({ kind }) => kind === 'start');
  return base.map(process => ({
    ...process,
    image,
    needs: process === main ? [...process.needs, ...imageNeeds(known, process, service, place)] : process.needs,
    imageRoute:
      !isServerImage(image ?? '') && (known.route === 'direct' || known.route === 'leave') ? known.route : null,
  }));
}

/** Where upstream says that all of it goes through transaction pooling, nothing is needed. */
function imageNeeds(known: KnownImage, { words }: Process, service: ComposeService, place: Place): Need[] {
  const text = words.join(' ');
  const command = known.commands?.find(one => one.words.some(phrase => ` ${text} `.includes(` ${phrase} `)));
  // What a variable asks for is told by the variable.
  const asks = known.startsMigrating;
  const isAsked =
    asks !== undefined &&
    !ASKS_TO_MIGRATE.test(asks) &&
    service.environment.some(({ key, value }) => key === asks && /^(?:true|1|yes|on)$/i.test(value ?? ''));
  const kinds = [
    ...(command ? command.needs : known.route === 'session' && asks === undefined ? known.needs : []),
    ...(isAsked ? (['migrate'] as const) : []),
  ];
  const hard = kinds.filter(kind => kind !== 'plain' && kind !== 'prepared');
  // Upstream says no more than that.
  const isOnlySession = known.route === 'session' && hard.length === 0 && !known.commands && asks === undefined;
  return (isOnlySession ? ['session-state' as const] : hard).map(
    (kind): Need => ({ kind: kind as Need['kind'], what: known.name, place, reads: [] }),
  );
}

/** `RUN_MIGRATIONS: "true"`: variables that tell an application to migrate when it starts. */
const ASKS_TO_MIGRATE = /(?:^|_)(?:AUTO_?)?MIGRAT(?:E|ION|IONS)(?:$|_)|^_AIRFLOW_DB_UPGRADE$/i;

const flags = ({ environment, line }: ComposeService, file: ComposeFile): Need[] =>
  environment
    .filter(({ key, value }) => /^(?:true|1|yes|on)$/i.test(value ?? '') && ASKS_TO_MIGRATE.test(key))
    .map(({ key }): Need => ({ kind: 'migrate', what: key, place: { file: file.path, line }, reads: [] }));

/** The same in an env file that the service gets. */
function askedByFile(
  path: string,
  key: string,
  { sources }: ProcessInput,
  receivers: ReadonlyMap<string, Receiver[]>,
  services: Map<string, Process[]>,
): void {
  if (!ASKS_TO_MIGRATE.test(key)) return;
  const text = sources.get(path)?.text ?? '';
  const line = readEnvLines(text).find(one => one.key === key && !one.commented);
  if (!line || !/^(?:true|1|yes|on)$/i.test(line.value.text)) return;
  for (const { file, service } of receivers.get(`${path}\0${key}`) ?? []) {
    const id = `${file}\0${service}`;
    services.set(
      id,
      addNeeds(services.get(id) ?? [], [
        { kind: 'migrate', what: key, place: { file: path, line: lineAt(text, line.start) }, reads: [] },
      ]),
    );
  }
}

/** The last of what starts is the program itself. */
function addNeeds(own: Process[], needs: readonly Need[]): Process[] {
  const main = own.findLast(({ kind }) => kind === 'start');
  return needs.length === 0
    ? own
    : own.map(process => (process === main ? { ...process, needs: [...process.needs, ...needs] } : process));
}

type Started = { file: ComposeFile; service: ComposeService; id: string; starts: Start[]; context: string | null };

/**
 * What is built in a service's folder and belongs to no program that is known counts for the service whose program is unknown.
 * An image that is built elsewhere can do all that the repository's code does.
 */
function claimTheRest(
  started: readonly Started[],
  services: Map<string, Process[]>,
  loaded: ReadonlyMap<string, ReadonlySet<string> | null>,
  telling: readonly string[],
  needsOf: (path: string) => readonly Need[],
  images: ImageLookup,
): void {
  for (const { service, id, context } of started) {
    if (loaded.get(id)) continue;
    const isOwn = context === null && isOwnImage(service, images);
    if (context === null && !isOwn) continue;
    // The program of another service is none of this one.
    const claimed = started
      .filter(other => other.id !== id && other.context === context)
      .flatMap(other => (services.get(other.id) ?? []).map(({ program }) => program));
    const paths = telling.filter(
      path => isInside(context ?? '', path) && !isOnlyAside(path) && !claimed.includes(path),
    );
    const needs = paths.flatMap(needsOf);
    const own = services.get(id) ?? [];
    const main = own.findLast(process => process.kind === 'start' && process.words.length !== 1) ?? own.at(-1);
    if (needs.length === 0 || !main) continue;
    // Where a service of the same program migrates, the others need not do it at their start.
    const isMigrated = started.some(
      other => other.id !== id && isSameProgram(other.service, service) && /\bmigrat/i.test(other.service.command),
    );
    const kept = isMigrated ? needs.filter(({ kind }) => kind !== 'migrate') : needs;
    services.set(
      id,
      own.map(process => (process === main ? { ...process, needs: [...process.needs, ...kept] } : process)),
    );
  }
}

const isSameProgram = (a: ComposeService, b: ComposeService): boolean =>
  a.build === null && b.build === null ? a.image === b.image : a.build === b.build && a.dockerfile === b.dockerfile;

/** An image of somebody's own: from a registry, and none that is known. */
const isOwnImage = ({ image }: ComposeService, images: ImageLookup): boolean =>
  image !== null && !isServerImage(imageName(image)) && image.includes('/') && images(image) === null;

/** Folders from which the repository builds images: `docker build -t NAME FOLDER`, `build:` beside `image:`, its own name. */
function imageContexts(
  { composeFiles }: Topology,
  texts: ReadonlyMap<string, string>,
  sources: ReadonlyMap<string, Source>,
  shelf: Shelf,
  images: ImageLookup,
): (image: string) => string | null {
  const found = new Map<string, string>();
  for (const file of composeFiles)
    for (const { image, build } of file.services)
      if (image && build !== null) found.set(imageName(image), joinPath(dirOf(file.path), build));
  for (const [path, text] of texts) {
    for (const [, line = ''] of text.matchAll(/\bdocker\s+(?:buildx\s+)?build\s+([^\n&|;]+)/g)) {
      const words = line.trim().split(/\s+/);
      const tag = words.findIndex(word => /^(?:-t|--tag)$/.test(word));
      const folder = words
        .filter(
          (word, i) =>
            !word.startsWith('-') &&
            !/^(?:-t|--tag|-f|--file|--build-arg|--target|--platform)$/.test(words[i - 1] ?? ''),
        )
        .at(-1);
      const name = tag === -1 ? '' : imageName(words[tag + 1] ?? null);
      if (name !== '' && folder !== undefined && /^[\w./-]+$/.test(folder))
        found.set(name, joinPath(dirOf(path), folder));
    }
  }
  const readme = [...sources.values()].find(source => /^readme/i.test(source.path))?.text.slice(0, 1500) ?? '';
  return image => {
    const name = imageName(image);
    const built = found.get(name);
    if (built !== undefined && shelf.paths.some(path => isInside(built, path))) return built;
    const isNamesake =
      image.includes('/') &&
      images(image) === null &&
      shelf.has('Dockerfile') &&
      readme.toLowerCase().includes(
        image
          .replace(/^[\w.-]+\.[\w.-]+\//, '')
          .replace(/[:@].*$/, '')
          .toLowerCase(),
      );
    return isNamesake ? '' : null;
  };
}

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

/** A service without image and build is a part of one that another file of its stack defines: what one part does, both do. */
function mergeOverrides(services: Map<string, Process[]>, { composeFiles, stacks }: Topology): void {
  const isPart = ({ image, build, extends: base }: ComposeService) => image === null && build === null && base === null;
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
      }
    }
  }
}

/** Entries of ConfigMaps and Secrets: file, name and key. */
const listConfigs = (extractions: Extractions): [string, string, string][] =>
  [...extractions].flatMap(([path, { facts }]) =>
    facts.configs.flatMap(({ name, keys }) => keys.map((key): [string, string, string] => [path, name, key])),
  );

/** Settings of migration tools, and the command that reads them. */
const TOOLS: readonly [file: RegExp, words: string[]][] = [
  [/(?:^|\/)alembic\.ini$/, ['alembic', 'upgrade', 'head']],
  [/(?:^|\/)schema\.prisma$/, ['prisma', 'migrate', 'deploy']],
  [/(?:^|\/)drizzle\.config\.\w+$/, ['drizzle-kit', 'migrate']],
];

const configuredTools = (shelf: Shelf): { folder: string; process: Process }[] =>
  shelf.paths.flatMap(path => {
    const [, words] = TOOLS.find(([pattern]) => pattern.test(path)) ?? [];
    if (words === undefined || ASIDE.test(path)) return [];
    const folder = dirOf(path).replace(/(?:^|\/)(?:alembic|migrations|prisma)$/, '');
    return [{ folder, process: processOf({ words, service: null, image: null }, path) }];
  });

const ASIDE = /(?:^|\/)(?:tests?|__tests__|spec|e2e|examples?|node_modules)\//;

/** A folder of settings beside the code is there for what is above it. */
export const homeOf = (path: string): string =>
  dirOf(path).replace(/(?:^|\/)(?:config|conf|envs?|docker|deploy|compose|docs?|scripts?|bin)$/i, '');

/** Folders that hold programs of their own side by side. */
const SHELF = /^(?:apps?|services?|packages?|projects?|samples?|examples?|modules?|microservices|workshops?)$/i;

/** The part of the repository that a file belongs to; '' is the whole, of which documents speak too. */
function areaOf(path: string): string {
  const parts = path.split('/').slice(0, -1);
  if (/^docs?$/.test(parts[0] ?? '')) return '';
  const shelf = parts.findIndex(part => SHELF.test(part));
  return parts.slice(0, shelf === -1 || shelf > 1 ? 1 : shelf + 2).join('/');
}

function isNear(path: string, other: string): boolean {
  const [a, b] = [areaOf(path), areaOf(other)];
  return a === b || a === '' || b === '' || isInside(a, `${b}/`) || isInside(b, `${a}/`);
}

/** What the code says of values, wherever they come from. */
function readers(
  { topology, extractions, sources, images }: ProcessInput,
  environments: readonly [string, Extraction][],
): Pick<Processes, 'isPortless' | 'imagePort' | 'portVariable' | 'dumpUses'> {
  const isPortless = (file: string, key: string, siblings: readonly string[], names: readonly string[]) =>
    [...extractions].some(
      ([path, { facts }]) => isNear(path, file) && (facts.portless.includes(key) || facts.portless.includes('*')),
    ) || codeOf(names, topology, sources).some(own => readsHostAlone(key, siblings, own));
  const passed = new Set(
    topology.composeFiles.flatMap(file => file.services.flatMap(one => one.environment.map(({ key }) => key))),
  );
  const defined = new Set([
    ...passed,
    ...environments.flatMap(([, { facts }]) => facts.defines),
    ...listConfigs(extractions).map(([, , key]) => key),
  ]);
  const imagePort = (key: string, image: string | null) => {
    const settings = images(image)?.settings;
    return settings?.host?.includes(key)
      ? (settings.port?.[settings.host.indexOf(key)] ?? settings.port?.[0] ?? null)
      : null;
  };
  const portVariable = (key: string, format: string, image: string | null) => {
    const own = imagePort(key, image);
    if (own !== null) return own;
    const port = portKeyOf(key);
    // Compose passes on by name what it is told to, and nothing beside it.
    if (format === 'env' && passed.has(key)) return null;
    return port !== null && !defined.has(port) && isNamed(key, sources) && isNamed(port, sources) ? port : null;
  };
  const dumpers = [...sources.values()].filter(
    ({ path, text }) => /\.(?:py|[cm]?[jt]s)$/.test(path) && DUMPS.test(text),
  );
  const dumpUses = (key: string): Process[] =>
    dumpers
      .filter(({ text }) => new RegExp(`\\b${key}\\b`).test(text))
      .map(({ path }) =>
        processOf(NOBODY, path, 'hand', [
          { kind: 'dump', what: baseOf(path), place: { file: path, line: 1 }, reads: [key] },
        ]),
      );
  return { isPortless, imagePort, portVariable, dumpUses };
}
