/** Sites of other YAML files: Kubernetes manifests, Helm values, application settings. */
import { type MappedText, sliceMapped } from '../src/mapped-text.ts';
import { type Extraction, noFacts, type RawSite } from '../src/model.ts';
import { type Setting, scanBlock } from '../src/scan-block.ts';
import { type Scope, scanValue } from '../src/scan-value.ts';
import { imageName, isServerImage } from '../src/topology.ts';
import type { ExtractContext } from './codemod.ts';
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
  // Helm templates are no YAML; what a lenient parse still shows is enough to report, and `template` keeps it from edits.
  const isTemplate = /\{\{[^}]*\}\}/.test(text);
  for (const { document, contents } of readYaml(text, true)) {
    const facts = isTemplate ? ['template'] : document.errors.length > 0 ? ['unparsable'] : [];
    visit(contents, { text, context, facts, sites, path: [] });
  }
  return { sites, facts: noFacts() };
}

interface Visit {
  text: string;
  context: ExtractContext;
  facts: string[];
  sites: RawSite[];
  path: string[];
}

function visit(node: unknown, outer: Visit): void {
  const state = isServerContainer(node) ? { ...outer, facts: [...outer.facts, 'server-service'] } : outer;
  if (isSeq(node)) {
    if (scanNamedList(node.items as Node[], startOf(node), state)) return;
    if (!scanCommandList(node.items as Node[], state)) for (const item of node.items) visit(item, state);
    return;
  }
  if (isScalar(node)) {
    scanScalar(node as Scalar, state);
    return;
  }
  if (!isMap(node)) return;
  const named = namedValue(node as Node);
  const settings: Setting[] = [];
  for (const pair of node.items) {
    const key = keyOf(pair);
    if (key === 'image' || (named && key !== 'value' && key !== 'name')) continue;
    if (isScalar(pair.value) && !isCommandKey(key) && !isCommandLine(String((pair.value as Scalar).value))) {
      const scope: Scope = { role: roleOf(state.path), facts: state.facts };
      const value = mapScalar(state.text, pair.value as Scalar);
      const ruby = readRuby(value);
      if (ruby) settings.push({ key, value: ruby, scope: { ...scope, role: 'fallback' } });
      else settings.push({ key: named && key === 'value' ? named : key, value, scope });
    } else visit(pair.value, { ...state, path: [...state.path, key] });
  }
  state.sites.push(...scanBlock(settings, `map@${startOf(node)}`, state.context));
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

/** The container of the server itself, by its image. */
function isServerContainer(node: unknown): boolean {
  const image = isMap(node) ? getPair(node, 'image', null as never)?.value : null;
  return isScalar(image) && isServerImage(imageName(textOf(image)));
}

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
    return [{ key, value: mapScalar(state.text, value as Scalar), scope: { role: 'environment', facts: state.facts } }];
  });
  state.sites.push(...scanBlock(settings, `list@${at}`, state.context));
  return true;
}

const roleOf = (path: string[]): 'environment' | 'setting' =>
  path.some(key => /^(?:env|environment|data|stringData|variables)$/.test(key)) ? 'environment' : 'setting';

function scanScalar(scalar: Scalar, state: Visit): void {
  const key = state.path.at(-1) ?? null;
  const mapped = mapScalar(state.text, scalar);
  const scope: Scope = { role: 'setting', key, facts: state.facts };
  if (isCommandKey(key ?? '') || isCommandLine(mapped.text)) {
    state.sites.push(...scanShell(mapped, { ...scope, role: 'command', key: null }, state.context).sites);
  } else state.sites.push(...scanValue(mapped, scope, state.context));
}

function scanCommandList(items: Node[], state: Visit): boolean {
  const key = state.path.at(-1) ?? '';
  if (!/^(?:command|args)$/.test(key) || !items.every(item => isScalar(item))) return false;
  const words = items.map(item => mapScalar(state.text, item as Scalar));
  state.sites.push(...scanArgv(words, { role: 'command', facts: state.facts }, state.context).sites);
  return true;
}
