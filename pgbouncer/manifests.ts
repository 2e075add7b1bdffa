/** The pooler as Kubernetes objects. Pure: what the Postgres workload gets, in; the text of one file, out. */
import { stringify } from 'yaml';
import { certificatesOf, type Feature, UID } from './asset-input.ts';
import { healthCommand, publicHealthCheck } from './health.ts';
import { knobs, knobsOf } from './index.ts';
import { namesIn, type PublicImage } from './public-images.ts';

/** Plain data of a manifest. */
export type Data = string | number | boolean | null | Data[] | { [key: string]: Data };

export interface ManifestInput {
  name: string;
  namespace: string | null;
  port: number;
  upstream: { host: string; port: number };
  poolMode: string;
  version: string;
  features: ReadonlySet<Feature>;
  /** Keys by which the existing manifests select their Pods. E.g.: `app` */
  labelKeys: string[];
  /** Labels that are no selectors, as they are. E.g.: `app.kubernetes.io/part-of: shop` */
  labels: { [key: string]: string };
  /** Entries of `env` and `envFrom` with user, password and database, as Postgres gets them. */
  env: Data[];
  envFrom: Data[];
  /** Secrets that are mounted as files, for `POSTGRES_PASSWORD_FILE`. */
  volumes: Data[];
  mounts: Data[];
  /** Further settings of the entrypoint. */
  settings: [name: string, value: string][];
  /** A public image, and what it calls the settings; null: one that is built. */
  image: ({ name: string } & PublicImage) | null;
  /** Directory of the image's build context. E.g.: `pgbouncer` */
  directory: string;
  /** List items stand below their key, or as deep as it. */
  indentSequences: boolean;
}

/** Nobody but the owner knows the registry. */
export const IMAGE = 'registry.example.com/pgbouncer:replace-me';

export function renderManifests(input: ManifestInput): string {
  const { name, directory } = input;
  const certificates = certificatesOf(input.features).map(file => ` --from-file=${directory}/tls/${file}`);
  const steps = [
    ...(input.image === null
      ? [
          `Build the image and replace ${IMAGE} below:`,
          `   docker build -t ${IMAGE} ${directory} && docker push ${IMAGE}`,
        ]
      : []),
    ...(certificates.length > 0 ? [`kubectl create secret generic ${name}-tls${certificates.join('')}`] : []),
    `Apply this file and wait for it (kubectl rollout status deployment/${name}) before what connects through it.`,
    `Settings are read at start: after a change, kubectl rollout restart deployment/${name}`,
  ];
  const head = [`PgBouncer in front of ${input.upstream.host}.`, ...steps].map(line => `# ${line}\n`).join('');
  const objects = [configMap(input), deployment(input), service(input), disruptionBudget(input)];
  return head + objects.map(object => print(object, input.indentSequences)).join('---\n');
}

const print = (object: Data, indentSeq: boolean): string =>
  stringify(object, { lineWidth: 0, indentSeq, aliasDuplicateObjects: false });

function metadata({ name, namespace, labels, labelKeys }: ManifestInput, suffix = ''): Data {
  return {
    name: name + suffix,
    ...(namespace === null ? {} : { namespace }),
    labels: { ...selector({ name, labelKeys }), ...labels },
  };
}

const selector = ({ name, labelKeys }: Pick<ManifestInput, 'name' | 'labelKeys'>): { [key: string]: string } =>
  Object.fromEntries(labelKeys.map(key => [key, name]));

function configMap(input: ManifestInput): Data {
  const { upstream, port, poolMode, settings } = input;
  const tuning = knobsOf(input.version).map((knob): [string, string] => [
    knob.name,
    knob.name === 'PGBOUNCER_POOL_MODE' ? poolMode : knob.value,
  ]);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(input, '-settings'),
    data: {
      ...Object.fromEntries(input.image?.constants ?? []),
      ...renamed(input, [
        ['PGBOUNCER_UPSTREAM_HOST', upstream.host],
        ['PGBOUNCER_UPSTREAM_PORT', String(upstream.port)],
        ['PGBOUNCER_PORT', String(port)],
        ...tuning,
        ...settings,
      ]),
    },
  };
}

/** @throws Error for what a public image has no setting for. */
function renamed(
  { image }: ManifestInput,
  settings: readonly [name: string, value: string][],
): { [key: string]: string } {
  return Object.fromEntries(
    settings.flatMap(([name, value]) =>
      (image === null ? [name] : namesIn(image, name)).map((own): [string, string] => [own, value]),
    ),
  );
}

/** A public image's own stop signal cuts transactions off or waits for idle clients; a second signal would cut them off too. */
const STOP = 'sleep 10; kill -INT 1; while kill -0 1; do sleep 1; done';

function deployment(input: ManifestInput): Data {
  const { name, labels, volumes, image } = input;
  const uid = image?.uid ?? UID;
  const env = input.env.flatMap((entry): Data[] => {
    const { name: variable, ...rest } = entry as { name: string };
    return (image === null ? [variable] : namesIn(image, variable)).map(own => ({ name: own, ...rest }));
  });
  const places = image?.writes ?? ['/run/pgbouncer'];
  const own = selector(input);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(input),
    spec: {
      replicas: 2,
      selector: { matchLabels: own },
      template: {
        metadata: { labels: { ...own, ...labels } },
        spec: {
          // Else a Service of this name puts PGBOUNCER_PORT=tcp://… into the environment.
          enableServiceLinks: false,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 60,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: uid,
            runAsGroup: uid,
            fsGroup: uid,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: own },
            },
          ],
          containers: [
            {
              name,
              image: image?.name ?? IMAGE,
              ports: [{ name: 'pgbouncer', containerPort: input.port }],
              envFrom: [{ configMapRef: { name: `${name}-settings` } }, ...input.envFrom],
              ...(env.length > 0 ? { env } : {}),
              ...probesOf(input),
              // The Service forgets the Pod first; then SIGINT, the image's stop signal, lets transactions end.
              lifecycle: { preStop: { exec: { command: image === null ? ['sleep', '10'] : ['sh', '-c', STOP] } } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              resources: {
                requests: { cpu: '50m', memory: '32Mi' },
                limits: { memory: '128Mi' },
              },
              volumeMounts: [
                ...places.map((path, i) => ({ name: i === 0 ? 'run' : `run-${i}`, mountPath: path })),
                ...input.mounts,
              ],
            },
          ],
          volumes: [
            ...places.map((_, i) => ({
              name: i === 0 ? 'run' : `run-${i}`,
              emptyDir: { medium: 'Memory', sizeLimit: '8Mi' },
            })),
            ...volumes,
          ],
        },
      },
    },
  };
}

/** Ready: a query passes through the pool. Alive: the console answers, so a dead Postgres restarts nothing. */
const probesOf = ({ features, image }: ManifestInput): { [key: string]: Data } => ({
  readinessProbe: {
    exec: { command: ['sh', '-c', image === null ? healthCommand(features) : publicHealthCheck] },
    periodSeconds: 10,
    timeoutSeconds: 10,
    failureThreshold: 3,
  },
  livenessProbe: {
    exec: {
      command: ['sh', '-c', "timeout 5 psql -Xwqc 'SHOW VERSION' pgbouncer >/dev/null"],
    },
    initialDelaySeconds: 10,
    periodSeconds: 20,
    timeoutSeconds: 10,
    failureThreshold: 3,
  },
});

function service(input: ManifestInput): Data {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(input),
    spec: { selector: selector(input), ports: [{ name: 'pgbouncer', port: input.port, targetPort: 'pgbouncer' }] },
  };
}

function disruptionBudget(input: ManifestInput): Data {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(input),
    spec: { minAvailable: 1, selector: { matchLabels: selector(input) } },
  };
}

export interface PoolerInput {
  name: string;
  namespace: string | null;
  cluster: string;
  poolMode: string;
  indentSequences: boolean;
}

/** CloudNativePG runs PgBouncer itself. Source: cloudnative-pg.io/docs, Connection Pooling */
export function renderPooler({ name, namespace, cluster, poolMode, indentSequences }: PoolerInput): string {
  const value = (variable: string) => knobs.find(knob => knob.name === variable)?.value ?? '';
  const head = `# PgBouncer in front of the primary of ${cluster}, run by CloudNativePG.
# Apply it and wait until its Pods are ready before what connects through it.
`;
  const pooler = {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Pooler',
    metadata: { name, ...(namespace === null ? {} : { namespace }) },
    spec: {
      cluster: { name: cluster },
      instances: 2,
      type: 'rw',
      pgbouncer: {
        poolMode,
        parameters: {
          default_pool_size: value('PGBOUNCER_DEFAULT_POOL_SIZE'),
          reserve_pool_size: value('PGBOUNCER_RESERVE_POOL_SIZE'),
          max_client_conn: value('PGBOUNCER_MAX_CLIENT_CONN'),
          query_wait_timeout: value('PGBOUNCER_QUERY_WAIT_TIMEOUT'),
        },
      },
    },
  };
  return head + print(pooler, indentSequences);
}
