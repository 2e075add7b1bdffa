/** What the generated pooler has to be able to do: what the repository needs, and what the configuration asks for. */
import { CREDENTIALS } from '../../codemods/compose-credentials.ts';
import type { PoolerService } from '../../codemods/compose-service.ts';
import { type Feature, findPublicImage, namesIn, type PublicImage, UID } from '../../pgbouncer/index.ts';
import type { Server } from '../model/index.ts';
import { readPostgresWorkload } from '../topology/index.ts';
import { findService } from './databases.ts';
import { hasOtherRoles, hasOtherUsers } from './roles.ts';
import { type EditState, generatedPools, manifestPools } from './state.ts';
import type { Pool } from './target.ts';

/** The public image that is used instead of one that is built. */
export function publicImageOf({ config }: Pick<EditState, 'config'>): ({ name: string } & PublicImage) | null {
  const { image } = config.assets;
  const known = image === null ? null : findPublicImage(image);
  return image !== null && known ? { name: image, ...known } : null;
}

/** The same as a service of compose gets it. */
export function composeImageOf(state: Pick<EditState, 'config'>): PoolerService['image'] {
  const image = publicImageOf(state);
  return image && { name: image.name, constants: image.constants, namesOf: name => namesIn(image, name) };
}

/** The user that PgBouncer runs as in its container. */
export const poolerUid = (state: EditState): number => publicImageOf(state)?.uid ?? UID;

/** Where certificates are in the container. */
export const TLS_DIRECTORY = '/etc/pgbouncer/tls';

/** Of all poolers together: they are built from one directory. */
export function featuresOf(state: EditState): Set<Feature> {
  const features = new Set(state.config.assets.features);
  for (const pool of manifestPools(state)) {
    const server = pool.servers[0] as Server;
    const workload = server.operator ? null : readPostgresWorkload(server, state.sources.values());
    if (workload && workload.mounts.length > 0) features.add('secret-files');
    if (workload && !workload.isTrusting && hasOtherUsers(workload.user, pool, state)) features.add('auth-query');
  }
  for (const pool of generatedPools(state)) {
    const services = pool.servers.map(server => findService(server, state.topology.composeFiles)?.[1]);
    if (services.some(service => service?.environment.some(({ key }) => /_FILE$/.test(CREDENTIALS[key] ?? ''))))
      features.add('secret-files');
    if (pool.servers.length > 1) features.add('users').add('databases');
    if (hasOtherRoles(pool, state)) features.add('auth-query');
  }
  return features;
}

export const hasTls = (features: ReadonlySet<Feature>): boolean =>
  features.has('client-tls') || features.has('server-tls');

/** PgBouncers behind one port, where that is asked for. */
export const PROCESSES = 2;

/**
 * The default of a tuning variable. In session mode a client keeps its server connection, so there are as many as Postgres admits,
 * less what it keeps for itself and for direct connections. Each process has pools of its own, so they share what is allowed.
 */
export function knobValue(
  name: string,
  value: string,
  { mode, servers }: Pool,
  { topology, config }: Pick<EditState, 'topology' | 'config'>,
): string {
  if (name === 'PGBOUNCER_POOL_MODE') return mode;
  if (!/^PGBOUNCER_(?:DEFAULT|RESERVE)_POOL_SIZE$/.test(name)) return value;
  const processes = config.assets.features.includes('processes') ? PROCESSES : 1;
  const commands = topology.composeFiles.flatMap(file =>
    file.services.filter(one => one.name === servers[0]?.service).map(one => one.command),
  );
  const admitted = Number(/max_connections\s*=\s*(\d+)/.exec(commands.join(' '))?.[1] ?? 100);
  const size =
    mode === 'session' && name === 'PGBOUNCER_DEFAULT_POOL_SIZE' ? Math.max(20, admitted - 20) : Number(value);
  return String(Math.floor(size / processes));
}

/** Variables of the pooler that come with a feature. */
export function settingsOf(features: ReadonlySet<Feature>): [name: string, value: string][] {
  const settings: [string, string][] = [];
  if (features.has('processes')) settings.push(['PGBOUNCER_PROCESSES', String(PROCESSES)]);
  if (features.has('client-tls')) {
    settings.push(['PGBOUNCER_CLIENT_TLS_SSLMODE', 'require']);
    settings.push(['PGBOUNCER_CLIENT_TLS_CERT_FILE', `${TLS_DIRECTORY}/client.crt`]);
    settings.push(['PGBOUNCER_CLIENT_TLS_KEY_FILE', `${TLS_DIRECTORY}/client.key`]);
  }
  if (features.has('server-tls')) {
    settings.push(['PGBOUNCER_SERVER_TLS_SSLMODE', 'verify-full']);
    settings.push(['PGBOUNCER_SERVER_TLS_CA_FILE', `${TLS_DIRECTORY}/server-ca.crt`]);
  }
  return settings;
}
