/** What a Kubernetes workload of Postgres gets as user, password and database, and how its manifests are written. */

import { CREDENTIALS } from '../../codemods/compose-credentials.ts';
import { podOf, readKubernetesObject } from '../../codemods/kubernetes.ts';
import { isMap, type Node, readYaml } from '../../codemods/yaml-nodes.ts';
import type { Data } from '../../pgbouncer/manifests.ts';
import { holdsData, imageName, isServerImage } from '../images/names.ts';
import { PlanError } from '../model/errors.ts';
import type { Server, Source } from '../model/index.ts';
import { dirOf } from '../text/paths.ts';
import { isManifest } from './manifests.ts';
export interface PostgresWorkload {
  namespace: string | null;
  /** Keys of the Service's selector. */
  selectorKeys: string[];
  /** Labels of the Service. */
  labels: { [key: string]: string };
  env: Data[];
  envFrom: Data[];
  volumes: Data[];
  mounts: Data[];
  /** The role that the image creates; null where a reference says it. */
  user: string | null;
  hasPassword: boolean;
  /** Postgres asks for no password. */
  isTrusting: boolean;
}

type Map = { [key: string]: Data };
const isData = (value: Data | undefined): value is Map =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const itemsOf = (value: Data | undefined): Map[] => (Array.isArray(value) ? value.filter(isData) : []);

/** Null where the Service or its workload can't be found again. */
export function readPostgresWorkload(server: Server, sources: Iterable<Source>): PostgresWorkload | null {
  const objects = [...sources]
    .filter(({ path, text }) => /\.ya?ml$/i.test(path) && isManifest(text))
    .flatMap(readObjects);
  const service = objects.find(
    ({ kind, name, file }) => kind === 'Service' && name === server.service && file === server.definitions[0]?.file,
  );
  if (!service) return null;
  const selector = asTexts(dataAt(service.data, 'spec', 'selector'));
  const selects = (labels: Map | null) =>
    labels !== null && Object.entries(selector).every(([key, value]) => String(labels[key]) === value);
  const selected = objects.filter(
    ({ pod, namespace }) =>
      pod !== null &&
      selects(dataAt(pod, 'metadata', 'labels')) &&
      (namespace === null || service.namespace === null || namespace === service.namespace),
  );
  const workload = selected.find(({ file }) => dirOf(file) === dirOf(service.file)) ?? selected[0];
  const containers = itemsOf(workload?.pod ? dataAt(workload.pod, 'spec')?.containers : undefined);
  const container = containers.find(({ image, volumeMounts }) => {
    const name = imageName(String(image));
    const paths = itemsOf(volumeMounts).map(({ mountPath }) => String(mountPath));
    return isServerImage(name) || holdsData(name, paths);
  });
  if (!container || !workload?.pod) return null;
  const given = itemsOf(container.env);
  const env = given.flatMap((item): Map[] => {
    const name = CREDENTIALS[String(item.name)];
    return name === undefined ? [] : [{ ...item, name }];
  });
  const envFrom = itemsOf(container.envFrom);
  const files = env.filter(({ name }) => String(name).endsWith('_FILE')).map(({ value }) => String(value));
  const mounts = itemsOf(container.volumeMounts).filter(({ mountPath }) =>
    files.some(file => file.startsWith(String(mountPath))),
  );
  const volumes = itemsOf(dataAt(workload.pod, 'spec')?.volumes).filter(({ name }) =>
    mounts.some(mount => mount.name === name),
  );
  const user = env.find(({ name }) => /^POSTGRES_USER/.test(String(name)));
  const isNamed = (name: string, value: string) => given.some(item => item.name === name && item.value === value);
  return {
    namespace: service.namespace,
    selectorKeys: Object.keys(selector),
    labels: asTexts(dataAt(service.data, 'metadata', 'labels')),
    env,
    envFrom,
    volumes,
    mounts,
    user: user ? (typeof user.value === 'string' ? user.value : null) : envFrom.length > 0 ? null : 'postgres',
    hasPassword: envFrom.length > 0 || env.some(({ name }) => /PASSWORD/.test(String(name))),
    isTrusting: isNamed('POSTGRES_HOST_AUTH_METHOD', 'trust'),
  };
}

interface ObjectData {
  file: string;
  kind: string;
  name: string;
  namespace: string | null;
  data: Map;
  pod: Map | null;
}

function readObjects({ path, text }: Source): ObjectData[] {
  try {
    return readYaml(text).flatMap(({ document, contents }) => {
      const object = readKubernetesObject(contents, document);
      if (!object || !isMap(contents)) return [];
      const toData = (node: Node) => node.toJS(document) as Map;
      const pod = podOf(contents, object.kind, document);
      return [
        {
          file: path,
          kind: object.kind,
          name: object.name,
          namespace: object.namespace,
          data: toData(contents),
          pod: isMap(pod) ? toData(pod) : null,
        },
      ];
    });
  } catch (error) {
    if (error instanceof PlanError) return [];
    throw error;
  }
}

function dataAt(data: Map, ...keys: string[]): Map | null {
  const found = keys.reduce((at: Data | undefined, key) => (isData(at) ? at[key] : undefined), data);
  return isData(found) ? found : null;
}

const asTexts = (data: Map | null): { [key: string]: string } =>
  Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, String(value)]));

/** Name of the CloudNativePG Cluster behind `NAME-rw`, and its namespace. */
export function readCluster(server: Server, source: Source): { name: string; namespace: string | null } {
  const name = server.service.replace(/-rw$/, '');
  for (const { document, contents } of readYaml(source.text)) {
    const object = readKubernetesObject(contents, document);
    if (object?.kind === 'Cluster' && object.name === name) return { name, namespace: object.namespace };
  }
  return { name, namespace: null };
}

/** How the file writes lists: `- item` deeper than its key, or in one column with it. */
export const indentsSequences = (text: string): boolean => !/^( *)[\w-]+:[ \t]*\r?\n\1- /m.test(text);
