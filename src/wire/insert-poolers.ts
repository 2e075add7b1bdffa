/** The pooler's service beside each Postgres that got pooled clients, what waits for it, and its assets. */

import { hasCredentials } from '../../codemods/compose-credentials.ts';
import { insertDependency } from '../../codemods/compose-depends.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { insertService } from '../../codemods/compose-service.ts';
import {
  AUTH_QUERY,
  certificatesOf,
  type Feature,
  generateAssets,
  healthCheck,
  knobsOf,
  publicHealthCheck,
} from '../../pgbouncer/index.ts';
import type { Server, Site } from '../model/index.ts';
import { dirOf, isInside, joinPath, relativePath } from '../text/paths.ts';
import { baseFileOf, type Topology, withBase } from '../topology/index.ts';
import { routesOf } from './databases.ts';
import { companionsOf, directRun, writtenCommand } from './direct-run.ts';
import {
  composeImageOf,
  featuresOf,
  hasTls,
  knobValue,
  poolerUid,
  publicImageOf,
  settingsOf,
  TLS_DIRECTORY,
} from './features.ts';
import { hasBypass, hasReadme } from './insert-documents.ts';
import { hasOtherRoles } from './roles.ts';
import { type EditState, generatedPools, leadsTo, settingText } from './state.ts';
import { HOST_PORT_VARIABLE, type Pool } from './target.ts';

export function insertPoolers(state: EditState): void {
  for (const pool of generatedPools(state)) {
    for (const file of definingFiles(pool, state)) {
      insertInto(file, pool, state);
      noteCredentials(file, pool, state);
    }
    waitForPooler(pool, state);
  }
}

/** Those that define the server, but for stacks of tests alone. */
function definingFiles(pool: Pool, state: EditState): ComposeFile[] {
  const { definitions } = pool.servers[0] as Server;
  const all = state.topology.composeFiles.filter(file => definitions.some(one => one.file === file.path));
  const used = all.filter(file => consumersOf(pool, file, state).size > 0 || !isOfTests(file, state));
  return used.length > 0 ? used : all;
}

const isOfTests = (file: ComposeFile, { sites }: EditState): boolean => {
  const own = sites.filter(site => site.file === file.path && site.resolution.kind === 'server');
  return own.length > 0 && own.every(({ rule }) => rule === 'unit-test' || rule.startsWith('test-'));
};

/** Names the edits that come with a pooler. */
export const unitOf = ({ servers: [server] }: Pool): string => `pooler:${server?.stack}:${server?.service}`;

/** A pooler without a password refuses to start, and says so; better to know now. */
function noteCredentials(file: ComposeFile, pool: Pool, state: EditState): void {
  for (const { service: name } of pool.servers) {
    const service = file.services.find(candidate => candidate.name === name);
    if (!service || hasCredentials(service)) continue;
    state.notes.push(
      `${file.path}: ${name} sets no POSTGRES_PASSWORD here; give ${pool.host} the user, password and database.`,
    );
  }
}

/** Docker would make a directory of a mount that is missing, and PgBouncer would not start. */
function noteCertificates(pool: Pool, features: ReadonlySet<Feature>, state: EditState): void {
  const note = `${state.config.assets.directory}/tls/ needs ${certificatesOf(features).join(', ')}, readable by ${pool.host} (uid ${poolerUid(state)}), before it starts.`;
  if (!state.notes.includes(note)) state.notes.push(note);
}

function insertInto(file: ComposeFile, pool: Pool, state: EditState): void {
  const { config } = state;
  const server = pool.servers[0] as Server;
  const [service, ...others] = pool.servers.flatMap(
    ({ service: name }) => file.services.find(candidate => candidate.name === name) ?? [],
  );
  if (!service) return;
  const directory = dirOf(file.path);
  const assets = relativePath(directory, config.assets.directory);
  const features = featuresOf(state);
  const image = publicImageOf(state);
  const knobs = knobsOf(config.pool.version).map(({ name, value }): [string, string] => [
    name,
    settingText(pool, name, one => knobValue(name, value, one, state), state),
  ]);
  const settings = [
    ...knobs,
    ...settingsOf(features).map(([name, value]): [string, string] => [name, `\${${name}:-${value}}`]),
  ];
  if (hasOtherRoles(pool, state) || config.assets.features.includes('auth-query'))
    settings.push(['PGBOUNCER_AUTH_QUERY', image === null ? 'true' : AUTH_QUERY.replaceAll('$', '$$$$')]);
  if (hasTls(features)) noteCertificates(pool, features, state);
  const query = state.connectQueries.get(pool);
  if (query !== undefined) settings.push(['PGBOUNCER_CONNECT_QUERY', query]);
  if (config.assets.statsVolume) {
    state.notes.push(
      'assets.statsVolume has no effect: the console is reached over TCP (scripts/pgbouncer_status.sh).',
    );
  }
  if (needsExtraFloatDigits(pool, state)) {
    settings.push(['PGBOUNCER_IGNORE_STARTUP_PARAMETERS', 'extra_float_digits, options']);
    state.notes.push(
      `${file.path}: JDBC and lib/pq send extra_float_digits when they connect, so ${pool.host} ignores it (together with options: alone it is a denial-of-service hole before PgBouncer 1.26.1). Settings in \`options=\` of a URL then have no effect.`,
    );
  }
  const insertion = insertService(
    file,
    service,
    {
      name: pool.host,
      port: pool.port,
      portText: settingText(pool, 'PGBOUNCER_PORT', one => String(one.port), state),
      published: isPublished(file, server, state) ? (pool.published?.text ?? null) : null,
      address: server.published[0]?.address ?? null,
      buildContext: assets,
      upstreamPort: server.port,
      others,
      documents: hasReadme(state) ? 'the PgBouncer section of the README' : config.assets.runbook,
      routes: routesOf(pool, state),
      profiles: commonProfiles(file, consumersOf(pool, file, state)),
      settings,
      mounts: [
        ...(image === null ? [`${assets}/custom.ini:/run/pgbouncer/custom.ini:ro`] : []),
        ...(hasTls(features) ? [`${assets}/tls:${TLS_DIRECTORY}:ro`] : []),
      ],
      image: composeImageOf(state),
      healthCheck: image === null ? healthCheck(features) : publicHealthCheck,
    },
    state.newlineOf(file.path),
  );
  state.edits.push({
    file: file.path,
    ...insertion,
    unit: unitOf(pool),
    safety: 'safe',
  });
}

/**
 * A file that keeps its Postgres to itself keeps the pooler too: what another file of the directory publishes may never run
 * with it. An override file, which defines no server of its own, speaks for those that it is added to.
 */
function isPublished(file: ComposeFile, server: Server, { topology }: EditState): boolean {
  const publishes = (other: ComposeFile) => {
    const service = other.services.find(candidate => candidate.name === server.service);
    return service !== undefined && withBase(other, service, topology.composeFiles).ports.length > 0;
  };
  const isOverride = (other: ComposeFile) =>
    topology.stacks.get(other.path) === server.stack &&
    !server.definitions.some(({ file: path }) => path === other.path);
  return publishes(file) || topology.composeFiles.some(other => isOverride(other) && publishes(other));
}

/** Drivers that can't connect through PgBouncer otherwise. Source: pgbouncer.org/config.html#ignore_startup_parameters */
export const needsExtraFloatDigits = (pool: Pool, state: EditState): boolean =>
  state.pooled.some(site => leadsTo(pool, site, state) && site.scheme.startsWith('jdbc:')) ||
  [...state.extractions.values()].some(({ facts }) => facts.drivers.includes('extra-float-digits'));

/** Services that became pooled: through a site of their own, or through a variable of an env file. */
export function consumersOf(pool: Pool, file: ComposeFile, state: EditState): Set<string> {
  const names = new Set<string>();
  const split = new Set<string>();
  const own = (name: string) => state.sites.filter(site => site.file === file.path && site.service === name);
  const isDirect = (name: string) => own(name).some(site => site.action === 'direct');
  for (const site of state.pooled) {
    if (!leadsTo(pool, site, state)) continue;
    for (const { process, way } of site.apart) if (way.kind === 'service') split.add(process.service ?? '');
    const isHere =
      site.file === file.path ||
      file.services.some(service => baseFileOf(file, service) === site.file) ||
      isOverrideOf(site.file, file, state.topology);
    if (isHere) for (const name of [site.service, ...site.uses.map(use => use.service)]) if (name) names.add(name);
    for (const receiver of state.processes.receivers.get(`${site.file}\0${site.key}`) ?? []) {
      if (receiver.file === file.path && site.format === 'env') names.add(receiver.service);
    }
    if (/^(?:docs|prose|comment)$/.test(site.role) || site.resolution.kind !== 'server') continue;
    // A mount of the whole folder holds other stacks' compose files too, and what they say is for them.
    if (site.format === 'compose') continue;
    for (const service of file.services) {
      const waits = pool.servers.some(server => service.dependsOn.includes(server.service));
      if (waits && !isDirect(service.name) && holds(service, file, site.file)) names.add(service.name);
    }
  }
  for (const name of split) names.delete(name);
  const servers = [...state.topology.servers, ...state.topology.poolers, ...state.topology.others];
  for (const other of servers) if (other.stack === pool.servers[0]?.stack) names.delete(other.service);
  return names;
}

/** The file is part of what the service is built from, or is mounted into it. */
function holds({ build, volumes }: ComposeService, { path }: ComposeFile, file: string): boolean {
  const sources = volumes.filter(volume => volume.startsWith('.')).map(volume => volume.replace(/:.*$/s, ''));
  return [...(build === null ? [] : [build]), ...sources].some(source => {
    const place = joinPath(dirOf(path), source);
    return file === place || isInside(place, file);
  });
}

/** The site's file is one of the stack that adds to services which this one defines. */
function isOverrideOf(path: string, file: ComposeFile, { composeFiles, stacks }: Topology): boolean {
  const other = composeFiles.find(candidate => candidate.path === path);
  if (!other || other === file || stacks.get(path) !== stacks.get(file.path)) return false;
  return other.services.some(
    part =>
      part.image === null &&
      part.build === null &&
      file.services.some(({ name, image, build }) => name === part.name && (image !== null || build !== null)),
  );
}

/** Profiles that every consumer has: with any other the pooler would be missing for somebody. */
function commonProfiles(file: ComposeFile, consumers: ReadonlySet<string>): string[] {
  const lists = file.services.filter(service => consumers.has(service.name)).map(service => service.profiles);
  const [first = [], ...rest] = lists;
  return first.filter(profile => rest.every(list => list.includes(profile)));
}

function waitForPooler(pool: Pool, state: EditState): void {
  const server = pool.servers[0] as Server;
  for (const file of state.topology.composeFiles) {
    if (state.topology.stacks.get(file.path) !== server.stack || state.refused.has(file.path)) continue;
    const definesServer = server.definitions.some(definition => definition.file === file.path);
    const done = new Set<number>();
    for (const name of consumersOf(pool, file, state)) {
      const service = file.services.find(candidate => candidate.name === name);
      if (!service || !(definesServer || pool.servers.some(one => service.dependsOn.includes(one.service)))) continue;
      try {
        const insertion = insertDependency(file, service, pool.host, state.newlineOf(file.path));
        // An anchor that several services share is extended once.
        if (!insertion || done.has(insertion.span.start)) continue;
        done.add(insertion.span.start);
        state.edits.push({
          file: file.path,
          ...insertion,
          unit: unitOf(pool),
          safety: 'safe',
        });
      } catch (error) {
        state.notes.push(`${file.path}: ${(error as Error).message}; let ${name} wait for ${pool.host} by hand.`);
      }
    }
  }
}

/** What only reads variables is as it was. */
const namesServer = ({ host, port }: Site): boolean => Boolean(host?.value || port?.value);

/** Image, status script and runbook: last, because the runbook tells of the edits. */
export function createAssets(state: EditState): void {
  const pool = generatedPools(state)[0];
  if (!pool) return;
  const server = pool.servers[0] as Server;
  const { config } = state;
  const file = definingFiles(pool, state)[0] as ComposeFile;
  const own = state.pooled.filter(site => leadsTo(pool, site, state));
  const names = (values: (string | null)[]) =>
    [...new Set(values.filter((value): value is string => value !== null && /^[\w.-]+$/.test(value)))].sort();
  const assets = generateAssets({
    directory: config.assets.directory,
    statusScript: config.assets.statusScript,
    runbook: config.assets.runbook,
    base: config.pool.base,
    image: config.assets.image,
    version: config.pool.version,
    features: featuresOf(state),
    poolService: pool.host,
    poolPort: pool.port,
    publishedPort: pool.published?.value ?? null,
    hostPortVariable: HOST_PORT_VARIABLE,
    server: {
      service: server.service,
      port: server.port,
      publishedPort: server.published[0]?.raw ?? null,
      major: server.major,
    },
    users: names([...pool.servers.map(one => one.user), ...own.map(site => site.user)]),
    databases: names([...pool.servers.map(one => one.database), ...own.map(site => site.database)]),
    directRun: directRun(pool, state),
    migrations: migrationsOf(own, state),
    variables: companionsOf(own, state),
    valueFiles: [
      ...new Set(
        own.filter(site => isValue(site) && namesServer(site) && !TEMPLATE.test(site.file)).map(site => site.file),
      ),
    ],
    envFiles: [...new Set(own.filter(({ format }) => format === 'env').map(site => site.file))],
    bypass: hasBypass(state) ? config.direct.bypass : null,
    poolSize: Number(knobValue('PGBOUNCER_DEFAULT_POOL_SIZE', '20', pool, state)),
    composeFile: file.path,
    hasCustomIni: true,
    isRouted: pool.servers.length > 1,
    poolMode: pool.mode,
    celery:
      state.sites.some(site => site.scheme.startsWith('db+')) ||
      [...state.extractions.values()].some(({ facts }) => facts.engines.some(engine => engine.kind === 'celery')),
  });
  for (const asset of assets) {
    if (state.exists(asset.path)) state.notes.push(`${asset.path} exists and was left as it is.`);
    else state.created.push(asset);
  }
}

/** What the application reads: not what only tells or waits. */
const isValue = ({ role }: Site): boolean => role === 'environment' || role === 'setting' || role === 'fallback';

/** Nothing runs with it: `.env.example`. */
const TEMPLATE = /\.(?:example|sample|template|dist|tmpl)(?:\.|$)/;

/** What goes direct beside the pooled values, in the repository's own words. */
const migrationsOf = (own: readonly Site[], state: EditState): string[] =>
  [
    ...new Set(own.flatMap(({ apart }) => apart.map(({ process }) => writtenCommand(process, state)).filter(Boolean))),
  ].slice(0, 3);
