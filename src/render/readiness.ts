/** Which services are right for a transaction pool, and what stands between the others and it: from the routes of the plan. */
import { describeCommand, describeNeeds } from '../config/rules.ts';
import type { Need, PoolDecision, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';

interface Readiness {
  ready: string[];
  others: { service: string; goes: keyof typeof GOES; needs: readonly Need[] }[];
}

/** Past the pooler by a value of its own, through a pool in session mode, or as it did before. */
const GOES = {
  direct: 'it goes direct',
  session: 'a pool in session mode bears it',
  pooler: 'it goes through the pooler that is there',
};

/** Services that go through the pool, or would, were it not for what they need. */
function readinessOf(plan: Plan): Readiness {
  const through = (service: string) => plan.sites.some(site => isThrough(site) && uses(site, service, plan));
  const pools = plan.pools.filter(pool => pool.mode !== 'statement');
  const once = (names: string[]) => [...new Set(names)];
  const others = pools.flatMap(pool =>
    pool.others.map(({ service, needs }) => ({
      service,
      needs,
      goes: goesOf(service, pool, plan),
    })),
  );
  const blocked = new Set(others.map(({ service }) => service));
  return {
    ready: once(pools.flatMap(pool => pool.ready)).filter(name => !blocked.has(name) && through(name)),
    others: others.filter(({ service }, i) => service !== '' && others.findIndex(one => one.service === service) === i),
  };
}

function goesOf(service: string, { mode }: PoolDecision, plan: Plan): keyof typeof GOES {
  if (mode === 'session') return 'session';
  const isPooled = plan.sites.some(site => site.resolution.kind === 'pooler' && uses(site, service, plan));
  return isPooled ? 'pooler' : 'direct';
}

const isThrough = ({ action, resolution }: Site): boolean => action === 'pooled' || resolution.kind === 'pooler';

const uses = (site: Site, name: string, { processes }: Plan): boolean =>
  site.uses.some(({ service }) => service === name) ||
  site.service === name ||
  (processes.receivers.get(`${site.file}\0${site.key}`) ?? []).some(({ service }) => service === name);

/** Sentences for summaries; none where no service is known to connect. */
export function describeReadiness(plan: Plan): string[] {
  const { ready, others } = readinessOf(plan);
  const lines = [...new Set(plan.pools.filter(pool => isUsed(pool, plan)).flatMap(describePool))];
  if (ready.length + others.length === 0) return lines;
  const services = (count: number) => `${count} service${count === 1 ? '' : 's'}`;
  const parts = [
    `${services(ready.length)} ${ready.length === 1 ? 'is' : 'are'} ready for transaction mode${ready.length > 0 ? `: ${ready.join(', ')}` : ''}`,
    ...(others.length > 0 ? [`${services(others.length)} ${others.length === 1 ? 'is' : 'are'} not`] : []),
  ];
  return [
    parts.join('; ') + (others.length > 0 ? ':' : '.'),
    ...others.map(({ service, needs, goes }) => `${service}: ${describeNeeds(needs)}; ${GOES[goes]}.`),
    ...lines,
  ];
}

const isUsed = ({ server }: PoolDecision, { sites }: Plan): boolean =>
  sites.some(
    ({ action, resolution }) =>
      action === 'pooled' &&
      (resolution.kind === 'server' || resolution.kind === 'published') &&
      resolution.server === server,
  );

/** Why the pool is not as the plan of a new one says: mode and port. */
function describePool({ server, mode, isGiven, unwired, port, portReason }: PoolDecision): string[] {
  const commands = unwired.map(
    ({ place, words }) => `${place.file}:${place.line} (${describeCommand(words) || 'a command'})`,
  );
  return [
    ...(mode === 'session' && !isGiven
      ? [
          `The pool in front of ${server.service} is in session mode${commands.length > 0 ? ` all the same: no exact way was found to give ${[...new Set(commands)].slice(0, 3).join(', ')} a direct connection. Give it one, and the next run chooses transaction mode; \`pool: { mode: transaction }\` in pool-migrate.yml chooses it now.` : ', since nothing that uses it is ready for transaction mode.'}`,
        ]
      : []),
    ...(portReason !== null
      ? [`It listens on ${port} inside the network, so that the host alone changes: ${portReason}.`]
      : []),
  ];
}
