/** What Kubernetes objects say of the values in them: which container gets which, and what it runs. */
import type { Document } from 'yaml';
import { imageName } from '../src/images/names.ts';
import { getNode, isMap, isScalar, isSeq, type Node, type Scalar, textOf } from './yaml-nodes.ts';

export interface KubernetesObject {
  kind: string;
  name: string;
  namespace: string | null;
  containers: KubernetesContainer[];
}

export interface KubernetesContainer {
  node: Node;
  image: string;
  /** Name of the workload, or of the container where it prepares something for the others. */
  service: string;
  /** Words of `command` and `args`; none where the image decides. */
  words: Scalar[];
  /** Paths in the container where volumes are mounted. */
  mounts: string[];
  /** Entries of ConfigMaps and Secrets that it gets; key null: all of them. */
  references: ConfigReference[];
}

/** E.g. `valueFrom: { secretKeyRef: { name: app, key: url } }`. */
export interface ConfigReference {
  config: string;
  key: string | null;
}

/** Null where the YAML is no Kubernetes object. */
export function readKubernetesObject(root: Node | null, document: Document): KubernetesObject | null {
  const kind = textOf(getNode(root, 'kind', document));
  const metadata = getNode(root, 'metadata', document);
  const name = textOf(getNode(metadata, 'name', document));
  if (kind === null || name === null) return null;
  return {
    kind,
    name,
    namespace: textOf(getNode(metadata, 'namespace', document)),
    containers: readContainers(podOf(root, kind, document), name, document),
  };
}

/** The Pod itself, or the template of Deployments, Jobs and the like. */
export function podOf(root: Node | null, kind: string, document: Document): Node | null {
  if (kind === 'Pod') return root;
  const spec = getNode(root, 'spec', document);
  const outer = kind === 'CronJob' ? getNode(getNode(spec, 'jobTemplate', document), 'spec', document) : spec;
  return getNode(outer, 'template', document);
}

/** Workloads that run to an end: no server is one. */
export const isTask = (kind: string): boolean => kind === 'Job' || kind === 'CronJob';

function readContainers(pod: Node | null, name: string, document: Document): KubernetesContainer[] {
  const spec = getNode(pod, 'spec', document);
  const mounted = itemsOf(getNode(spec, 'volumes', document)).flatMap(volume => [
    ...nameIn(getNode(volume, 'configMap', document), 'name', document),
    ...nameIn(getNode(volume, 'secret', document), 'secretName', document),
  ]);
  const read = (list: string, isInit: boolean): KubernetesContainer[] =>
    itemsOf(getNode(spec, list, document)).map(node => {
      const get = (key: string) => getNode(node, key, document);
      return {
        node,
        image: imageName(textOf(get('image'))),
        service: isInit ? (textOf(get('name')) ?? name) : name,
        words: [get('command'), get('args')].flatMap(list =>
          isSeq(list) ? (list.items as Scalar[]).filter(isScalar) : [],
        ),
        mounts: itemsOf(get('volumeMounts')).flatMap(mount => textOf(getNode(mount, 'mountPath', document)) ?? []),
        references: [
          ...itemsOf(get('envFrom')).flatMap(item =>
            ['configMapRef', 'secretRef'].flatMap(key => nameIn(getNode(item, key, document), 'name', document)),
          ),
          ...itemsOf(get('env')).flatMap(item => readValueFrom(getNode(item, 'valueFrom', document), document)),
          ...mounted,
        ],
      };
    });
  return [...read('initContainers', true), ...read('containers', false)];
}

const itemsOf = (node: Node | null): Node[] => (isSeq(node) ? (node.items as Node[]).filter(item => isMap(item)) : []);

function nameIn(node: Node | null, key: string, document: Document): ConfigReference[] {
  const config = textOf(getNode(node, key, document));
  return config === null ? [] : [{ config, key: null }];
}

function readValueFrom(node: Node | null, document: Document): ConfigReference[] {
  return ['configMapKeyRef', 'secretKeyRef'].flatMap(kind => {
    const reference = getNode(node, kind, document);
    const key = textOf(getNode(reference, 'key', document));
    return nameIn(reference, 'name', document).map(found => ({ ...found, key }));
  });
}
