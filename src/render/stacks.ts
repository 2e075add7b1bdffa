/** A repository of several stacks, each with a pooler of its own: what each comes to. */
import type { PoolDecision, Server, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { groupBy } from '../text/group-by.ts';
import { isInside } from '../text/paths.ts';
import { poolerFor } from '../topology/index.ts';
import { poolFor, serverOf } from '../wire/index.ts';

export interface StackSummary {
  /** Of the repository; `.` is its root. */
  folder: string;
  /** Services with a Postgres that share the pooler. */
  servers: string[];
  /** The pooler's service, there or generated; null: nothing that the run tells of goes through one. */
  pooler: string | null;
  mode: PoolDecision['mode'] | null;
  /** Inside the network. */
  port: number | null;
  /** On the host; null: it is not published. */
  published: number | null;
  /** Places that lead to the servers, whatever part of them was asked for. */
  sites: { pooled: number; direct: number; review: number };
}

/** One for each pooler, or for the servers that would share one. Empty where the repository has no more than one stack. */
export function summarizeStacks(plan: Plan): StackSummary[] {
  const { topology, config, pools, sites } = plan;
  const { servers } = topology;
  if (new Set(servers.map(({ stack }) => stack)).size < 2) return [];
  const shared = groupBy(servers, one => `${one.stack}\0${poolFor([one], topology, config, pools).host}`);
  const groups = [...shared.values()];
  const groupOf = ownerOf(groups, sites);
  const bySite = sites.map(site => groupOf(site));
  const all = groups.map((own): StackSummary => {
    const [first] = own as [Server, ...Server[]];
    const ours = sites.filter((site, i) => bySite[i] === own || site.twins.some(twin => own.includes(twin)));
    const count = (action: Site['action']) => ours.filter(site => site.action === action).length;
    const pool = poolFor(own, topology, config, pools);
    const isUsed = poolerFor(first, topology) !== null || count('pooled') > 0;
    return {
      folder: first.stack || '.',
      servers: own.map(({ service }) => service),
      pooler: isUsed ? pool.host : null,
      mode: isUsed ? pool.mode : null,
      port: isUsed ? pool.port : null,
      published: isUsed ? (pool.published?.value ?? null) : null,
      sites: { pooled: count('pooled'), direct: count('direct'), review: count('review') },
    };
  });
  // A run over some files tells of no stack that they don't concern.
  return plan.only === null ? all : all.filter(({ sites: own }) => own.pooled + own.direct + own.review > 0);
}

/** E.g.: `services/orders: db through pgbouncer:6432 (transaction mode; 6433 on the host); 3 pooled, 1 direct, 0 for you to look at` */
export const describeStacks = (plan: Plan): string[] =>
  summarizeStacks(plan).map(({ folder, servers, pooler, mode, port, published, sites }) => {
    const way =
      pooler === null
        ? 'no pooler'
        : `through ${pooler}:${port} (${mode} mode${published === null ? '' : `; ${published} on the host`})`;
    return `${folder}: ${servers.join(', ')} ${way}; ${sites.pooled} pooled, ${sites.direct} direct, ${sites.review} for you to look at`;
  });

/** Whose a place is: the server's that it leads to, else those of the nearest folder above it where they share a pooler. */
function ownerOf(groups: readonly Server[][], sites: readonly Site[]): (site: Site) => Server[] | null {
  const byFolder = (file: string): Server[] | null => {
    const above = groups.filter(([first]) => first !== undefined && isInside(first.stack, file));
    const nearest = Math.max(...above.map(([first]) => first?.stack.length ?? 0));
    const found = above.filter(([first]) => first?.stack.length === nearest);
    return found.length === 1 ? (found[0] ?? null) : null;
  };
  return site => {
    const server = serverOf(site, sites);
    if (server !== null) return groups.find(own => own.includes(server)) ?? null;
    return site.action === 'leave' ? null : byFolder(site.file);
  };
}
