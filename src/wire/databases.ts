/** One pooler in front of several servers tells them apart by the name of the database. */

import { credentialsOf } from '../../codemods/compose-credentials.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import type { Server, Site } from '../model/index.ts';
import { type EditState, serverOf } from './state.ts';
import { isOutside, type Pool } from './target.ts';

const isPlain = (name: string | null): name is string => name !== null && /^[\w.-]+$/.test(name);

/** Why the place can't go through a pooler of several servers; null where it can. */
export function routingProblem(site: Site, pool: Pool, state: EditState): string | null {
  const server = serverOf(site, state.sites) as Server;
  if (pool.existing) return existingProblem(pool.existing, server, state);
  if (isOutside(pool) && state.topology.servers.length > 1 && !state.topology.isConfigured)
    return `nothing tells which of several servers ${pool.host} leads to: name it under services.`;
  if (pool.servers.length < 2) return null;
  const name = databaseOf(site, server);
  if (name === null)
    return 'several servers share the pooler, and the database that tells them apart is not written here.';
  const twin = pool.servers.find(other => other !== server && databasesOf(other, state).has(name));
  if (twin) return `database ${name} is on ${twin.service} too, and one pooler tells servers apart by database.`;
  return clashingUsers(pool, state);
}

/** A pooler that is there already leads to one of several servers, which its settings tell. */
function existingProblem(pooler: Server, server: Server, { topology }: EditState): string | null {
  if (topology.servers.filter(({ stack }) => stack === server.stack).length < 2) return null;
  const [file, service] = findService(pooler, topology.composeFiles) ?? [];
  const [start = 0, , end = 0] = (service?.pair.value as { range?: number[] } | null)?.range ?? [];
  const isNamed = file?.text
    .slice(start, end)
    .split(/[^\w.-]+/)
    .includes(server.service);
  return isNamed ? null : `${pooler.service} is not seen to lead to ${server.service}.`;
}

/** What a split host and port leave to other variables is the database that the server creates. */
const databaseOf = (site: Site, server: Server): string | null => {
  const name = site.form === 'url' || site.form === 'keyword' ? site.database : (site.database ?? server.database);
  return isPlain(name) ? name : null;
};

function databasesOf(server: Server, { sites }: EditState): Set<string> {
  const own = sites.filter(site => site.action === 'pooled' && serverOf(site, sites) === server);
  return new Set(own.map(site => databaseOf(site, server)).filter(name => name !== null));
}

/** `name=host:port` of every database behind a pooler of several servers. */
export const routesOf = ({ servers }: Pool, state: EditState): string[] =>
  servers.flatMap(server =>
    [...databasesOf(server, state)].sort().map(name => `${name}=${server.service}:${server.port}`),
  );

/** PgBouncer keeps one password for a user, whatever the database. */
function clashingUsers({ servers }: Pool, { topology }: EditState): string | null {
  const known = new Map<string, { password: string | null; service: string }>();
  for (const server of servers) {
    const found = findService(server, topology.composeFiles);
    if (!found) continue;
    const { user, password } = credentialsOf(...found);
    const other = known.get(user ?? 'postgres');
    if (other && other.password !== password) {
      return `${other.service} and ${server.service} have the same user with different passwords, and PgBouncer keeps one.`;
    }
    known.set(user ?? 'postgres', { password, service: server.service });
  }
  return null;
}

export function findService(server: Server, files: readonly ComposeFile[]): [ComposeFile, ComposeService] | null {
  const file = files.find(({ path }) => server.definitions.some(definition => definition.file === path));
  const service = file?.services.find(({ name }) => name === server.service);
  return file && service ? [file, service] : null;
}
