/** The roles that pooled clients log in with, where their connection is put together from several variables. */

import { CREDENTIALS } from '../../codemods/compose-credentials.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import type { Server, Site } from '../model/index.ts';
import { isInside } from '../text/paths.ts';
import { initMounts, resolveText, withBase } from '../topology/index.ts';
import { findService } from './databases.ts';
import { type EditState, leadsTo } from './state.ts';
import type { Pool } from './target.ts';

const USER_KEY = /(?:^|[_.])(?:USER(?:_?NAME)?|USR|ROLE|LOGIN)$/i;

/**
 * True where some client is, or may be, another role than the one that the container creates: PgBouncer then asks Postgres for its
 * password.
 */
export function hasOtherRoles(pool: Pool, state: EditState): boolean {
  const owners = pool.servers.map(server => ownerOf(server, state));
  const clients = state.pooled.filter(
    site => leadsTo(pool, site, state) && !/^(?:docs|prose|comment)$/.test(site.role),
  );
  const isOther = (role: string) =>
    !owners.includes(role) && !pool.servers.some(server => namesOwner(role, server, state));
  return (
    clients.some(site => rolesOf(site, state).some(role => isPlain(role) && isOther(role))) || createsRoles(pool, state)
  );
}

/** Without POSTGRES_USER the image creates `postgres`; in an env file, another service or a file of its own it can be anything: null. */
function ownerOf(server: Server, { topology }: EditState): string | null {
  if (server.user) return server.user;
  const [file, own] = findService(server, topology.composeFiles) ?? [];
  const service = file && own ? withBase(file, own, topology.composeFiles) : null;
  const isTold =
    service === null ||
    service.envFiles.length > 0 ||
    service.environment.some(({ key }) => /^POSTGRES_USER/.test(CREDENTIALS[key] ?? ''));
  return isTold ? null : 'postgres';
}

/** Clients of a workload in Kubernetes that are not seen to be the role that PgBouncer has a password for. */
export const hasOtherUsers = (owner: string | null, pool: Pool, state: EditState): boolean =>
  state.pooled.some(site => leadsTo(pool, site, state) && (owner === null || site.user !== owner));

const isPlain = (role: string): boolean => /^[\w.-]+$/.test(role) || /^\$\{?\w+\}?$/.test(role);

/** `${POSTGRES_USER}` for a client and for the server is one role, whatever it is. */
function namesOwner(role: string, server: Server, { topology }: EditState): boolean {
  if (!role.startsWith('$')) return false;
  const raw = topology.composeFiles
    .filter(file => server.definitions.some(definition => definition.file === file.path))
    .flatMap(file => file.services.filter(service => service.name === server.service))
    .flatMap(service => service.environment.filter(({ key }) => /^POSTGRES(?:QL)?_USER(?:NAME)?$/.test(key)));
  return raw.some(({ value }) => value === role) || /^\$\{?POSTGRES_USER\}?$/.test(role);
}

/** Of a connection string its own; else what the user variable beside the place says. */
function rolesOf(site: Site, state: EditState): string[] {
  if (site.user !== null) return [site.user.replace(/^['"]|['"]$/g, '')];
  if (site.entry === null || site.key === null) return [];
  const name = userKey(site.key, site.entry.siblings);
  if (name === null) return [];
  const value =
    site.format === 'env'
      ? readEnvLines(state.sources.get(site.file)?.text ?? '').find(line => line.key === name && !line.commented)?.value
          .text
      : state.topology.composeFiles
          .find(file => file.path === site.file)
          ?.services.find(service => service.name === (site.service ?? site.uses[0]?.service))
          ?.environment.find(({ key }) => key === name)?.value;
  if (!value) return [];
  return [resolveText(value, new Map()) ?? value];
}

/** `SPRING_DATASOURCE_URL` → `SPRING_DATASOURCE_USERNAME`: the user that shares most of the name, if it shares anything. */
function userKey(key: string, siblings: readonly string[]): string | null {
  const shared = (name: string) => [...name].findIndex((char, i) => char !== key[i]);
  const [best] = siblings
    .filter(name => USER_KEY.test(name))
    .map(name => ({ name, length: shared(name) }))
    .sort((a, b) => b.length - a.length);
  return best && best.length >= 2 ? best.name : null;
}

/** A script for a new server that makes roles which log in. */
function createsRoles({ servers }: Pool, { sources, topology }: EditState): boolean {
  const files = topology.composeFiles.filter(file =>
    servers.some(server => server.definitions.some(definition => definition.file === file.path)),
  );
  const mounts = initMounts(files);
  return [...sources.values()].some(
    ({ path, text }) =>
      mounts.some(mount => path === mount || isInside(mount, path)) &&
      /\bCREATE\s+(?:USER|ROLE)\b[^;]*\b(?:PASSWORD|LOGIN)\b/i.test(text),
  );
}
