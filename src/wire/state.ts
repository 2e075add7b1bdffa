/** What every insertion works with, and what it asks of it. */
import type { Config } from '../config/config.ts';
import type { Edit, Extraction, Newline, PoolDecision, Refusal, Server, Site, Source } from '../model/index.ts';
import type { Processes } from '../processes/index.ts';
import type { Finding } from '../routes/index.ts';
import { isManifestServer, type Topology } from '../topology/index.ts';
import type { Pool } from './target.ts';
export interface EditInput {
  sites: Site[];
  hazards: readonly Finding[];
  sources: ReadonlyMap<string, Source>;
  /** Of the sources, and of files that only hold commands. */
  texts: ReadonlyMap<string, string>;
  extractions: ReadonlyMap<string, Extraction>;
  topology: Topology;
  config: Config;
  processes: Processes;
  /** Mode and port of each pool. */
  decisions: readonly PoolDecision[];
  /** Files that were refused: nothing may be edited there. */
  refused: ReadonlySet<string>;
  unsafe: boolean;
  /** Where a person chose: the decisions and mends to edit. */
  only: ReadonlySet<string> | null;
  /** `owner/name` of what this is a clone of, where that is known. */
  repository: string | null;
  /** Files that exist, tracked or not, to keep what is there. */
  exists(path: string): boolean;
}

export interface Created {
  path: string;
  /** What it is for, in a few words. */
  about: string;
  text: string;
  executable: boolean;
}

export interface EditResult {
  edits: Edit[];
  created: Created[];
  refusals: Refusal[];
  /** What a person should know and no edit says. */
  notes: string[];
}

/** What every insertion works with. */
export interface EditState extends EditInput, EditResult {
  /** Pooled sites whose edits are made in this run. */
  pooled: Site[];
  pools: Map<Server, Pool>;
  /** What the poolers have to run on each server connection. */
  connectQueries: Map<Pool, string>;
  newlineOf(file: string): Newline;
}

/** Poolers that this run puts into compose files: something that became pooled leads to each. */
export const generatedPools = (state: EditState): Pool[] => newPools(state, false);

/**
 * Compose's expression for a setting of a pooler: a variable of the stack's env file with its value as default; where another pooler of the
 * stack needs another value, the variable would give both the same, so it is the value alone.
 */
export function settingText(pool: Pool, name: string, settingOf: (pool: Pool) => string, state: EditState): string {
  const value = settingOf(pool);
  return isShared(pool, settingOf, state) ? `\${${name}:-${value}}` : value;
}

/** All poolers of the stack, which read one env file, have the same. */
export const isShared = (pool: Pool, settingOf: (pool: Pool) => string, state: EditState): boolean =>
  generatedPools(state).every(
    other => other.servers[0]?.stack !== pool.servers[0]?.stack || settingOf(other) === settingOf(pool),
  );

/** Pools of servers that manifests of Kubernetes define, which get manifests too. */
export const manifestPools = (state: EditState): Pool[] => newPools(state, true);

const newPools = (state: EditState, inManifests: boolean): Pool[] =>
  [...new Set(state.pools.values())].filter(
    pool =>
      pool.isGenerated &&
      pool.servers.some(server => isManifestServer(server, state.topology)) === inManifests &&
      state.pooled.some(site => leadsTo(pool, site, state)),
  );

/** True for a place whose server is behind the pooler, or that of another stack which gets the value too. */
export function leadsTo({ servers }: Pool, site: Site, { sites }: EditState): boolean {
  const server = serverOf(site, sites);
  return server !== null && [server, ...site.twins].some(one => servers.includes(one));
}

export function toReview(site: Site, rule: string, reason: string): void {
  Object.assign(site, { action: 'review', rule, reason, safety: 'safe', replacement: null });
}

/** Members of a group without a literal host take the server of the others. */
export function serverOf(site: Site, sites: readonly Site[]): Server | null {
  const { resolution } = site;
  if (resolution.kind === 'server' || resolution.kind === 'published') return resolution.server;
  const other = sites.find(
    candidate =>
      candidate.decision === site.decision &&
      (candidate.resolution.kind === 'server' || candidate.resolution.kind === 'published'),
  );
  return other ? serverOf(other, []) : null;
}

/** The service gets the old value in an environment of its own. */
export const goesApart = (site: Site, service: string): boolean =>
  site.apart.some(({ process, way }) => way.kind === 'service' && process.service === service);
