/** Which services receive the variables of an env file. */
import { directNames } from '../../codemods/companion.ts';
import type { ComposeService } from '../../codemods/compose-file.ts';
import { imageName, isServerImage } from '../images/names.ts';
import type { Extraction } from '../model/index.ts';
import { isTemplateFor } from '../text/env-template.ts';
import { readExpansions } from '../text/expansion.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';

export interface Receiver {
  file: string;
  service: string;
}

/** Keys of an env file, or of one that a script writes to `path`. */
export interface EnvironmentText {
  file: string;
  path: string;
  keys: readonly string[];
}

export const environmentTexts = (extractions: ReadonlyMap<string, Extraction>): EnvironmentText[] =>
  [...extractions].flatMap(([file, { facts }]) => [
    ...(facts.defines.length > 0 ? [{ file, path: file, keys: facts.defines }] : []),
    ...facts.writes.flatMap(({ paths, defines }) => paths.map(path => ({ file, path, keys: defines }))),
  ]);

/** By `file\0key` of an env file. `overridden`: services that get it, and have a value of their own in place of it. */
export function readReceivers(
  topology: Topology,
  environments: readonly EnvironmentText[],
  directSuffix: string,
): Record<'receivers' | 'overridden', Map<string, Receiver[]>> {
  const receivers = new Map<string, Receiver[]>();
  const overridden = new Map<string, Receiver[]>();
  const paths = environments.map(({ path }) => path);
  const named = new Set(
    topology.composeFiles.flatMap(({ path, services }) =>
      services.flatMap(({ envFiles }) => envFiles.map(name => joinPath(dirOf(path), name))),
    ),
  );
  for (const file of topology.composeFiles) {
    // With those of the file that compose adds by itself; others of the stack may never run with it.
    const together = topology.composeFiles.filter(
      ({ path }) =>
        path === file.path || (dirOf(path) === dirOf(file.path) && isPaired(baseOf(path), baseOf(file.path))),
    );
    const parts = ({ name }: ComposeService) =>
      together.flatMap(({ services }) => services.filter(one => one.name === name));
    for (const service of file.services) {
      const read = new Set(variablesRead(service, directSuffix));
      for (const { file: source, path, keys } of environments) {
        // Where a script puts a file outside of the repository, its name has to do.
        const standsFor = (name: string) =>
          name.startsWith('/') && source !== path
            ? baseOf(path) === baseOf(name)
            : isStandIn(path, joinPath(dirOf(file.path), name), paths);
        // An env file in the folder that is built goes with the code, unless it is compose's: beside its file, or given to services.
        const isBuiltIn =
          service.build !== null &&
          dirOf(path) !== dirOf(file.path) &&
          !named.has(path) &&
          !/^\.?\/?$/.test(service.build) &&
          isInside(joinPath(dirOf(file.path), service.build), path);
        const isGiven = (service.envFiles.some(standsFor) || isBuiltIn) && !isOtherProgram(service);
        // One beside it that no service is given comes in by `--env-file`; `.env.dev` is as well for what runs on the machine.
        const isProject =
          isStandIn(path, joinPath(topology.stacks.get(file.path) ?? dirOf(file.path), '.env'), paths) ||
          (source === path && !baseOf(path).startsWith('.env') && dirOf(path) === dirOf(file.path) && !named.has(path));
        for (const key of keys) {
          const isRead = isProject && read.has(key);
          if (!(isGiven && takes(service, key)) && !isRead) continue;
          const all = !isRead && parts(service).some(part => hasOwn(part, key)) ? overridden : receivers;
          const id = `${source}\0${key}`;
          const known = all.get(id) ?? [];
          if (known.some(other => other.file === file.path && other.service === service.name)) continue;
          all.set(id, [...known, { file: file.path, service: service.name }]);
        }
      }
    }
  }
  return { receivers, overridden };
}

/** `compose.yaml` and `compose.override.yaml`. */
const isPaired = (a: string, b: string): boolean => {
  const plain = (name: string) => name.replace(/\.override(?=\.ya?ml$)/, '').replace(/\.ya?ml$/, '');
  return /^(?:docker-)?compose$/.test(plain(a)) && plain(a) === plain(b);
};

/** The service's own environment sets it, which comes before any file. */
const hasOwn = (service: ComposeService, key: string): boolean =>
  service.environment.some(entry => entry.key === key && entry.value !== null);

/**
 * Variables that a service's environment and command expand, and those passed on by name; not the pooled one behind its own direct twin:
 * `${DATABASE_URL_DIRECT:-${DATABASE_URL}}`.
 */
function variablesRead(service: ComposeService, directSuffix: string): string[] {
  const found: string[] = [];
  const visit = (text: string, direct: string | null = null): void => {
    for (const { variable, fallback } of readExpansions(text, 0, text.length)) {
      const isTwin = direct !== null && directNames(variable ?? '', directSuffix).includes(direct);
      if (variable && !isTwin) found.push(variable);
      if (fallback) visit(text.slice(fallback.start, fallback.end), variable);
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

/** A template beside the file, or the only one of that name further down: `conf/.env.example` that is copied to `.env`. */
function isStandIn(template: string, file: string, all: readonly string[]): boolean {
  if (isTemplateFor(template, file)) return true;
  if (all.some(path => isTemplateFor(path, file))) return false;
  const below = all.filter(path => isInside(dirOf(file), path) && isTemplateFor(baseOf(path), baseOf(file)));
  return below.length === 1 && below[0] === template;
}
