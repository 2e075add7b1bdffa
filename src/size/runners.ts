/** What runs, how often, with which command and variables: services of compose files and workloads of manifests. */

import type { ComposeFile, ComposeService, EnvironmentEntry } from '../../codemods/compose-file.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { isTask, readKubernetesObject } from '../../codemods/kubernetes.ts';
import { isEnvironmentFile } from '../../codemods/paths.ts';
import {
  getNode,
  isPair,
  isScalar,
  isSeq,
  keyOf,
  type Node,
  pairsOf,
  readYaml,
  startOf,
  textOf,
} from '../../codemods/yaml-nodes.ts';
import { imageName } from '../images/names.ts';
import { PlanError } from '../model/errors.ts';
import type { Plan } from '../plan/index.ts';
import { lineAt } from '../text/lines.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import { resolveText, withBase } from '../topology/index.ts';
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import type { Lookup } from './workers.ts';
export interface Runner {
  kind: 'compose' | 'manifest';
  name: string;
  /** Directory of the compose file's stack, or of the manifest. */
  stack: string;
  place: Place;
  replicas: Quantity;
  /** Last part of the image's name; '' for a build without one. */
  image: string;
  /** Directory of its code; null where an image says nothing of it. */
  context: string | null;
  /** Commands, the own ones first, then those of its image and scripts. */
  commands: { words: readonly string[]; place: Place }[];
  lookup: Lookup;
  /** Runs to an end: a Job. */
  isTask: boolean;
}

export function readRunners(plan: Plan): Runner[] {
  const found = new Map<string, Runner>();
  for (const file of plan.topology.composeFiles) {
    for (const service of file.services) {
      const runner = readService(file, service, plan);
      const known = found.get(`${runner.stack}\0${runner.name}`);
      // Files of one stack add to a service or stand for one another: the larger number holds for both.
      if (!known) found.set(`${runner.stack}\0${runner.name}`, runner);
      else if (runner.replicas.value > known.replicas.value) known.replicas = runner.replicas;
    }
  }
  return [...found.values(), ...readWorkloads(plan)];
}

function readService(file: ComposeFile, own: ComposeService, plan: Plan): Runner {
  const { topology, processes } = plan;
  const service = withBase(file, own, topology.composeFiles);
  const stack = topology.stacks.get(file.path) ?? dirOf(file.path);
  const place = { file: file.path, line: own.line };
  return {
    kind: 'compose',
    name: own.name,
    stack,
    place,
    replicas: readReplicas(file, own, environmentOf(stack, plan)),
    image: imageName(service.image),
    context: service.build === null ? null : joinPath(dirOf(file.path), service.build),
    commands: (processes.services.get(`${file.path}\0${own.name}`) ?? [])
      .filter(({ kind, words }) => kind === 'start' && words.length > 0)
      .map(({ words, place: at }) => ({ words, place: at })),
    lookup: name => lookUp(name, file, own, service.environment, stack, plan),
    isTask: false,
  };
}

function readReplicas(file: ComposeFile, service: ComposeService, environment: ReadonlyMap<string, string>): Quantity {
  const { document, text } = file;
  const place = { file: file.path, line: service.line };
  const deploy = getNode(service.pair.value, 'deploy', document);
  for (const [node, note] of [
    [getNode(deploy, 'replicas', document), 'deploy.replicas'],
    [getNode(service.pair.value, 'scale', document), 'scale'],
  ] as const) {
    const written = textOf(node);
    if (written === null) continue;
    const value = wholeNumber(resolveText(written, environment));
    const at = { file: file.path, line: lineAt(text, startOf(node)) };
    return value === null ? assumed(1, `${note} is ${written}`, at) : seen(value, at, note);
  }
  return byDefault(1, 'compose starts one container', place);
}

/** Variables of the env files and templates of a directory. */
function environmentOf(stack: string, { texts }: Plan): Map<string, string> {
  const found = new Map<string, string>();
  for (const [path, text] of texts) {
    if (!isEnvironmentFile(path) || dirOf(path) !== stack) continue;
    for (const { key, value, commented } of readEnvLines(text))
      if (!commented && !found.has(key)) found.set(key, value.text);
  }
  return found;
}

function lookUp(
  name: string,
  file: ComposeFile,
  own: ComposeService,
  entries: readonly EnvironmentEntry[],
  stack: string,
  plan: Plan,
): ReturnType<Lookup> {
  const entry = entries.find(({ key }) => key === name);
  if (entry?.value != null) {
    const text = resolveText(entry.value, environmentOf(stack, plan));
    const node = isPair(entry.node) ? entry.node.key : entry.node;
    const line = own.environment.includes(entry) ? lineAt(file.text, startOf(node)) : own.line;
    return text === null ? null : { text, place: { file: file.path, line } };
  }
  for (const [id, receivers] of plan.processes.receivers) {
    const [path = '', key] = id.split('\0');
    if (key !== name || !receivers.some(receiver => receiver.file === file.path && receiver.service === own.name))
      continue;
    const text = plan.texts.get(path) ?? '';
    const line = readEnvLines(text).find(candidate => candidate.key === name && !candidate.commented);
    if (line) return { text: line.value.text, place: { file: path, line: lineAt(text, line.start) } };
  }
  return null;
}

/** Deployments and the like; an autoscaler's maximum stands for their replicas. */
function readWorkloads({ texts }: Plan): Runner[] {
  const found: Runner[] = [];
  const scaled = new Map<string, Quantity>();
  const configs = new Map<string, Map<string, { text: string; place: Place }>>();
  for (const [path, text] of texts) {
    if (!/\.ya?ml$/i.test(path) || !/^\s*kind:/m.test(text) || text.includes('{{')) continue;
    try {
      for (const { document, contents } of readYaml(text)) {
        const get = (from: Node | null, ...keys: string[]) =>
          keys.reduce((node: Node | null, key) => getNode(node, key, document), from);
        const object = readKubernetesObject(contents, document);
        if (!object) continue;
        const at = (node: Node | null): Place => ({ file: path, line: lineAt(text, startOf(node ?? contents)) });
        const most = get(contents, 'spec', 'maxReplicas');
        const target = textOf(get(contents, 'spec', 'scaleTargetRef', 'name'));
        const value = wholeNumber(textOf(most));
        if (object.kind === 'HorizontalPodAutoscaler' && target !== null && value !== null)
          scaled.set(target, seen(value, at(most), 'maxReplicas of its autoscaler'));
        const main = object.containers.filter(container => container.service === object.name);
        if (object.kind === 'ConfigMap') {
          const entries = pairsOf(get(contents, 'data'), document).map(
            pair => [keyOf(pair), { text: textOf(pair.value) ?? '', place: at(pair.key as Node) }] as const,
          );
          configs.set(object.name, new Map(entries));
        }
        if (object.kind === 'Pooler' || object.kind === 'Cluster')
          found.push(readOperated(object.kind, object.name, path, get, contents, at));
        if (main.length === 0) continue;
        const replicas = get(contents, 'spec', 'replicas');
        const number = wholeNumber(textOf(replicas));
        found.push({
          kind: 'manifest',
          name: object.name,
          stack: dirOf(path),
          place: at(get(contents, 'metadata', 'name')),
          replicas:
            number === null
              ? byDefault(1, 'one Pod without replicas', at(contents))
              : seen(number, at(replicas), 'replicas'),
          image: main[0]?.image ?? '',
          context: null,
          commands: main
            .filter(({ words }) => words.length > 0)
            .map(({ words, node }) => ({
              words: words.map(word => textOf(word) ?? ''),
              place: at(get(node, 'command') ?? get(node, 'args') ?? node),
            })),
          lookup: name => {
            for (const { node, references } of main) {
              const list = get(node, 'env');
              const item = (isSeq(list) ? (list.items as Node[]) : []).find(
                candidate => textOf(get(candidate, 'name')) === name,
              );
              const written = item ? get(item, 'value') : null;
              if (isScalar(written)) return { text: textOf(written) ?? '', place: at(written as Node) };
              for (const { config, key } of references) {
                const entry = key === null ? configs.get(config)?.get(name) : undefined;
                if (entry) return entry;
              }
            }
            return null;
          },
          isTask: isTask(object.kind),
        });
      }
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
    }
  }
  return found.map(runner => ({ ...runner, replicas: scaled.get(runner.name) ?? runner.replicas }));
}

type Get = (from: Node | null, ...keys: string[]) => Node | null;

/** CloudNativePG's own resources: their instances, and their parameters under the names that images have for them. */
function readOperated(
  kind: 'Pooler' | 'Cluster',
  name: string,
  path: string,
  get: Get,
  root: Node | null,
  at: (node: Node | null) => Place,
): Runner {
  const place = at(get(root, 'metadata', 'name'));
  const instances = get(root, 'spec', 'instances');
  const value = wholeNumber(textOf(instances));
  return {
    kind: 'manifest',
    name: kind === 'Cluster' ? `${name}-rw` : name,
    stack: dirOf(path),
    place,
    replicas: value === null ? byDefault(1, 'one instance', place) : seen(value, at(instances), 'instances'),
    image: kind === 'Cluster' ? 'postgresql' : 'pgbouncer',
    context: null,
    commands: [],
    lookup: variable => {
      const key = variable.replace(/^(?:PGBOUNCER|POSTGRESQL)_/, '').toLowerCase();
      const node = get(root, 'spec', kind === 'Cluster' ? 'postgresql' : 'pgbouncer', 'parameters', key);
      return node ? { text: textOf(node) ?? '', place: at(node) } : null;
    },
    isTask: false,
  };
}
