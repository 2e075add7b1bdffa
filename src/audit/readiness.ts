/** Which services can go through a transaction pool as they are, which can't, and what each of those needs. */
import type { Hazard, Site } from '../model.ts';
import type { Plan } from '../plan.ts';

export interface Readiness {
  ready: string[];
  /** `needs`: a connection of its own past the pooler, or a pool in session mode. */
  blocked: { service: string; needs: 'direct' | 'session'; because: Hazard[] }[];
}

export function readinessOf(plan: Plan): Readiness {
  const result: Readiness = { ready: [], blocked: [] };
  for (const { file, service } of clientsOf(plan)) {
    const paths = new Set(
      (plan.flow.services.get(`${file}\0${service}`) ?? []).flatMap(({ words: [fact, path] }) =>
        fact === 'needs-session' || fact === 'session-settings' ? [path] : [],
      ),
    );
    const own = plan.hazards.filter(({ severity, file: at }) => severity === 'error' && paths.has(at));
    const telling = own.filter(({ process }) => process !== undefined);
    if (telling.length === 0) result.ready.push(service);
    else {
      const needs = telling.some(({ process }) => process === 'direct') ? 'direct' : 'session';
      result.blocked.push({ service, needs, because: telling });
    }
  }
  return { ready: [...new Set(result.ready)], blocked: result.blocked };
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
    for (const one of placed) if (!others.has(one.service)) found.set(`${one.file}\0${one.service}`, one);
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
  const { ready, blocked } = readinessOf(plan);
  if (ready.length + blocked.length === 0) return [];
  const list = ready.length > 0 ? `: ${ready.join(', ')}` : '';
  const services = (count: number) => `${count} service${count === 1 ? '' : 's'}`;
  const head = `${services(ready.length)} can go to transaction mode today${list}${blocked.length > 0 ? `; ${services(blocked.length)} cannot:` : '.'}`;
  return [head, ...blocked.map(one => describeBlocked(one, plan))];
}

function describeBlocked({ service, needs, because }: Readiness['blocked'][number], plan: Plan): string {
  const rules = [...new Set(because.map(({ rule }) => rule))];
  const places = rules.map(rule => {
    const found = because.filter(hazard => hazard.rule === rule);
    return `${rule} at ${found[0]?.file}:${found[0]?.line}${found.length > 1 ? ` and ${found.length - 1} more` : ''}`;
  });
  const what =
    needs === 'direct'
      ? 'it stays direct (*_DIRECT)'
      : `mend that, or give it a pool in session mode: ${plan.config.assets.directory}/conf.d/session.ini.example`;
  return `${service}: ${places.join(', ')}; ${what}.`;
}
