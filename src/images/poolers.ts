/** What the poolers that teams have bear, and which images are one: rules/poolers.yml. */
import { poolers as all, type PoolerId } from '../../rules/poolers.generated.ts';
import type { NeedKind } from '../model/index.ts';
import { matchGlob } from '../text/glob.ts';

export type { PoolerId };

export type PoolerMode = 'transaction' | 'session' | 'statement';

/** What a pooler may bear in transaction mode. `set`: SET for a session, search_path and roles too; `tls`: it offers TLS as it comes. */
export const FEATURES = [
  'prepared',
  'sql-prepare',
  'listen',
  'session-lock',
  'set',
  'temp-table',
  'hold-cursor',
  'tls',
  'channel-binding',
] as const;
export type PoolerFeature = (typeof FEATURES)[number];

/** `pins`: the client keeps its server connection from then on. `setting`: off unless `pool.enabled` names the feature. */
export type Support = 'yes' | 'no' | 'pins' | { setting: string; gives: 'yes' | 'pins' };

export type StartupFate = 'refuses' | 'ignores' | 'applies';

export interface Pooler {
  id: PoolerId;
  name: string;
  /** Globs over the last part of an image's name, or over the folder that it is built from; none of a managed one. */
  image?: readonly string[];
  /** The modes that it has, the usual one first, each with its port; null: none is usual. */
  ports: Partial<Record<PoolerMode, number | null>>;
  /** Without an entry: not known, which counts as `no`. */
  supports: Partial<Record<PoolerFeature, Support>>;
  /** Parameters that a client sends when it connects, in lower case; without it as PgBouncer's. */
  startup?: { otherwise: StartupFate; applies?: readonly string[]; ignores?: readonly string[] };
  notes: string;
  source: readonly string[];
}

export const poolers: readonly Pooler[] = all;

/** The only kind that is generated. */
export const GENERATED: PoolerId = 'pgbouncer';

export const poolerOf = (id: PoolerId): Pooler => poolers.find(pooler => pooler.id === id) as Pooler;

export const modesOf = ({ ports }: Pooler): PoolerMode[] => Object.keys(ports) as PoolerMode[];

/** Features that a setting of the pooler turns on. */
export const settingsOf = ({ supports }: Pooler): PoolerFeature[] =>
  FEATURES.filter(feature => typeof supports[feature] === 'object');

/** What becomes of the feature in transaction mode. */
export function outcomeOf(
  { supports }: Pooler,
  feature: PoolerFeature,
  enabled: readonly PoolerFeature[],
): 'yes' | 'no' | 'pins' {
  const support = supports[feature] ?? 'no';
  if (typeof support === 'string') return support;
  return enabled.includes(feature) ? support.gives : 'no';
}

/** What each need asks of a pooler; one that is not here is borne by none. */
const ASKS: Partial<Record<NeedKind, readonly PoolerFeature[]>> = {
  prepared: ['prepared', 'sql-prepare'],
  listen: ['listen'],
  'session-lock': ['session-lock'],
  'session-state': ['set', 'temp-table'],
  cursor: ['hold-cursor'],
};

/** Whether a client with that need may share its server connections in transaction mode; a pinned one does not, and works. */
export function bears(
  { kind, enabled }: { kind: PoolerId; enabled: readonly PoolerFeature[] },
  need: NeedKind,
): boolean {
  if (kind === GENERATED) return false;
  const pooler = poolerOf(kind);
  // With names of its own the parameter would have to be known.
  if (need === 'startup-parameter') return pooler.startup?.otherwise === 'applies';
  const asked = ASKS[need];
  return asked?.every(feature => outcomeOf(pooler, feature, enabled) !== 'no') ?? false;
}

let tests: [Pooler, ((name: string) => boolean)[]][] | null = null;

/** The kind of pooler that an image's name (its last part), or the path of a build, tells. */
export function poolerOfImage(name: string): Pooler | null {
  tests ??= poolers.map(pooler => [pooler, (pooler.image ?? []).map(matchGlob)]);
  return tests.find(([, globs]) => globs.some(matches => matches(name)))?.[0] ?? null;
}
