/** The pooler of a Postgres that Kubernetes manifests define: a file of its own beside that of the Service. */

import { forcedLabels, insertResource, isKustomization } from '../../codemods/kustomization.ts';
import { AUTH_QUERY, type Feature, generateAssets } from '../../pgbouncer/index.ts';
import { IMAGE, renderManifests, renderPooler } from '../../pgbouncer/manifests.ts';
import { PlanError } from '../model/errors.ts';
import type { Server, Site, Source } from '../model/index.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import { indentsSequences, type PostgresWorkload, readCluster, readPostgresWorkload } from '../topology/index.ts';
import { featuresOf, hasTls, publicImageOf, settingsOf, TLS_DIRECTORY } from './features.ts';
import { needsExtraFloatDigits, unitOf } from './insert-poolers.ts';
import { hasOtherUsers } from './roles.ts';
import { type EditState, generatedPools, manifestPools, toReview } from './state.ts';
import { HOST_PORT_VARIABLE, type Pool } from './target.ts';
/** An existing pooler runs already; one that is new has to be there before its clients. */
export function chooseManifestPool(site: Site, server: Server, pool: Pool, state: EditState): void {
  const host = site.host?.value?.toLowerCase() ?? '';
  if (server.operator && /-ro?(?:\.|$)/.test(host)) {
    toReview(
      site,
      'reads-replicas',
      `This leads to the replicas, and ${pool.host} to the primary: a Pooler of type ro would be its own.`,
    );
  } else if (pool.isGenerated && !/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(pool.host)) {
    toReview(site, 'no-place-for-pooler', `${pool.host} is no name for a Service of Kubernetes: set pool.host.`);
  } else if (pool.isGenerated) {
    site.safety = 'unsafe';
    const first = server.operator || !needsOwnImage(pool, state) ? 'be applied' : 'get its image and be applied';
    site.reason += ` ${manifestPath(server, pool)} has to ${first} before what connects through it.`;
  }
}

/** E.g.: `k8s/pgbouncer.yaml` beside `k8s/postgres.yaml`. */
function manifestPath(server: Server, pool: Pool): string {
  const file = server.definitions[0]?.file ?? '';
  return joinPath(dirOf(file), `${pool.host}${/\.yml$/.test(file) ? '.yml' : '.yaml'}`);
}

export function insertManifests(state: EditState): void {
  const pools = manifestPools(state);
  for (const pool of pools) insertManifest(pool, state);
  const needsImage = pools.some(pool => needsOwnImage(pool, state));
  if (pools.length === 0 || generatedPools(state).length > 0) return;
  const features = featuresOf(state);
  if (needsImage || hasTls(features)) createDirectory(pools[0] as Pool, features, needsImage, state);
}

function needsOwnImage({ servers: [server] }: Pool, state: EditState): boolean {
  const workload = server && !server.operator ? readPostgresWorkload(server, state.sources.values()) : null;
  return workload !== null && manifestImage(workload, state) === null;
}

function insertManifest(pool: Pool, state: EditState): void {
  const server = pool.servers[0] as Server;
  const source = state.sources.get(server.definitions[0]?.file ?? '');
  if (!source) return;
  const path = manifestPath(server, pool);
  if (state.exists(path)) {
    state.notes.push(`${path} exists and was left as it is.`);
    return;
  }
  const workload = server.operator ? null : readPostgresWorkload(server, state.sources.values());
  if (!server.operator && workload === null) {
    state.notes.push(
      `${source.path}: the workload behind ${server.service} was not found, so no pooler was generated.`,
    );
    return;
  }
  const text = workload ? renderPlain(server, workload, pool, source, state) : renderOperated(server, pool, source);
  state.created.push({
    path,
    about: 'the pooler in Kubernetes',
    text: text.replace(/\n/g, source.newline),
    executable: false,
  });
  listInKustomizations(source.path, path, workload?.selectorKeys ?? [], pool, state);
}

function renderOperated(server: Server, pool: Pool, source: Source): string {
  const { name, namespace } = readCluster(server, source);
  return renderPooler({
    name: pool.host,
    namespace,
    cluster: name,
    poolMode: pool.mode,
    indentSequences: indentsSequences(source.text),
  });
}

function renderPlain(server: Server, workload: PostgresWorkload, pool: Pool, source: Source, state: EditState): string {
  const { config } = state;
  const image = manifestImage(workload, state);
  const features = featuresOf(state);
  const withTls = hasTls(features);
  const settings = settingsOf(features);
  if (workload.isTrusting && !workload.hasPassword) settings.push(['PGBOUNCER_AUTH_TYPE', 'trust']);
  const path = manifestPath(server, pool);
  const hasOthers = hasOtherUsers(workload.user, pool, state) && !workload.isTrusting;
  if (hasOthers || config.assets.features.includes('auth-query'))
    settings.push(['PGBOUNCER_AUTH_QUERY', image === null ? 'true' : AUTH_QUERY]);
  if (hasOthers) {
    state.notes.push(
      `${path}: clients may log in as other roles than POSTGRES_USER, so ${pool.host} asks Postgres for their passwords (PGBOUNCER_AUTH_QUERY); POSTGRES_USER must then be a superuser, as in the official image.`,
    );
  }
  if (needsExtraFloatDigits(pool, state))
    settings.push(['PGBOUNCER_IGNORE_STARTUP_PARAMETERS', 'extra_float_digits, options']);
  if (!workload.hasPassword && !workload.isTrusting)
    state.notes.push(
      `${path}: ${server.service} shows no POSTGRES_PASSWORD; give ${pool.host} user, password and database.`,
    );
  if (image === null)
    state.notes.push(
      `${path}: replace the image ${IMAGE} with one that you build from ${config.assets.directory}/ and push; apply the file and wait until it is ready before the rest.`,
    );
  return renderManifests({
    name: pool.host,
    namespace: workload.namespace,
    port: pool.port,
    upstream: { host: server.service, port: server.port },
    poolMode: pool.mode,
    labelKeys: labelKeysOf(workload.selectorKeys),
    labels: sharedLabels(workload.labels, workload.selectorKeys),
    env: workload.env,
    envFrom: workload.envFrom,
    volumes: [
      ...workload.volumes,
      ...(withTls ? [{ name: 'pooler-tls', secret: { secretName: `${pool.host}-tls` } }] : []),
    ],
    mounts: [
      ...workload.mounts,
      ...(withTls ? [{ name: 'pooler-tls', mountPath: TLS_DIRECTORY, readOnly: true }] : []),
    ],
    version: config.pool.version,
    features,
    settings,
    image,
    directory: config.assets.directory,
    indentSequences: indentsSequences(source.text),
  });
}

/** A public image gets user and password under its own names, which a whole Secret or a file does not have. */
function manifestImage({ envFrom, mounts }: PostgresWorkload, state: EditState): ReturnType<typeof publicImageOf> {
  const image = publicImageOf(state);
  return envFrom.length > 0 || mounts.length > 0 ? null : image;
}

/** The key that names a program in the existing manifests. */
function labelKeysOf(selectorKeys: readonly string[]): string[] {
  const known = NAME_KEYS.find(key => selectorKeys.includes(key));
  return known ? [known] : [...selectorKeys];
}

const NAME_KEYS = ['app.kubernetes.io/name', 'app', 'k8s-app', 'io.kompose.service', 'name', 'component'];

/** Labels that say to what the objects belong. Any other could make a Service select the pooler's Pods. */
const sharedLabels = (labels: { [key: string]: string }, taken: readonly string[]): { [key: string]: string } =>
  Object.fromEntries(
    Object.entries(labels).filter(([key]) => /\/(?:part-of|managed-by)$/.test(key) && !taken.includes(key)),
  );

/** Lists the new file wherever the Service's is listed. */
function listInKustomizations(
  known: string,
  added: string,
  selectorKeys: readonly string[],
  pool: Pool,
  state: EditState,
): void {
  for (const { path, text, newline } of state.sources.values()) {
    if (!isKustomization(path) || state.refused.has(path)) continue;
    try {
      const insertion = insertResource(path, text, known, added, newline);
      if (!insertion) continue;
      const forced = new Set(forcedLabels(text));
      // All objects get the labels by which Postgres is selected: its Service would lead to the pooler's Pods too.
      if (selectorKeys.length > 0 && selectorKeys.every(key => forced.has(key))) {
        state.notes.push(
          `${path} gives every object the labels that ${pool.servers[0]?.service} selects its Pods by, so ${added} is not listed there: apply it on its own.`,
        );
      } else state.edits.push({ file: path, ...insertion, unit: unitOf(pool), safety: 'unsafe' });
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      state.notes.push(`${path}: ${error.message}; list ${added} by hand.`);
    }
  }
}

/** The build context, and the place of certificates; status script and runbook speak of compose. */
function createDirectory(pool: Pool, features: ReadonlySet<Feature>, needsImage: boolean, state: EditState): void {
  const { config } = state;
  const server = pool.servers[0] as Server;
  const assets = generateAssets({
    directory: config.assets.directory,
    statusScript: null,
    runbook: null,
    base: config.pool.base,
    image: needsImage ? null : config.assets.image,
    version: config.pool.version,
    hasCustomIni: false,
    features,
    poolService: pool.host,
    poolPort: pool.port,
    publishedPort: null,
    hostPortVariable: HOST_PORT_VARIABLE,
    server: { service: server.service, port: server.port, publishedPort: null, major: server.major },
    users: [],
    databases: [],
    directRun: null,
    migrations: [],
    variables: [],
    valueFiles: [],
    envFiles: [],
    bypass: null,
    poolSize: 0,
    composeFile: '',
    isRouted: false,
    poolMode: pool.mode,
    celery: false,
  });
  for (const asset of assets) {
    if (state.exists(asset.path)) state.notes.push(`${asset.path} exists and was left as it is.`);
    else state.created.push(asset);
  }
}
