/** `pool.kind`: what follows from it for the other settings of the pool. */
import {
  GENERATED,
  modesOf,
  type Pooler,
  type PoolerFeature,
  type PoolerId,
  type PoolerMode,
  poolerOf,
  settingsOf,
} from '../images/poolers.ts';
import { UsageError } from '../model/errors.ts';

export interface PoolSettings {
  /** Only `pgbouncer` is generated; any other is there already, at `host`. */
  kind: PoolerId;
  host: string;
  /** Settings of the pooler that are off by default, and on here, by what they make it bear. */
  enabled: PoolerFeature[];
  /** auto: 6432, or 5432 inside the network where a consumer can take no port; of another kind its usual one. */
  port: number | 'auto';
  publishedPort: number;
  /** auto: the strongest that every pooled process bears; of another kind its usual one. */
  mode: 'auto' | 'session' | 'transaction' | 'statement';
  version: string;
  base: 'alpine' | 'debian';
}

/** The pooler is there already, and nothing is generated. */
export const isElsewhere = ({ kind }: Pick<PoolSettings, 'kind'>): boolean => kind !== GENERATED;

export const poolerName = ({ kind }: Pick<PoolSettings, 'kind'>): string => poolerOf(kind).name;

export const hasMode = ({ kind }: Pick<PoolSettings, 'kind'>, mode: PoolerMode): boolean =>
  modesOf(poolerOf(kind)).includes(mode);

/** What of the settings does not go with the kind; null: all do. */
export function kindProblem(
  pool: PoolSettings,
): { path: 'host' | 'port' | 'mode' | 'enabled'; message: string } | null {
  const pooler = poolerOf(pool.kind);
  const { id, name } = pooler;
  const settings = settingsOf(pooler);
  const odd = pool.enabled.find(feature => !settings.includes(feature));
  if (odd !== undefined)
    return {
      path: 'enabled',
      message: `${name} has no setting for ${odd}${settings.length > 0 ? `; there are ${settings.join(', ')}` : ''}`,
    };
  if (!isElsewhere(pool)) return null;
  if (pool.host === GENERATED)
    return { path: 'host', message: `kind: ${id} is a pooler that is there already, so its host has to be given` };
  const modes = modesOf(pooler);
  if (pool.mode !== 'auto' && !modes.includes(pool.mode))
    return { path: 'mode', message: `${name} has no ${pool.mode} mode; it has ${modes.join(', ')}` };
  if (pool.port === 'auto' && portOf(pooler, pool) === null)
    return { path: 'port', message: `${name} has no usual port, so it has to be given` };
  return null;
}

/** The mode is the pooler's, not one to choose: without a word of it, its usual one. */
const modeOf = (pooler: Pooler, { mode }: PoolSettings) =>
  (mode === 'auto' ? modesOf(pooler)[0] : mode) ?? 'transaction';

const portOf = (pooler: Pooler, pool: PoolSettings): number | null => pooler.ports[modeOf(pooler, pool)] ?? null;

/** Mode and port of a pooler that is elsewhere. Throws a UsageError where settings do not go together. */
export function settleKind<T extends { pool: PoolSettings }>(config: T): T {
  const problem = kindProblem(config.pool);
  if (problem) throw new UsageError(`pool.${problem.path}: ${problem.message}`);
  if (!isElsewhere(config.pool)) return config;
  const { pool } = config;
  const pooler = poolerOf(pool.kind);
  return {
    ...config,
    pool: {
      ...pool,
      mode: modeOf(pooler, pool),
      port: pool.port === 'auto' ? (portOf(pooler, pool) ?? 'auto') : pool.port,
    },
  };
}

/** All ports on which a pooler that is elsewhere answers, in any mode; null: of the generated one each counts. */
export function poolPorts(pool: PoolSettings): readonly number[] | null {
  if (!isElsewhere(pool)) return null;
  const usual = Object.values(poolerOf(pool.kind).ports).filter(port => port !== null);
  return pool.port === 'auto' ? usual : [...usual, pool.port];
}

/** Throws a UsageError for a command that asks PgBouncer itself, or is about its settings. */
export function needsGenerated(command: string, pool: PoolSettings): void {
  if (isElsewhere(pool)) throw new UsageError(`${command} is for PgBouncer, and pool.kind is ${pool.kind}.`);
}
