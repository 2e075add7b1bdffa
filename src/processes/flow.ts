/** Which services receive the variables of an env file, and what they run with them. */

import type { ComposeService } from '../../codemods/compose-file.ts';
import { DUMPS } from '../../codemods/programs.ts';
import { imageName, isServerImage } from '../images/names.ts';
import type { Extraction, Source, Use } from '../model/index.ts';
import { readExpansions } from '../text/expansion.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import { findBase, type Topology } from '../topology/index.ts';
import { listMigrations, type PlacedUse, projectOf, TOOL } from './list-migrations.ts';
import { codeOf, isNamed, portKeyOf, readsHostAlone } from './port-variables.ts';
import { followCommands, needsSession } from './service-uses.ts';
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
  /** True where the code near the file takes the host from the variable, and no port from the one beside it. */
  isPortless(file: string, key: string, siblings: readonly string[], services: readonly string[]): boolean;
  /** The variable from which programs take the port that goes with a host, where nothing sets it; null: there is none. */
  portVariable(key: string, format: string): string | null;
  /** What programs that run pg_dump do with a variable. */
  dumpUses(key: string): Use[];
  /** Every command that a compose service runs, as one text each. */
  commands: string[];
  /** Env files that the texts (of CI) name. */
  readBy(texts: readonly string[]): Set<string>;
}

const SETTINGS = /(?:^|\/)[^/]*(?:config|setting|database)[^/]*\.(?:py|[cm]?[jt]s|ya?ml|toml|json)$/i;

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
        // An env file in the folder that is built goes with the code.
        const isBuiltIn =
          service.build !== null &&
          !/^\.?\/?$/.test(service.build) &&
          isInside(joinPath(dirOf(file.path), service.build), path);
        const isGiven = (service.envFiles.some(standsFor) || isBuiltIn) && !isOtherProgram(service);
        const isProject = standsFor('.env');
        for (const key of facts.defines) {
          if (!(isGiven && takes(service, key)) && !(isProject && read.has(key))) continue;
          push(receivers, `${path}\0${key}`, [{ file: file.path, service: service.name }]);
          push(received, `${path}\0${key}`, uses);
        }
      }
    }
  }
  mergeOverrides(services, topology);
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
    // A folder of settings beside the code is there for what is above it.
    const home = dirOf(path).replace(/(?:^|\/)(?:config|conf|envs?|docker|deploy|compose)$/i, '');
    const isBelow = ({ file }: PlacedUse) => isInside(home, file);
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
  const codeUses = (file: string) => {
    const near = coded.filter(({ path }) => isNear(path, file));
    // The tool of a project reads its settings too.
    const tools = SETTINGS.test(file)
      ? migrations.filter(({ file: tool, use }) => use.words[0] === TOOL && isInside(projectOf(tool), file))
      : [];
    const uses = [...near, ...tools].map(({ use }) => use);
    return uses.length === 0 ? [] : [{ words: [], service: null, image: null }, ...uses];
  };
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
  const portVariable = (key: string, format: string) => {
    const port = portKeyOf(key);
    // Compose passes on by name what it is told to, and nothing beside it.
    if (format === 'env' && passed.has(key)) return null;
    return port !== null && !defined.has(port) && isNamed(key, sources) && isNamed(port, sources) ? port : null;
  };
  const dumpers = [...sources.values()].filter(
    ({ path, text }) => /\.(?:py|[cm]?[jt]s)$/.test(path) && DUMPS.test(text),
  );
  const dumpUses = (key: string): Use[] =>
    dumpers
      .filter(({ text }) => new RegExp(`\\b${key}\\b`).test(text))
      .map(({ path }) => ({ words: ['runs-dump', path], service: null, image: null, derived: true }));
  return { receivers, received, services, codeUses, isPortless, portVariable, dumpUses, commands, readBy };
}

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

/** A service without image and build is a part of one that another file of its stack defines: what one part does, both do. */
function mergeOverrides(services: Map<string, Use[]>, { composeFiles, stacks }: Topology): void {
  const isPart = ({ image, build }: ComposeService) => image === null && build === null;
  for (const file of composeFiles) {
    for (const part of file.services.filter(isPart)) {
      for (const other of composeFiles) {
        const whole = other.services.find(({ name }) => name === part.name);
        if (!whole || isPart(whole) || stacks.get(other.path) !== stacks.get(file.path)) continue;
        const ids = [`${file.path}\0${part.name}`, `${other.path}\0${part.name}`];
        const all = ids.flatMap(id => services.get(id) ?? []);
        for (const id of ids) services.set(id, all);
      }
    }
  }
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

/** Programs that get a whole env file and know nothing of Postgres. */
const isOtherProgram = ({ image, build }: ComposeService): boolean =>
  build === null &&
  /^(?:redis|valkey|keydb|memcached|rabbitmq|kafka|zookeeper|nats|mongo|mysql|mariadb|elasticsearch|opensearch|nginx|traefik|caddy|haproxy|httpd|prometheus|alertmanager|node-exporter|loki|jaeger|minio|mailhog|mailpit|certbot|watchtower|portainer|ollama|qdrant|chroma|weaviate|milvus)(?:$|[-_])/.test(
    imageName(image),
  );

/** The server's image as a client runs what its command says: a variable that is not there is not read. libpq's own are. */
const takes = ({ image, build, command }: ComposeService, key: string): boolean =>
  build !== null || command === '' || !isServerImage(imageName(image)) || /^PG/.test(key) || command.includes(key);

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
