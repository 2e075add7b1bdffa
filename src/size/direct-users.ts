/** Who connects to Postgres past the pooler, and with how many connections. */

import type { Server, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { lineAt } from '../text/lines.ts';
import { serverOf } from '../wire/index.ts';
import { assumed, type Place, type Quantity } from './quantity.ts';
import type { Runner } from './runners.ts';
export interface DirectUser {
  name: string;
  connections: Quantity;
}

/** Programs that look at the server itself, by the name of their image. */
const TOOLS: { image: RegExp; connections: number; note: string }[] = [
  {
    image: /pgadmin|pghero|pgweb|cloudbeaver|adminer/,
    connections: 2,
    note: 'an admin tool, with a session for browsing and one for queries',
  },
  {
    image: /(?:postgres|pg|sql)[\w-]*[-_]exporter|pgwatch|otel|telegraf|datadog/,
    connections: 1,
    note: 'a monitor with one session',
  },
  { image: /backup|dump|wal-?g|barman/, connections: 1, note: 'a backup has one session' },
];

export function listDirectUsers(
  server: Server,
  runners: readonly Runner[],
  consumers: ReadonlySet<string>,
  plan: Plan,
): DirectUser[] {
  const found = new Map<string, DirectUser>();
  const add = (name: string, value: number, note: string, place: Place | null) => {
    if (!found.has(name)) found.set(name, { name, connections: assumed(value, note, place) });
  };
  const { topology } = plan;
  const isServer = (runner: Runner) =>
    [...topology.servers, ...topology.poolers].some(
      ({ service, stack }) => service === runner.name && stack === runner.stack,
    );
  const direct = plan.sites.filter(site => isDirect(site, server, plan));
  for (const runner of runners) {
    if (isServer(runner) || consumers.has(runner.name) || runner.stack !== server.stack) continue;
    const tool = TOOLS.find(({ image }) => image.test(runner.image));
    const isNamed = direct.some(
      site => site.service === runner.name || site.uses.some(use => use.service === runner.name),
    );
    if (tool) add(runner.name, tool.connections, tool.note, runner.place);
    else if (isNamed) add(runner.name, 1, 'a direct service, with one session at a time', runner.place);
  }
  const migration = direct.find(site => site.rule !== 'already-direct' && !found.has(site.service ?? ''));
  add('migrations and dumps', 1, 'one at a time', migration ? placeOf(migration, plan) : null);
  add('a person with psql', 1, 'room to look at the server while the rest is full', null);
  return [...found.values()];
}

/** On the server and meant to stay there; the health check of a container does not hold a connection. */
function isDirect(site: Site, server: Server, { sites, topology }: Plan): boolean {
  const isOfPooler = topology.poolers.some(({ service }) => service === site.service);
  if (isOfPooler || /^PGBOUNCER_/.test(site.key ?? '')) return false;
  if (
    site.facts.includes('server-service') ||
    site.role === 'healthcheck' ||
    site.role === 'prose' ||
    site.role === 'comment'
  )
    return false;
  return (
    (site.action === 'direct' || site.action === 'leave') &&
    site.resolution.kind !== 'pooler' &&
    serverOf(site, sites) === server
  );
}

const placeOf = (site: Site, { texts }: Plan): Place => ({
  file: site.file,
  line: lineAt(texts.get(site.file) ?? '', site.span.start),
});
