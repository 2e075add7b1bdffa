/**
 * Postgres servers and poolers of Kubernetes manifests: Services whose selector finds a workload with such an image, and
 * what CloudNativePG makes of its own resources. Source: cloudnative-pg.io/docs (Cluster, Pooler)
 */

import type { Document } from 'yaml';
import { isTask, podOf, readKubernetesObject } from '../../codemods/kubernetes.ts';
import { isKustomization, readPatches } from '../../codemods/kustomization.ts';
import {
  getNode,
  isMap,
  isSeq,
  keyOf,
  type Node,
  pairsOf,
  readYaml,
  startOf,
  textOf,
} from '../../codemods/yaml-nodes.ts';
import { holdsData, isServerImage } from '../images/names.ts';
import { poolerOfImage } from '../images/poolers.ts';
import { PlanError } from '../model/errors.ts';
import type { Server, Source } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';
import { dirOf } from '../text/paths.ts';

interface Workload {
  labels: Map<string, string>;
  image: string;
  isServer: boolean;
  namespace: string | null;
  directory: string;
  /** Its own text: a pooler names the server that it leads to. */
  text: string;
}

interface Exposure {
  name: string;
  namespace: string | null;
  selector: Map<string, string>;
  port: number;
  /** Port of the container, or its name there. */
  target: string;
  source: Source;
  line: number;
}

export const isManifest = (text: string): boolean =>
  /^\s*kind:\s*["']?(?:Service|Deployment|StatefulSet|DaemonSet|Pod|Cluster|Pooler)\b/m.test(text);

function readPatchesOf(path: string, text: string): string[] {
  try {
    return readPatches(path, text);
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return [];
  }
}

/** Templates and broken files give nothing: a server is only what certainly is one. */
export function readManifests(sources: Iterable<Source>): Server[] {
  const workloads: Workload[] = [];
  const exposures: Exposure[] = [];
  const operated: Server[] = [];
  const all = [...sources];
  const patches = new Set(all.flatMap(({ path, text }) => (isKustomization(path) ? readPatchesOf(path, text) : [])));
  for (const source of all) {
    if (!/\.ya?ml$/i.test(source.path) || !isManifest(source.text) || source.text.includes('{{')) continue;
    if (patches.has(source.path)) continue;
    try {
      for (const { document, contents } of readYaml(source.text)) {
        operated.push(...readOperated(contents, document, source));
        readObject(contents, document, source, workloads, exposures);
      }
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
    }
  }
  const servers = new Map<Workload, Server>();
  const poolers: { server: Server; workload: Workload }[] = [];
  for (const exposure of exposures) {
    const selected = workloads.filter(
      candidate =>
        (candidate.namespace === null || exposure.namespace === null || candidate.namespace === exposure.namespace) &&
        exposure.selector.size > 0 &&
        [...exposure.selector].every(([key, value]) => candidate.labels.get(key) === value),
    );
    // Each overlay can have one of the same labels, and a Pod has helpers beside its server.
    const near = selected.filter(({ directory }) => directory === dirOf(exposure.source.path));
    const workload = (near.length > 0 ? near : selected).find(one => one.isServer || poolerOfImage(one.image) !== null);
    if (workload && poolerOfImage(workload.image))
      poolers.push({ server: toServer('pooler', exposure, workload), workload });
    if (!workload?.isServer) continue;
    // A pod can have a server beside its program.
    const isBeside = near.some(one => !one.isServer && one.text === workload.text);
    if (isBeside && !/^5432$|postgres|pg|psql|sql|db/i.test(exposure.target)) continue;
    const server = toServer('postgres', exposure, workload);
    const known = servers.get(workload);
    // A headless Service beside the other one leads to the same server.
    if (known && known.stack === server.stack) known.names.push(...server.names);
    else servers.set(workload, server);
  }
  const found = [...servers.values(), ...operated];
  return [...found, ...poolers.map(({ server, workload }) => withTarget(server, workload, found))];
}

/** The server that the pooler's own manifest names. */
function withTarget(pooler: Server, { text }: Workload, servers: readonly Server[]): Server {
  const words = new Set(text.toLowerCase().split(/[^\w.-]+/));
  const target = servers.find(({ kind, names }) => kind === 'postgres' && names.some(name => words.has(name)));
  return target ? { ...pooler, leadsTo: target.service } : pooler;
}

/** A Cluster answers as `NAME-rw` (the primary), `NAME-ro` and `NAME-r`; a Pooler under its own name. */
function readOperated(node: Node | null, document: Document, source: Source): Server[] {
  const get = (...path: string[]): Node | null =>
    path.reduce((at: Node | null, key) => getNode(at, key, document), node);
  const object = readKubernetesObject(node, document);
  if (object === null || !textOf(get('apiVersion'))?.startsWith('postgresql.cnpg.io/')) return [];
  const { kind, name, namespace } = object;
  const base = {
    stack: dirOf(source.path),
    definitions: [{ file: source.path, line: lineAt(source.text, startOf(node)) }],
    port: 5432,
    published: [],
    profiles: [],
    operator: 'cloudnative-pg' as const,
  };
  if (kind === 'Pooler') {
    const cluster = textOf(get('spec', 'cluster', 'name'));
    return [
      {
        ...base,
        kind: 'pooler',
        service: name,
        names: namesOf(name, namespace),
        evidence: `CloudNativePG Pooler of ${cluster}`,
        user: null,
        database: null,
        major: null,
        leadsTo: `${cluster}-rw`,
      },
    ];
  }
  if (kind !== 'Cluster') return [];
  const database = textOf(get('spec', 'bootstrap', 'initdb', 'database'));
  return [
    {
      ...base,
      kind: 'postgres',
      service: `${name}-rw`,
      names: ['rw', 'ro', 'r'].flatMap(suffix => namesOf(`${name}-${suffix}`, namespace)),
      evidence: 'CloudNativePG Cluster',
      user: textOf(get('spec', 'bootstrap', 'initdb', 'owner')) ?? database ?? 'app',
      database: database ?? 'app',
      major: Number(/:(\d{1,2})\b/.exec(textOf(get('spec', 'imageName')) ?? '')?.[1]) || null,
    },
  ];
}

function readObject(
  node: Node | null,
  document: Document,
  source: Source,
  workloads: Workload[],
  exposures: Exposure[],
): void {
  const get = (from: Node | null, ...path: string[]): Node | null =>
    path.reduce((at: Node | null, key) => getNode(at, key, document), from);
  const object = readKubernetesObject(node, document);
  if (object === null) return;
  const { kind, name, namespace } = object;
  const labelsOf = (at: Node | null) =>
    new Map(isMap(at) ? pairsOf(at, document).map(pair => [keyOf(pair), textOf(pair.value) ?? '']) : []);
  if (kind === 'Service') {
    const ports = get(node, 'spec', 'ports');
    const port = isSeq(ports) ? Number(textOf(get(ports.items[0] as Node, 'port'))) : Number.NaN;
    exposures.push({
      name,
      namespace,
      selector: labelsOf(get(node, 'spec', 'selector')),
      port: port || 5432,
      target: textOf(get(isSeq(ports) ? (ports.items[0] as Node) : null, 'targetPort')) ?? String(port || 5432),
      source,
      line: lineAt(source.text, startOf(node)),
    });
    return;
  }
  if (isTask(kind)) return;
  const labels = labelsOf(get(podOf(node, kind, document), 'metadata', 'labels'));
  const [start = 0, , end = 0] = node?.range ?? [];
  const text = source.text.slice(start, end);
  for (const { image, mounts } of object.containers) {
    const isServer = isServerImage(image) || holdsData(image, mounts);
    if (image !== '') workloads.push({ labels, image, isServer, namespace, directory: dirOf(source.path), text });
  }
}

function namesOf(name: string, namespace: string | null): string[] {
  const suffixes =
    namespace === null ? [''] : ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`];
  return suffixes.map(suffix => (name + suffix).toLowerCase());
}

function toServer(
  kind: 'postgres' | 'pooler',
  { name, namespace, port, source, line }: Exposure,
  workload: Workload,
): Server {
  return {
    kind,
    stack: dirOf(source.path),
    service: name,
    definitions: [{ file: source.path, line }],
    names: namesOf(name, namespace),
    port,
    published: [],
    evidence: `Service in front of image ${workload.image}`,
    user: null,
    database: null,
    major: null,
    profiles: [],
  };
}
