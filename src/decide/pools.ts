/** The mode of each pool: the strongest that all who share it bear. */
import { configFor } from '../config/config.ts';
import type { Need, PoolDecision, Server, Site } from '../model/index.ts';
import { poolerFor } from '../topology/index.ts';
import type { DecideInput } from './input.ts';
import { bearsSession, type RoutedUse, tellingUses } from './routes.ts';

/** Values of applications: what documents say decides no mode. */
const isValue = ({ role }: Site): boolean => !/^(?:docs|prose|comment|healthcheck)$/.test(role);

export function decidePools(
  sites: readonly Site[],
  uses: readonly (readonly RoutedUse[])[],
  isFor: (i: number, server: Server) => boolean,
  portOf: (server: Server) => number,
  portReasons: ReadonlyMap<Server, string>,
  input: DecideInput,
): PoolDecision[] {
  const { config, topology } = input;
  return topology.servers.map((server): PoolDecision => {
    const own = sites.flatMap((site, i) =>
      isValue(site) && isFor(i, server) ? [{ site, uses: tellingUses(uses[i] ?? []) }] : [],
    );
    const services = new Map<string, { needs: Need[]; isSeen: boolean }>();
    for (const { site, uses: list } of own) {
      if (list.some(({ action }) => action === 'review')) continue;
      for (const { action, rule, because, process } of list) {
        if (action !== 'pooled' && rule !== 'already-pooled') continue;
        const name = process.service ?? '';
        const known = services.get(name) ?? { needs: [], isSeen: false };
        services.set(name, known);
        // Of a service that gets a whole env file, and of whose program nothing is known, it can't be said that it connects.
        known.isSeen ||= process.words.length > 0 || process.program !== null || site.format === 'compose';
        known.needs.push(...because.filter(need => !known.needs.includes(need)));
      }
    }
    const given = configFor(config, server.stack).pool.mode;
    const unwired = given === 'auto' ? own.flatMap(one => unwiredUses(one.site, one.uses, input)) : [];
    const ready = [...services].filter(([, { needs }]) => needs.length === 0).map(([name]) => name);
    const others = [...services]
      .filter(([, { needs }]) => needs.length > 0)
      .map(([service, { needs }]) => ({ service, needs }));
    // Values that no service is seen to get say something only where no service is seen at all.
    const isNamed = [...services.keys()].some(name => name !== '');
    const counts = (name: string) => !isNamed || name !== '';
    const speaksFor = (name: string) => counts(name) && (services.get(name)?.isSeen || name === '');
    const isSession = (!ready.some(speaksFor) && others.some(({ service }) => counts(service))) || unwired.length > 0;
    const existing = poolerFor(server, topology);
    const mode =
      given !== 'auto'
        ? given
        : existing
          ? (existing.pooler?.mode ?? 'transaction')
          : isSession
            ? 'session'
            : 'transaction';
    return {
      server,
      mode,
      port: portOf(server),
      isGiven: given !== 'auto' || existing !== null,
      ready: ready.filter(name => name !== ''),
      others: others.map(({ service, needs }) => ({ service, needs })),
      unwired: unwired.map(({ process }) => process),
      portReason: portReasons.get(server) ?? null,
    };
  });
}

/**
 * What should be direct, beside an application with the same value, and for which there is no exact way: a command, or a service that needs
 * sessions of its own. A pool in session mode bears both.
 */
function unwiredUses(site: Site, uses: readonly RoutedUse[], { wayOf }: DecideInput): RoutedUse[] {
  const pooled = uses.filter(({ action }) => action === 'pooled');
  if (pooled.length === 0 || uses.some(({ action }) => action === 'review')) return [];
  const ready = pooled.filter(({ route }) => route === 'transaction');
  const isBeside = (all: readonly RoutedUse[], { process: { service } }: RoutedUse) =>
    service !== null && all.some(({ process }) => process.service === service);
  return uses.filter(use => {
    if (!bearsSession(use)) return false;
    if (use.action === 'direct')
      return wayOf(site, use.process, use.process.service !== null && !isBeside(pooled, use)) === null;
    const isSession = use.action === 'pooled' && use.route === 'session' && use.process.service !== null;
    return isSession && ready.length > 0 && wayOf(site, use.process, !isBeside(ready, use)) === null;
  });
}
