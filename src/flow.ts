/** Which services receive the variables of an env file, and what they run with them. */
import type { ComposeFile, ComposeService } from '../codemods/compose-file.ts';
import type { CodeFact } from './code-facts.ts';
import { readExpansions } from './expansion.ts';
import { findBase } from './extends.ts';
import { listMigrations, type PlacedUse } from './list-migrations.ts';
import type { Extraction, Source, Use } from './model.ts';
import { baseOf, dirOf, isInside, joinPath } from './paths.ts';
import { imageName, isServerImage, type Topology } from './topology.ts';

export interface Receiver {
  file: string;
  service: string;
}

export interface Flow {
  /** By `file\0key` of an env file. */
  receivers: Map<string, Receiver[]>;
  received: Map<string, Use[]>;
  /** By `file\0service` of a compose file. */
  services: Map<string, Use[]>;
  /** What code does with values that no service is seen to receive, by the first directory of its path. */
  codeUses(file: string): Use[];
  /** Every command that a compose service runs, as one text each. */
  commands: string[];
  /** Env files that the texts (of CI) name. */
  readBy(texts: readonly string[]): Set<string>;
}

type Extractions = ReadonlyMap<string, Extraction>;

export function readFlow(topology: Topology, extractions: Extractions, sources: ReadonlyMap<string, Source>): Flow {
  const receivers = new Map<string, Receiver[]>();
  const received = new Map<string, Use[]>();
  const services = new Map<string, Use[]>();
  const documented = documentedRuns(extractions);
  const environments = [...extractions].filter(([, { facts }]) => facts.defines.length > 0);
  const paths = environments.map(([path]) => path);
  const push = <T>(map: Map<string, T[]>, id: string, items: readonly T[]) =>
    map.set(id, [...(map.get(id) ?? []), ...items]);
  for (const file of topology.composeFiles) {
    for (const service of file.services) {
      const uses = [
        ...followCommands(file, service, extractions, sources),
        ...documented.filter(use => use.service === service.name),
      ];
      services.set(`${file.path}\0${service.name}`, uses);
      const read = new Set(variablesRead(service));
      for (const [path, { facts }] of environments) {
        const standsFor = (name: string) => isStandIn(path, joinPath(dirOf(file.path), name), paths);
        const isGiven = service.envFiles.some(standsFor);
        const isProject = standsFor('.env');
        for (const key of facts.defines) {
          if (!isGiven && !(isProject && read.has(key))) continue;
          push(receivers, `${path}\0${key}`, [{ file: file.path, service: service.name }]);
          push(received, `${path}\0${key}`, uses);
        }
      }
    }
  }
  for (const file of topology.composeFiles) {
    for (const service of file.services) {
      const base = findBase(file, service, topology.composeFiles);
      if (base) push(services, `${base[0].path}\0${base[1].name}`, services.get(`${file.path}\0${service.name}`) ?? []);
    }
  }
  for (const [path, config, key] of listConfigs(extractions)) {
    for (const { facts } of extractions.values()) {
      for (const reference of facts.references) {
        if (reference.config === config && (reference.key ?? key) === key)
          push(received, `${path}\0${key}`, reference.uses);
      }
    }
  }
  const expanding = indexExpansions(extractions);
  const migrations = listMigrations(extractions, sources);
  for (const [path, { facts }] of environments) {
    const isBelow = ({ file }: PlacedUse) => isInside(dirOf(path), file);
    const run = migrations.filter(isBelow);
    for (const key of facts.defines) {
      const id = `${path}\0${key}`;
      const uses = [...(expanding.get(key) ?? []).filter(isBelow), ...run].map(({ use }) => use);
      // Without a service the value is at least an application's default.
      const reader: Use = { words: [], service: null, image: null };
      if (uses.length > 0) push(received, id, received.has(id) ? uses : [reader, ...uses]);
    }
  }
  const commands = topology.composeFiles.flatMap(file => file.services.map(service => service.command)).filter(Boolean);
  const readBy = (texts: readonly string[]) =>
    new Set(
      environments
        .map(([path]) => path)
        .filter(path => sources.has(path) && texts.some(text => mentions(text, baseOf(path)))),
    );
  const coded = [...extractions].flatMap(([path, { facts }]) =>
    facts.code
      .filter(needsSession)
      .map(fact => ({ path, use: { words: [fact, path], service: null, image: null, derived: true } })),
  );
  // Documents speak of the whole repository.
  const area = (path: string) => /^(?!docs?\/)([^/]+)\//.exec(path)?.[1] ?? '';
  const codeUses = (file: string) => {
    const near = coded.filter(({ path }) => area(path) === area(file) || area(file) === '' || area(path) === '');
    return near.length === 0 ? [] : [{ words: [], service: null, image: null }, ...near.map(({ use }) => use)];
  };
  return { receivers, received, services, codeUses, commands, readBy };
}

/** Entries of ConfigMaps and Secrets: file, name and key. */
const listConfigs = (extractions: Extractions): [string, string, string][] =>
  [...extractions].flatMap(([path, { facts }]) =>
    facts.configs.flatMap(({ name, keys }) => keys.map((key): [string, string, string] => [path, name, key])),
  );

/** Commands of documents, scripts and Makefiles that run something in a service. */
function documentedRuns(extractions: Extractions): Use[] {
  return [...extractions.values()].flatMap(({ facts }) =>
    facts.commands.flatMap(words => {
      const verb = words.findIndex(
        (word, i) =>
          /^(?:run|exec)$/.test(word) &&
          words.slice(Math.max(0, i - 6), i).some(earlier => /^(?:docker-)?compose$/.test(earlier)),
      );
      if (verb === -1) return [];
      const at = words.findIndex(
        (word, i) =>
          i > verb &&
          !word.startsWith('-') &&
          !/^-(?:e|u|w|v|p|-env|-user|-workdir|-volume|-name|-entrypoint)$/.test(words[i - 1] ?? ''),
      );
      return at === -1 || at === words.length - 1
        ? []
        : [{ words: words.slice(at + 1), service: words[at] ?? null, image: null, derived: true }];
    }),
  );
}

const TRIVIAL = new Set([
  'echo',
  'printf',
  'export',
  'set',
  'cd',
  'exit',
  'exec',
  'true',
  'false',
  'test',
  '[',
  '[[',
  ':',
  'sleep',
  'mkdir',
  'chmod',
  'chown',
  'source',
  '.',
  'shift',
  'return',
  'local',
  'unset',
  'trap',
  'wait',
  'cat',
  'rm',
  'cp',
  'mv',
  'sed',
  'grep',
  'awk',
  'ls',
]);

/** What a service runs: its command, what its image starts without one, and the commands of the scripts that it names. */
function followCommands(
  file: ComposeFile,
  service: ComposeService,
  extractions: Extractions,
  sources: ReadonlyMap<string, Source>,
): Use[] {
  const own = extractions.get(file.path)?.facts.services.get(service.name) ?? [];
  const image = imageName(service.image) || null;
  const derive = (words: readonly string[]): Use => ({ words, service: service.name, image, derived: true });
  const isOwn = service.build === null && isOwnImage(service, sources);
  const context = service.build === null ? dirOf(file.path) : joinPath(dirOf(file.path), service.build);
  const dockerfile =
    service.build !== null ? joinPath(context, service.dockerfile ?? 'Dockerfile') : isOwn ? 'Dockerfile' : null;
  const starts = (dockerfile && extractions.get(dockerfile)?.facts.commands) || [];
  const hasCommand = own.some(use => use.words.length > 0);
  const commands = [...(hasCommand ? [] : starts), ...starts.filter(words => words.some(isScript)), ...flags(service)];
  const found: Use[] = [...own, ...commands.map(derive)];
  const seen = new Set<string>();
  for (let i = 0; i < found.length && found.length < 500; i++) {
    for (const word of found[i]?.words ?? []) {
      const path = isScript(word) ? findScript(word, context, extractions) : null;
      if (path === null || seen.has(path)) continue;
      seen.add(path);
      const inner = extractions.get(path)?.facts.commands ?? [];
      found.push(...inner.filter(words => !TRIVIAL.has(words[0] ?? '') || words.some(isScript)).map(derive));
    }
  }
  // Where a service of the same program migrates, the others need not do it at their start.
  const isMigrated = file.services.some(
    other => other !== service && isSameProgram(other, service) && /\bmigrat/i.test(other.command),
  );
  const coded = codeUses(file, service, context, extractions);
  return [...found, ...(isMigrated ? coded.filter(({ words }) => words[0] !== 'migrations-at-start') : coded)];
}

const isSameProgram = (a: ComposeService, b: ComposeService): boolean =>
  a.build === null && b.build === null ? a.image === b.image : a.build === b.build && a.dockerfile === b.dockerfile;

/**
 * What the code in the service's build context does at run time. A file that some service names in its command speaks for
 * that service; any other for every service that is built there.
 */
function codeUses(file: ComposeFile, service: ComposeService, context: string, extractions: Extractions): Use[] {
  if (service.build === null) {
    // An image of somebody's own: what the repository's code does, it can do too.
    const isOwn = service.image?.includes('/') && !isServerImage(imageName(service.image));
    return isOwn ? [...extractions].flatMap(([path, { facts }]) => factUses(path, facts.code, service, false)) : [];
  }
  const names = (candidate: ComposeService, path: string) => {
    const module = path.replace(/\.\w+$/, '').replace(/\//g, '.');
    const stem = baseOf(path).replace(/\.\w+$/, '');
    return candidate.command
      .split(/[\s"',]+/)
      .some(
        word =>
          (word.includes('.') && module.endsWith(word.replace(/:.*$/, ''))) ||
          baseOf(word).replace(/\.\w+$/, '') === stem,
      );
  };
  return [...extractions].flatMap(([path, { facts }]) => {
    if (facts.code.length === 0 || !isInside(context, path)) return [];
    const named = file.services.filter(candidate => candidate.command !== '' && names(candidate, path));
    if (named.length > 0 && !named.includes(service)) return [];
    return factUses(path, facts.code, service, named.length > 0);
  });
}

/** `isOwn`: the file is the program that the service runs. */
const factUses = (path: string, code: readonly CodeFact[], service: ComposeService, isOwn: boolean): Use[] =>
  code.filter(needsSession).map(fact => ({
    words: [fact, path],
    service: service.name,
    image: null,
    derived: true,
    own: isOwn && (fact === 'listens-for-notifications' || fact === 'session-advisory-lock'),
  }));

/** Variables that tell an image to migrate, as words: `RUN_MIGRATIONS: "true"`. */
const flags = ({ environment }: ComposeService): string[][] =>
  environment.filter(({ value }) => /^(?:true|1|yes|on)$/i.test(value ?? '')).map(({ key }) => [key]);

const needsSession = (fact: CodeFact): boolean => fact !== 'extra-float-digits';

const isScript = (word: string): boolean =>
  /(?:^|\/)[\w.-]+\.(?:sh|bash)$|(?:^|\/)(?:docker-)?(?:entrypoint|start|run|boot|prestart)$/.test(word);

/** An image from a registry that carries the repository's own name: its Dockerfile tells what it starts. */
function isOwnImage(service: ComposeService, sources: ReadonlyMap<string, Source>): boolean {
  const name = imageName(service.image);
  if (!service.image?.includes('/') || name.length < 3 || !sources.has('Dockerfile')) return false;
  const readme = [...sources.values()].find(source => /^readme/i.test(source.path));
  return new RegExp(`\\b${name.replace(/[^\w-]/g, '.')}\\b`, 'i').test(readme?.text.slice(0, 1500) ?? '');
}

/** The script in the repository that a path in the image most likely is: the same name, nearest to the build context. */
function findScript(word: string, context: string, extractions: Extractions): string | null {
  const name = baseOf(word);
  const found = [...extractions.keys()].filter(path => baseOf(path) === name && isInside(context, path));
  const exact = found.find(path => path === joinPath(context, word.replace(/^\/(?:\w+\/)?/, '')));
  return (
    exact ?? (found.length === 1 ? (found[0] ?? null) : (found.find(path => path === joinPath(context, name)) ?? null))
  );
}

/** Commands of scripts and Makefiles by the variables that they expand. */
function indexExpansions(extractions: Extractions): Map<string, PlacedUse[]> {
  const index = new Map<string, PlacedUse[]>();
  for (const [file, { facts }] of extractions) {
    for (const words of facts.commands) {
      for (const [, name = ''] of words.join(' ').matchAll(/\$[({]?([A-Za-z_]\w*)/g)) {
        index.set(name, [
          ...(index.get(name) ?? []),
          { file, use: { words, service: null, image: null, derived: true } },
        ]);
      }
    }
  }
  return index;
}

/** Variables that a service's environment and command expand, and those passed on by name. */
function variablesRead(service: ComposeService): string[] {
  const found: string[] = [];
  const visit = (text: string): void => {
    for (const { variable, fallback } of readExpansions(text, 0, text.length)) {
      if (variable) found.push(variable);
      if (fallback) visit(text.slice(fallback.start, fallback.end));
    }
  };
  for (const { key, value } of service.environment) {
    if (value === null) found.push(key);
    else visit(value);
  }
  visit(service.command);
  return found;
}

const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?:^|[\\s/"'=])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=$|[\\s"',;)])`, 'm').test(text);

/** A template beside the file, or the only one of that name further down: `conf/.env.example` that is copied to `.env`. */
function isStandIn(template: string, file: string, all: readonly string[]): boolean {
  if (isTemplateFor(template, file)) return true;
  if (all.some(path => isTemplateFor(path, file))) return false;
  const below = all.filter(path => isInside(dirOf(file), path) && isTemplateFor(baseOf(path), baseOf(file)));
  return below.length === 1 && below[0] === template;
}

/** True for the file itself and for the template that stands for it: `.env.example` for `.env`. */
export function isTemplateFor(template: string, file: string): boolean {
  if (template === file) return true;
  if (dirOf(template) !== dirOf(file)) return false;
  const strip = (name: string) =>
    name
      .replace(/[._-](?:example|sample|template|dist|tpl|defaults?)(?=$|[._-])/i, '')
      .replace(/^(?:example|sample|default)(?=[._-])/i, '')
      .replace(/^\./, '');
  return strip(baseOf(template)) === strip(baseOf(file));
}
