/** Postgres servers of Kubernetes manifests: Services whose selector finds a workload with a Postgres image. */

import type { Document } from 'yaml';
import { isTask, podOf, readKubernetesObject } from '../codemods/kubernetes.ts';
import { getNode, isMap, isSeq, keyOf, type Node, pairsOf, readYaml, startOf, textOf } from '../codemods/yaml-nodes.ts';
import { PlanError } from './errors.ts';
import { lineAt } from './lines.ts';
import type { Server, Source } from './model.ts';
import { dirOf } from './paths.ts';
import { isServerImage } from './topology.ts';

interface Workload {
  labels: Map<string, string>;
  image: string;
  namespace: string | null;
}

interface Exposure {
  name: string;
  namespace: string | null;
  selector: Map<string, string>;
  port: number;
  source: Source;
  line: number;
}

export const isManifest = (text: string): boolean =>
  /^\s*kind:\s*["']?(?:Service|Deployment|StatefulSet|DaemonSet|Pod)\b/m.test(text);

/** Templates and broken files give nothing: a server is only what certainly is one. */
export function readManifests(sources: Iterable<Source>): Server[] {
  const workloads: Workload[] = [];
  const exposures: Exposure[] = [];
  for (const source of sources) {
    if (!/\.ya?ml$/i.test(source.path) || !isManifest(source.text) || source.text.includes('{{')) continue;
    try {
      for (const { document, contents } of readYaml(source.text))
        readObject(contents, document, source, workloads, exposures);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
    }
  }
  const servers = new Map<Workload, Server>();
  for (const exposure of exposures) {
    const workload = workloads.find(
      candidate =>
        (candidate.namespace === null || exposure.namespace === null || candidate.namespace === exposure.namespace) &&
        exposure.selector.size > 0 &&
        [...exposure.selector].every(([key, value]) => candidate.labels.get(key) === value),
    );
    if (!workload || !isServerImage(workload.image)) continue;
    const server = toServer(exposure, workload);
    const known = servers.get(workload);
    // A headless Service beside the other one leads to the same server.
    if (known && known.stack === server.stack) known.names.push(...server.names);
    else servers.set(workload, server);
  }
  return [...servers.values()];
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
      source,
      line: lineAt(source.text, startOf(node)),
    });
    return;
  }
  if (isTask(kind)) return;
  const labels = labelsOf(get(podOf(node, kind, document), 'metadata', 'labels'));
  for (const { image } of object.containers) if (image !== '') workloads.push({ labels, image, namespace });
}

function toServer({ name, namespace, port, source, line }: Exposure, workload: Workload): Server {
  const suffixes =
    namespace === null ? [''] : ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`];
  return {
    kind: 'postgres',
    stack: dirOf(source.path),
    service: name,
    definitions: [{ file: source.path, line }],
    names: suffixes.map(suffix => (name + suffix).toLowerCase()),
    port,
    published: [],
    evidence: `Service in front of image ${workload.image}`,
    user: null,
    database: null,
    major: null,
    profiles: [],
  };
}
