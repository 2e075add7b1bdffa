/** Which services can go through a transaction pool as they are, which can't, and what each of those needs. */
import type { Hazard, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';

export interface Readiness {
  ready: string[];
  /** Those that also run something, mostly migrations, that has to go past the pooler first. */
  afterwards: string[];
  /** `needs`: a connection of its own past the pooler, or a pool in session mode. */
  blocked: { service: string; needs: 'direct' | 'session'; because: Hazard[] }[];
}

export function readinessOf(plan: Plan): Readiness {
  const result: Readiness = { ready: [], afterwards: [], blocked: [] };
  const isShared = (name: string) => plan.sites.some(site => site.directUses.some(({ service }) => service === name));
  for (const { file, service } of clientsOf(plan)) {
    const paths = new Set(
      (plan.flow.services.get(`${file}\0${service}`) ?? []).flatMap(({ words: [fact, path] }) =>
        fact === 'needs-session' || fact === 'session-settings' ? [path] : [],
      ),
    );
    const own = plan.hazards.filter(({ severity, file: at }) => severity === 'error' && paths.has(at));
    const telling = own.filter(({ process }) => process !== undefined);
    if (telling.length === 0) (isShared(service) ? result.afterwards : result.ready).push(service);
    else {
      const needs = telling.some(({ process }) => process === 'direct') ? 'direct' : 'session';
      result.blocked.push({ service, needs, because: telling });
    }
  }
  const once = (names: string[]) => [...new Set(names)];
  return { ready: once(result.ready), afterwards: once(result.afterwards), blocked: result.blocked };
}

/** Services of compose files that connect to a server or its pooler, but for those that only have to be direct. */
function clientsOf({ sites, topology, flow }: Plan): { file: string; service: string }[] {
  const others = new Set([...topology.servers, ...topology.poolers, ...topology.others].map(({ service }) => service));
  const found = new Map<string, { file: string; service: string }>();
  const isOurs = ({ resolution }: Site) => /^(?:server|published|pooler)$/.test(resolution.kind);
  for (const site of sites.filter(isOurs)) {
    if (site.action === 'leave' && site.resolution.kind !== 'pooler') continue;
    const names = [site.service, ...site.uses.map(use => use.service)];
    const placed = topology.stacks.has(site.file)
      ? names.flatMap(service => (service ? [{ file: site.file, service }] : []))
      : (flow.receivers.get(`${site.file}\0${site.key}`) ?? []);
    const isClient = ({ service }: { service: string }) =>
      !others.has(service) && !site.splitServices.includes(service);
    for (const one of placed.filter(isClient)) found.set(`${one.file}\0${one.service}`, one);
  }
  // What only migrates or dumps is direct for another reason.
  return [...found.values()].filter(({ file, service }) => {
    const own = sites.filter(site => isOurs(site) && site.file === file && site.service === service);
    return own.length === 0 || own.some(({ action, rule }) => action !== 'direct' || rule === 'code-with-session');
  });
}

/** Sentences for summaries; none where no service is known to connect. */
export function describeReadiness(plan: Plan): string[] {
  if (plan.config.pool.mode !== 'transaction') return [];
  const { ready, afterwards, blocked } = readinessOf(plan);
  if (ready.length + afterwards.length + blocked.length === 0) return [];
  const services = (count: number) => `${count} service${count === 1 ? '' : 's'}`;
  const parts = [
    `${services(ready.length)} can go to transaction mode today${ready.length > 0 ? `: ${ready.join(', ')}` : ''}`,
    ...(afterwards.length > 0
      ? [`${services(afterwards.length)} as soon as migrations and the like go direct: ${afterwards.join(', ')}`]
      : []),
    ...(blocked.length > 0 ? [`${services(blocked.length)} cannot`] : []),
  ];
  return [parts.join('; ') + (blocked.length > 0 ? ':' : '.'), ...blocked.map(one => describeBlocked(one, plan))];
}

function describeBlocked({ service, needs, because }: Readiness['blocked'][number], plan: Plan): string {
  const rules = [...new Set(because.map(({ rule }) => rule))];
  const places = rules.map(rule => {
    const found = because.filter(hazard => hazard.rule === rule);
    return `${rule} at ${found[0]?.file}:${found[0]?.line}${found.length > 1 ? ` and ${found.length - 1} more` : ''}`;
  });
  const what =
    needs === 'direct'
      ? 'it needs a connection of its own (*_DIRECT)'
      : `mend that, or give it a pool in session mode: ${plan.config.assets.directory}/conf.d/session.ini.example`;
  return `${service}: ${places.join(', ')}; ${what}.`;
}
