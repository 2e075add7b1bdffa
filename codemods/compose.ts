/** Sites of compose files. Nothing of the topology is decided here: only what stands where, and who receives it. */

import { imageName } from '../src/images/names.ts';
import { type Entry, type Extraction, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type Scope, scanValue } from '../src/scan/scan-value.ts';
import { lineEndOf, lineStartOf } from '../src/text/lines.ts';
import { type MappedText, sliceMapped } from '../src/text/mapped-text.ts';
import { baseOf } from '../src/text/paths.ts';
import type { ExtractContext } from './codemod.ts';
import { type ComposeFile, type ComposeService, type EnvironmentEntry, readComposeFile } from './compose-file.ts';
import type { Embedded } from './embedded.ts';
import { isCommandLine, type ShellResult, scanArgv, scanShell } from './shell.ts';
import { extractYaml } from './yaml.ts';
import {
  endOf,
  getNode,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  keyOf,
  mapScalar,
  type Node,
  type Pair,
  resolveNode,
  type Scalar,
  startOf,
} from './yaml-nodes.ts';

export function extract(text: string, context: ExtractContext): Extraction & { embedded?: Embedded[] } {
  const file = readComposeFile(context.path, text);
  if (!file) return extractYaml(text, context);
  const facts = noFacts();
  const handled = new Set<Node>();
  const sites: RawSite[] = [];
  const commands = new Map<string, Use[]>();
  for (const service of file.services) {
    const result = scanCommands(file, service, context, handled);
    sites.push(...result.sites);
    facts.reads.push(...result.reads);
    commands.set(service.name, usesOf(service, result.commands));
  }
  facts.services = commands;
  sites.push(...scanEnvironments(file, commands, context, handled));
  const embedded = mountedTexts(file, commands, handled);
  sites.push(...scanRest(file, context, handled));
  facts.reads.push(...[...text.matchAll(/\$\{?(\w+)/g)].map(match => match[1] ?? ''));
  return { sites: unique(sites), facts, embedded };
}

/** `configs: { app: { content: … } }`: files of which the text stands in the compose file. */
function mountedTexts(file: ComposeFile, commands: ReadonlyMap<string, Use[]>, handled: Set<Node>): Embedded[] {
  const { document, text } = file;
  const configs = getNode(resolveNode(document.contents, document), 'configs', document);
  return (isMap(configs) ? configs.items : []).flatMap(pair => {
    const content = getNode(resolveNode(pair.value, document), 'content', document);
    if (!isScalar(content)) return [];
    handled.add(content);
    const mounts = file.services.flatMap(service => {
      const all = getNode(resolveNode(service.pair.value, document), 'configs', document);
      return (isSeq(all) ? all.items : []).flatMap(item => {
        const here = resolveNode(item, document);
        const source = isScalar(here) ? here : getNode(here, 'source', document);
        const target = getNode(here, 'target', document);
        return isScalar(source) && source.value === keyOf(pair)
          ? [{ uses: commands.get(service.name) ?? [], target: isScalar(target) ? String(target.value) : '' }]
          : [];
      });
    });
    const path = [...mounts.map(({ target }) => baseOf(target)), keyOf(pair)].find(name => name !== '') ?? '';
    return [{ path, text: mapScalar(text, content), uses: mounts.flatMap(({ uses }) => uses) }];
  });
}

const usesOf = (service: ComposeService, commands: string[][]): Use[] =>
  (commands.length > 0 ? commands : [[]]).map(words => ({
    words,
    service: service.name,
    image: imageName(service.image) || null,
  }));

/** A value behind an anchor or an alias is seen once for every service that has it: one site, with the uses of all. */
function unique(sites: RawSite[]): RawSite[] {
  const seen = new Map<string, RawSite>();
  for (const site of sites) {
    const id = `${site.span.start}:${site.span.end}`;
    const known = seen.get(id);
    if (!known) {
      seen.set(id, site);
      continue;
    }
    const uses = [...known.uses, ...site.uses.filter(use => !known.uses.some(other => other.service === use.service))];
    seen.set(id, {
      ...known,
      uses,
      service: known.service === site.service ? known.service : null,
      facts: [...new Set([...known.facts, ...site.facts, 'shared'])],
    });
  }
  return [...seen.values()];
}

function scanCommands(
  file: ComposeFile,
  service: ComposeService,
  context: ExtractContext,
  handled: Set<Node>,
): ShellResult {
  const { document, text } = file;
  const node = resolveNode(service.pair.value, document);
  const scope: Scope = { role: 'command', service: service.name, uses: usesOf(service, []) };
  const parts: ShellResult[] = [];
  const entrypoint = getNode(node, 'entrypoint', document);
  const command = getNode(node, 'command', document);
  // An exec-form entrypoint takes the command's words as its arguments.
  const joined = isSeq(entrypoint) && isSeq(command) ? [...entrypoint.items, ...command.items] : null;
  for (const value of joined ? [] : [entrypoint, command])
    if (value) parts.push(scanCommand(text, value, scope, context, file, handled));
  if (joined) parts.push(scanItems(text, joined as Node[], scope, context, file, handled));
  const test = getNode(getNode(node, 'healthcheck', document), 'test', document);
  if (test) {
    const health = scanCommand(text, test, { ...scope, role: 'healthcheck' }, context, file, handled);
    parts.push({ ...health, commands: [] });
  }
  return {
    sites: parts.flatMap(part => part.sites),
    commands: parts.flatMap(part => part.commands),
    reads: parts.flatMap(part => part.reads),
  };
}

function scanCommand(
  text: string,
  node: Node,
  scope: Scope,
  context: ExtractContext,
  file: ComposeFile,
  handled: Set<Node>,
): ShellResult {
  if (isSeq(node)) return scanItems(text, node.items as Node[], scope, context, file, handled);
  if (!isScalar(node)) return { sites: [], commands: [], reads: [] };
  handled.add(node);
  return scanShell(mapScalar(text, node as Scalar), scope, context);
}

function scanItems(
  text: string,
  items: Node[],
  scope: Scope,
  context: ExtractContext,
  file: ComposeFile,
  handled: Set<Node>,
): ShellResult {
  const words = items.map(item => resolveNode(item, file.document)).filter(item => isScalar(item)) as Scalar[];
  for (const word of words) handled.add(word);
  const mapped = words.map(word => mapScalar(text, word));
  if (/^CMD(?:-SHELL)?$/.test(mapped[0]?.text ?? '')) {
    const isShell = mapped.shift()?.text === 'CMD-SHELL';
    if (isShell && mapped[0]) return scanShell(mapped[0], scope, context);
  }
  return scanArgv(mapped, scope, context);
}

/** Environments, each block once, with the uses of all services that receive it. */
function scanEnvironments(
  file: ComposeFile,
  commands: Map<string, Use[]>,
  context: ExtractContext,
  handled: Set<Node>,
): RawSite[] {
  const named = namingAnchors(file);
  const blocks = new Map<Node, Map<EnvironmentEntry['node'], { entry: EnvironmentEntry; services: string[] }>>();
  for (const service of file.services) {
    for (const entry of service.environment) {
      const block = blocks.get(entry.owner) ?? new Map();
      blocks.set(entry.owner, block);
      const known = block.get(entry.node) ?? { entry, services: [] };
      block.set(entry.node, known);
      known.services.push(service.name);
    }
  }
  return [...blocks].flatMap(([owner, block]) => {
    const siblings = [...block.values()].map(({ entry }) => entry.key);
    const id = `env@${startOf(owner)}`;
    const settings = [...block.values()].flatMap(({ entry, services }): Setting[] => {
      const value = readValue(file, entry, handled);
      if (!value) return [];
      const uses = services.flatMap(name => commands.get(name) ?? []);
      const service = services.length === 1 ? (services[0] ?? null) : null;
      return [
        {
          key: entry.key,
          value,
          scope: {
            role: 'environment',
            service,
            uses,
            entry: entryOf(file, entry, siblings, id),
            facts: [
              ...(services.length > 1 ? ['shared'] : []),
              ...(named.has(anchorOf(file, entry)) ? ['names-service'] : []),
            ],
          },
        },
      ];
    });
    return scanBlock(settings, id, context);
  });
}

const anchorOf = ({ document }: ComposeFile, { node }: EnvironmentEntry): string =>
  isPair(node) ? (resolveNode(node.value, document)?.anchor ?? '') : (node.anchor ?? '');

function readValue(file: ComposeFile, entry: EnvironmentEntry, handled: Set<Node>): MappedText | null {
  const scalar = isPair(entry.node) ? resolveNode(entry.node.value, file.document) : entry.node;
  if (!isScalar(scalar) || entry.value === null) return null;
  handled.add(scalar as Scalar);
  const mapped = mapScalar(file.text, scalar as Scalar);
  if (isPair(entry.node)) return mapped;
  const equals = mapped.text.indexOf('=');
  return sliceMapped(mapped, equals + 1, mapped.text.length);
}

/** Where a companion can stand: after the entry, in its own style. A value behind an alias has no such place. */
function entryOf(file: ComposeFile, entry: EnvironmentEntry, siblings: string[], block: string): Entry | null {
  const { text } = file;
  const { owner } = entry;
  const isFlow = (owner as { flow?: boolean }).flow === true;
  if (isPair(entry.node)) {
    const { key, value } = entry.node as Pair<Scalar, Scalar>;
    if (!value || isAlias(value) || !isScalar(value) || /^BLOCK/.test(value.type ?? '')) return null;
    const start = startOf(key);
    const span = { start, end: endOf(value) };
    const indent = text.slice(lineStartOf(text, start), start);
    if (!isFlow && !/^[ \t]*$/.test(indent)) return null;
    return {
      style: isFlow ? 'flow' : 'map',
      key: entry.key,
      span,
      value: { start: startOf(value), end: endOf(value) },
      indent,
      siblings,
      block,
    };
  }
  const scalar = entry.node as Scalar;
  const start = startOf(scalar);
  const lead = text.slice(lineStartOf(text, start), start);
  const indent = /^([ \t]*)-[ \t]+$/.exec(lead)?.[0];
  if (!isFlow && indent === undefined) return null;
  const span = { start, end: isFlow ? endOf(scalar) : Math.min(endOf(scalar), lineEndOf(text, start)) };
  return { style: isFlow ? 'flow' : 'list', key: entry.key, span, value: span, indent: indent ?? '', siblings, block };
}

const NOT_VALUES = new Set([
  'image',
  'ports',
  'volumes',
  'networks',
  'depends_on',
  'container_name',
  'hostname',
  'links',
  'expose',
  'profiles',
  'restart',
  'env_file',
  'extra_hosts',
]);

/** Anchors whose value is also what a container is called: changed, it would no longer be found. */
const namingAnchors = ({ services }: ComposeFile): Set<string> =>
  new Set(
    services.flatMap(({ pair }) =>
      isMap(pair.value)
        ? pair.value.items.flatMap(({ key, value }) =>
            isScalar(key) && /^(?:container_name|hostname)$/.test(String(key.value)) && isAlias(value)
              ? [value.source]
              : [],
          )
        : [],
    ),
  );

/** Labels, build arguments, configs and fragments that no service uses. */
function scanRest(file: ComposeFile, context: ExtractContext, handled: Set<Node>): RawSite[] {
  const found: RawSite[] = [];
  const visit = (node: unknown, key: string, service: string | null, path: string[]): void => {
    if (isMap(node)) {
      for (const pair of node.items) {
        const name = keyOf(pair);
        const inServices = path.length === 1 && path[0] === 'services';
        if (path[0] === 'services' && path.length === 2 && NOT_VALUES.has(name)) continue;
        visit(pair.value, name, inServices ? name : service, [...path, name]);
      }
    } else if (isSeq(node)) for (const item of node.items) visit(item, key, service, path);
    else if (isScalar(node) && !handled.has(node as Node)) {
      const facts = path.includes('args') && path.includes('build') ? ['build-argument'] : [];
      const image = imageName(file.services.find(item => item.name === service)?.image ?? null) || null;
      const scope: Scope = { role: 'setting', key, service, facts, uses: [{ words: [], service, image }] };
      const value = mapScalar(file.text, node as Scalar);
      found.push(
        ...(isCommandLine(value.text)
          ? scanShell(value, { ...scope, role: 'command', key: null }, context).sites
          : scanValue(value, scope, context)),
      );
    }
  };
  visit(file.root, '', null, []);
  return found;
}
