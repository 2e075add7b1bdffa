/** A compose file as services with places. Source: github.com/compose-spec/compose-spec/blob/main/spec.md */
import type { Document } from 'yaml';
import { lineAt } from '../src/text/lines.ts';
import {
  getNode,
  getPair,
  isMap,
  isScalar,
  isSeq,
  keyOf,
  type Node,
  type Pair,
  pairsOf,
  readYaml,
  resolveNode,
  type Scalar,
  startOf,
  textOf,
  textsOf,
  type YAMLMap,
} from './yaml-nodes.ts';

export interface ComposeService {
  name: string;
  line: number;
  pair: Pair;
  image: string | null;
  /** Build context, as written; '.' for a build without one. */
  build: string | null;
  dockerfile: string | null;
  /** Stage of the Dockerfile; null: the last one. */
  target: string | null;
  workingDir: string | null;
  environment: EnvironmentEntry[];
  /** The node that holds the environment, where it is the service's own or an anchor's. */
  environmentNode: Node | null;
  envFiles: string[];
  /** Words of `command` and `entrypoint`, as one text; '' where the image decides. */
  command: string;
  containerName: string | null;
  hostname: string | null;
  /** Its other names in its networks, and its fixed addresses. */
  aliases: string[];
  links: string[];
  ports: PortMapping[];
  expose: string[];
  volumes: string[];
  profiles: string[];
  networks: string[];
  dependsOn: string[];
  networkMode: string | null;
  /** Names that `extra_hosts` gives an address of its own. */
  mappedHosts: string[];
  healthcheck: string | null;
  /** The service that this one is based on; file null: of the same file. */
  extends: { file: string | null; service: string } | null;
}

export interface EnvironmentEntry {
  key: string;
  /** The value as text; null where the variable is passed through. */
  value: string | null;
  /** Pair of a map, or the scalar of a list item. */
  node: Pair | Scalar;
  /** The map or the list that holds it: two services that share one share the entry. */
  owner: Node;
}

export interface PortMapping {
  /** The host side as written, without the address; null where Docker chooses. */
  published: string | null;
  address: string | null;
  target: string;
}

export interface ComposeFile {
  path: string;
  text: string;
  document: Document;
  root: YAMLMap;
  servicesNode: YAMLMap | null;
  services: ComposeService[];
  includes: string[];
}

const cache = new Map<string, ComposeFile | null>();

/** Reads a compose file; null where the YAML is something else. Throws a PlanError on a syntax fault. */
export function readComposeFile(path: string, text: string): ComposeFile | null {
  const key = `${path}\0${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const file = parse(path, text);
  cache.set(key, file);
  return file;
}

function parse(path: string, text: string): ComposeFile | null {
  const first = readYaml(text)[0];
  if (!first || !isMap(first.contents)) return null;
  const { document } = first;
  const root = first.contents;
  const services = getNode(root, 'services', document);
  const include = getNode(root, 'include', document);
  // Version 1 files have the services at the top: each with an image or a build.
  const old = !services && !include && root.items.length > 0 && root.items.every(pair => isServiceLike(pair, document));
  const servicesNode = isMap(services) ? services : old ? root : null;
  if (!servicesNode && !include) return null;
  return {
    path,
    text,
    document,
    root,
    servicesNode,
    services: servicesNode
      ? pairsOf(servicesNode, document)
          .filter(pair => isMap(resolveNode(pair.value, document)))
          .map(pair => readService(text, pair, document))
      : [],
    includes: isSeq(include)
      ? include.items.flatMap(item => textsOf(isMap(item) ? getNode(item, 'path', document) : (item as Node), document))
      : [],
  };
}

/** Networks of the service that other projects may be on too, by the names that Docker has for them. */
export function externalNetworks({ root, document }: ComposeFile, { networks }: ComposeService): string[] {
  const all = getNode(root, 'networks', document);
  return (networks.length > 0 ? networks : ['default']).flatMap(key => {
    const network = getNode(all, key, document);
    const external = getNode(network, 'external', document);
    if (external === null || textOf(external) === 'false') return [];
    return [textOf(getNode(external, 'name', document)) ?? textOf(getNode(network, 'name', document)) ?? key];
  });
}

const isServiceLike = (pair: Pair, document: Document): boolean =>
  getPair(pair.value, 'image', document) !== null || getPair(pair.value, 'build', document) !== null;

function readService(text: string, pair: Pair, document: Document): ComposeService {
  const node = resolveNode(pair.value, document);
  const get = (key: string) => getNode(node, key, document);
  const build = get('build');
  const environmentNode = get('environment');
  const networks = get('networks');
  const base = get('extends');
  const baseService = isMap(base) ? textOf(getNode(base, 'service', document)) : textOf(base);
  return {
    name: keyOf(pair),
    line: lineAt(text, startOf(pair.key)),
    pair,
    image: textOf(get('image')),
    build: isMap(build) ? (textOf(getNode(build, 'context', document)) ?? '.') : textOf(build),
    dockerfile: isMap(build) ? textOf(getNode(build, 'dockerfile', document)) : null,
    target: isMap(build) ? textOf(getNode(build, 'target', document)) : null,
    workingDir: textOf(get('working_dir')),
    environment: readEnvironment(environmentNode, document),
    environmentNode,
    envFiles: readEnvFiles(get('env_file'), document),
    command: [...textsOf(get('entrypoint'), document), ...textsOf(get('command'), document)].join(' '),
    containerName: textOf(get('container_name')),
    hostname: textOf(get('hostname')),
    aliases: isMap(networks)
      ? pairsOf(networks, document).flatMap(({ value }) => [
          ...textsOf(getNode(value, 'aliases', document), document),
          ...textsOf(getNode(value, 'ipv4_address', document), document),
        ])
      : [],
    links: textsOf(get('links'), document),
    ports: readPorts(get('ports'), document),
    expose: textsOf(get('expose'), document),
    volumes: readVolumes(get('volumes'), document),
    profiles: textsOf(get('profiles'), document),
    networks: textsOf(networks, document),
    dependsOn: textsOf(get('depends_on'), document),
    networkMode: textOf(get('network_mode')),
    mappedHosts: textsOf(get('extra_hosts'), document).map(text => text.replace(/[:=].*$/s, '')),
    healthcheck: textsOf(getNode(get('healthcheck'), 'test', document), document).join(' ') || null,
    extends:
      baseService === null
        ? null
        : { file: isMap(base) ? textOf(getNode(base, 'file', document)) : null, service: baseService },
  };
}

function readEnvironment(node: Node | null, document: Document): EnvironmentEntry[] {
  if (isSeq(node)) {
    return node.items.flatMap(item => {
      const scalar = resolveNode(item, document);
      const text = textOf(scalar);
      if (text === null || !isScalar(scalar)) return [];
      const equals = text.indexOf('=');
      const [key, value] = equals === -1 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
      return [{ key, value, node: scalar, owner: node }];
    });
  }
  return pairsOf(node, document).map(pair => ({
    key: keyOf(pair),
    value: textOf(resolveNode(pair.value, document)),
    node: pair,
    owner: ownerOf(node, pair, document),
  }));
}

/** The map that holds the pair: the node itself, or the one that it merges. */
function ownerOf(node: Node | null, pair: Pair, document: Document): Node {
  if (!isMap(node) || node.items.includes(pair)) return node as Node;
  for (const item of node.items.filter(item => keyOf(item) === '<<')) {
    const value = resolveNode(item.value, document);
    for (const source of isSeq(value) ? value.items : [value]) {
      const map = resolveNode(source, document);
      if (isMap(map) && pairsOf(map, document).includes(pair)) return ownerOf(map, pair, document);
    }
  }
  return node;
}

function readEnvFiles(node: Node | null, document: Document): string[] {
  if (!isSeq(node)) return textsOf(node, document);
  return node.items.flatMap(item => {
    const value = resolveNode(item, document);
    return isMap(value) ? textsOf(getNode(value, 'path', document), document) : textsOf(value, document);
  });
}

function readPorts(node: Node | null, document: Document): PortMapping[] {
  if (!isSeq(node)) return [];
  return node.items.flatMap(item => {
    const value = resolveNode(item, document);
    if (isMap(value)) {
      const get = (key: string) => textOf(getNode(value, key, document));
      return [{ published: get('published'), address: get('host_ip'), target: get('target') ?? '' }];
    }
    const text = textOf(value);
    return text === null ? [] : [readPort(text)];
  });
}

/** E.g.: `127.0.0.1:${PORT:-5433}:5432/tcp` → address 127.0.0.1, published `${PORT:-5433}`, target 5432. */
export function readPort(text: string): PortMapping {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const char of text.replace(/\/(?:tcp|udp)$/, '')) {
    if (char === '{' || char === '[') depth++;
    if (char === '}' || char === ']') depth--;
    if (char === ':' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  parts.push(part);
  const target = parts.pop() ?? '';
  const published = parts.pop() ?? null;
  return { published: published === '' ? null : published, address: parts.length > 0 ? parts.join(':') : null, target };
}

function readVolumes(node: Node | null, document: Document): string[] {
  if (!isSeq(node)) return [];
  return node.items.flatMap(item => {
    const value = resolveNode(item, document);
    if (!isMap(value)) return textsOf(value, document);
    const get = (key: string) => textOf(getNode(value, key, document)) ?? '';
    return [`${get('source')}:${get('target')}`];
  });
}
