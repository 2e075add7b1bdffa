/** Sites of other YAML files: Kubernetes manifests, Helm values, application settings. */

import { imageName, isServerImage } from '../src/images/names.ts';
import { type Extraction, type Facts, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type Scope, scanValue } from '../src/scan/scan-value.ts';
import { readExpansion } from '../src/text/expansion.ts';
import { type MappedText, mapSlice, sliceMapped } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { isTask, type KubernetesContainer, type KubernetesObject, readKubernetesObject } from './kubernetes.ts';
import { isCommandLine, scanArgv, scanShell } from './shell.ts';
import {
  getPair,
  isMap,
  isScalar,
  isSeq,
  keyOf,
  mapScalar,
  type Node,
  readYaml,
  type Scalar,
  startOf,
  textOf,
} from './yaml-nodes.ts';
export function extract(text: string, context: ExtractContext): Extraction {
  return extractYaml(text, context);
}

export function extractYaml(text: string, context: ExtractContext): Extraction {
  const sites: RawSite[] = [];
  const facts = noFacts();
  // Helm templates are no YAML; what a lenient parse still shows is enough to report, and `template` keeps it from edits.
  const isTemplate = /\{\{[^}]*\}\}/.test(text) && /(?:^|\/)templates\//.test(context.path);
  for (const { document, contents } of readYaml(text, true)) {
    const object = readKubernetesObject(contents, document);
    const marks = isTemplate ? ['template'] : document.errors.length > 0 ? ['unparsable'] : [];
    if (isAnsible(contents, context.path)) marks.push('deployed-elsewhere');
    if (object || isChartValues(context.path)) marks.push('kubernetes');
    noteConfigs(contents, object, facts);
    visit(contents, { text, context, facts: marks, found: facts, object, scope: {}, sites, path: [] });
  }
  return { sites, facts };
}

interface Visit {
  text: string;
  context: ExtractContext;
  facts: string[];
  /** Of the whole file. */
  found: Facts;
  object: KubernetesObject | null;
  /** The container around: who gets the values. */
  scope: { service?: string; uses?: Use[] };
  sites: RawSite[];
  path: string[];
}

function visit(node: unknown, outer: Visit): void {
  const state = enterContainer(node, outer);
  if (isSeq(node)) {
    if (state.path.at(-1) === 'literals' && scanLiterals(node.items as Node[], startOf(node), state)) return;
    if (scanNamedList(node.items as Node[], startOf(node), state)) return;
    if (!scanCommandList(node.items as Node[], state)) for (const item of node.items) visit(item, state);
    return;
  }
  if (isScalar(node)) {
    scanScalar(node as Scalar, state);
    return;
  }
  if (!isMap(node)) return;
  if (state.object?.kind === 'Secret' && state.path.join('.') === 'data') {
    scanEncoded(node as Node, state);
    return;
  }
  const named = namedValue(node as Node);
  const settings: Setting[] = [];
  for (const pair of node.items) {
    const key = keyOf(pair);
    if (key === 'image' || (named && key !== 'value' && key !== 'name')) continue;
    if (isScalar(pair.value) && !isCommandKey(key) && !isCommandLine(String((pair.value as Scalar).value))) {
      const value = mapScalar(state.text, pair.value as Scalar);
      const scope: Scope = { ...scopeOf(state), role: roleOf(state.path), facts: marksOf(value, state) };
      const ruby = readRuby(value);
      const variable = readEnvVar(value.text);
      if (ruby) settings.push({ key, value: ruby, scope: { ...scope, role: 'fallback' } });
      else if (variable) settings.push({ key: variable, value, scope: { ...scope, role: 'fallback' } });
      else settings.push({ key: named && key === 'value' ? named : key, value, scope });
    } else visit(pair.value, { ...state, path: [...state.path, key] });
  }
  state.sites.push(...scanBlock(settings, `map@${startOf(node)}`, state.context));
}

/** Jinja and Helm holes in a value of a file that is YAML all the same: only that value is a template. dbt's reads of a variable are none. */
const marksOf = ({ text }: MappedText, { facts }: Visit): string[] =>
  text.includes('{{') && readEnvVar(text) === null ? [...facts, 'template'] : facts;

/** The variable that dbt's `{{ env_var('NAME', 'default') }}` reads. */
function readEnvVar(text: string): string | null {
  const expansion = text.startsWith('{{') ? readExpansion(text, 0, text.length) : null;
  return expansion?.end === text.length ? expansion.variable : null;
}

/** What a container gets goes to its command; the server's own container is no client. */
function enterContainer(node: unknown, state: Visit): Visit {
  const container = state.object?.containers.find(candidate => candidate.node === node);
  if (!container) return isServerMap(node) ? { ...state, facts: [...state.facts, 'server-service'] } : state;
  const { service, image } = container;
  const uses = usesOf(container, state);
  for (const { config, key } of container.references) state.found.references.push({ config, key, uses });
  const isServer = isServerImage(image) && !isTask(state.object?.kind ?? '') && !runsClient(uses);
  return { ...state, scope: { service, uses }, facts: isServer ? [...state.facts, 'server-service'] : state.facts };
}

const runsClient = (uses: readonly Use[]): boolean =>
  uses.some(({ words }) => words.some(word => /^(?:psql|pg_\w+)$/.test(word)));

function usesOf({ words, service, image }: KubernetesContainer, { text, context }: Visit): Use[] {
  const mapped = words.map(word => mapScalar(text, word));
  const { commands } = scanArgv(mapped, { role: 'command', service }, context);
  return (commands.length > 0 ? commands : [[]]).map(found => ({ words: found, service, image: image || null }));
}

/** Values of charts and the like: a map with an image of a server is about that server. */
function isServerMap(node: unknown): boolean {
  const image = isMap(node) ? getPair(node, 'image', null as never)?.value : null;
  return isScalar(image) && isServerImage(imageName(textOf(image)));
}

/** ConfigMaps and Secrets, and what kustomize generates as such. */
function noteConfigs(root: Node | null, object: KubernetesObject | null, facts: Facts): void {
  const child = (node: unknown, key: string) => getPair(node, key, null as never)?.value;
  if (object?.kind === 'ConfigMap' || object?.kind === 'Secret') {
    const keys = ['data', 'stringData'].flatMap(part => {
      const map = child(root, part);
      return isMap(map) ? map.items.map(keyOf) : [];
    });
    facts.configs.push({ name: object.name, keys });
  }
  for (const generator of ['configMapGenerator', 'secretGenerator']) {
    const items = child(root, generator);
    for (const item of isSeq(items) ? items.items : []) {
      const name = textOf(child(item, 'name'));
      const literals = child(item, 'literals');
      const keys = isSeq(literals) ? literals.items.map(literal => (textOf(literal) ?? '').replace(/=.*$/s, '')) : [];
      if (name !== null) facts.configs.push({ name, keys });
    }
  }
}

/** `values.yaml` of a Helm chart: what it says is said in a cluster. */
const isChartValues = (path: string): boolean => /(?:^|\/)values(?:[._-][\w.-]+)?\.ya?ml$/i.test(path);

/** Plays, and variables of hosts: they configure machines that are not in the network of this repository's services. */
function isAnsible(root: Node | null, path: string): boolean {
  if (/(?:^|\/)(?:ansible|playbooks?|group_vars|host_vars|roles\/[^/]+\/(?:tasks|vars|defaults|handlers))\//.test(path))
    return true;
  const first = isSeq(root) ? root.items[0] : null;
  return isMap(first) && getPair(first, 'hosts', null as never) !== null;
}

/** `<%= ENV.fetch("DB_HOST") { "db" } %>` of Rails: the default is the value, and Rails reads host and port alike. */
function readRuby(value: MappedText): MappedText | null {
  const match =
    /^<%=\s*ENV(?:\.fetch\(|\[)\s*["']\w+["']\s*(?:\]\s*\|\|\s*|,\s*|\)\s*\{\s*)["']?([\w.:/@+-]+)["']?\s*[)}]?\s*%>$/.exec(
      value.text,
    );
  const fallback = match?.[1];
  if (!fallback) return null;
  const at = value.text.lastIndexOf(fallback);
  return sliceMapped(value, at, at + fallback.length);
}

const scopeOf = ({ scope, path }: Visit): Partial<Scope> => ({ ...scope, section: path });

/** Keys of CI systems, task runners, Ansible and Kubernetes whose values a shell or a program reads. */
const isCommandKey = (key: string): boolean =>
  /^(?:commands?|run|scripts?|(?:before|after)_script|args|entrypoint|cmds?|shell|exec|raw|ansible\.builtin\.(?:shell|command))$/.test(
    key,
  );

/** `- name: DB_URL` with `value: …` beside it is one variable. */
function namedValue(node: Node): string | null {
  const name = isMap(node) ? getPair(node, 'name', null as never)?.value : null;
  const value = isMap(node) ? getPair(node, 'value', null as never)?.value : null;
  return isScalar(name) && isScalar(value) ? textOf(name) : null;
}

/** `env:` of Kubernetes: a list of names and values is one block, so that host and port meet. */
function scanNamedList(items: Node[], at: number, state: Visit): boolean {
  if (items.length === 0 || !items.every(item => isMap(item) && getPair(item, 'name', null as never) !== null))
    return false;
  if (!items.some(item => namedValue(item) !== null)) return false;
  const settings = items.flatMap((item): Setting[] => {
    const key = namedValue(item);
    const value = getPair(item, 'value', null as never)?.value;
    if (key === null || !isScalar(value)) return [];
    const mapped = mapScalar(state.text, value as Scalar);
    return [{ key, value: mapped, scope: { ...scopeOf(state), role: 'environment', facts: marksOf(mapped, state) } }];
  });
  state.sites.push(...scanBlock(settings, `list@${at}`, state.context));
  return true;
}

/** `literals: [DB_HOST=db, DB_PORT=5432]` of a kustomize generator. */
function scanLiterals(items: Node[], at: number, state: Visit): boolean {
  const settings = items.flatMap((item): Setting[] => {
    if (!isScalar(item)) return [];
    const value = mapScalar(state.text, item as Scalar);
    const [, key] = /^([\w.-]+)=/.exec(value.text) ?? [];
    if (!key) return [];
    const rest = sliceMapped(value, key.length + 1, value.text.length);
    return [{ key, value: rest, scope: { ...scopeOf(state), role: 'environment', facts: marksOf(rest, state) } }];
  });
  state.sites.push(...scanBlock(settings, `literals@${at}`, state.context));
  return settings.length > 0;
}

/** Values of a Secret in base64. They are secret as a whole, so the site is their key; what they hold only decides. */
function scanEncoded(map: Node, state: Visit): void {
  if (!isMap(map)) return;
  const keys = new Map<string, { start: number; end: number }>();
  const settings = map.items.flatMap((pair): Setting[] => {
    const decoded = isScalar(pair.value) ? decodeBase64(textOf(pair.value) ?? '') : null;
    const [start = 0, end = 0] = (pair.key as Node).range ?? [];
    keys.set(keyOf(pair), { start, end });
    if (decoded === null) return [];
    const value = mapSlice(decoded, 0, decoded.length);
    return [{ key: keyOf(pair), value, scope: { role: 'environment', facts: [...state.facts, 'base64'] } }];
  });
  for (const site of scanBlock(settings, `secret@${startOf(map)}`, state.context)) {
    const span = keys.get(site.key ?? '') as { start: number; end: number };
    const place = <T extends object>(part: T | null): T | null => part && { ...part, span, inner: span, exact: false };
    state.sites.push({ ...site, span, extent: null, host: place(site.host), port: place(site.port) });
  }
}

/** Null where it is no base64 of a text. */
function decodeBase64(text: string): string | null {
  const plain = text.replace(/\s/g, '');
  if (plain === '' || plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(plain)) return null;
  const decoded = Buffer.from(plain, 'base64').toString('utf8').replace(/\n$/, '');
  return /^[^\p{C}\ufffd]+$/u.test(decoded) ? decoded : null;
}

const roleOf = (path: string[]): 'environment' | 'setting' =>
  path.some(key => /^(?:env|environment|data|stringData|variables)$/.test(key)) ? 'environment' : 'setting';

function scanScalar(scalar: Scalar, state: Visit): void {
  const key = state.path.at(-1) ?? null;
  const mapped = mapScalar(state.text, scalar);
  const scope: Scope = { ...scopeOf(state), role: 'setting', key, facts: marksOf(mapped, state) };
  if (isCommandKey(key ?? '') || isCommandLine(mapped.text)) {
    state.sites.push(...scanShell(mapped, { ...scope, role: 'command', key: null }, state.context).sites);
  } else state.sites.push(...scanValue(mapped, scope, state.context));
}

function scanCommandList(items: Node[], state: Visit): boolean {
  const key = state.path.at(-1) ?? '';
  if (!/^(?:command|args)$/.test(key) || !items.every(item => isScalar(item))) return false;
  const words = items.map(item => mapScalar(state.text, item as Scalar));
  state.sites.push(...scanArgv(words, { ...scopeOf(state), role: 'command', facts: state.facts }, state.context).sites);
  return true;
}
