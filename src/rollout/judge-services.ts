/** `docker compose ps --format json`, and what it means for the rollout. Pure. */
import { failed, passed, type Verdict, warning } from './check.ts';
import { explainLog } from './explain-failure.ts';

export interface Container {
  service: string;
  state: string;
  /** Empty: it has no health check. */
  health: string;
  status: string;
}

/** One object a line (compose 2.21 and later), or one array. @throws SyntaxError */
export function readContainers(output: string): Container[] {
  const text = output.trim();
  if (text === '') return [];
  const parsed: unknown = text.startsWith('[') ? JSON.parse(text) : text.split('\n').map(line => JSON.parse(line));
  return (parsed as Record<string, unknown>[]).map(row => ({
    service: String(row.Service ?? ''),
    state: String(row.State ?? ''),
    health: String(row.Health ?? ''),
    status: String(row.Status ?? ''),
  }));
}

/** Services that have no container, or one that does not run well. */
export function listUnwell(services: readonly string[], containers: readonly Container[]): string[] {
  const isWell = ({ state, health }: Container): boolean =>
    state === 'running' && (health === '' || health === 'healthy');
  return services.filter(service => {
    const own = containers.filter(container => container.service === service);
    return own.length === 0 || !own.every(isWell);
  });
}

/** @param log Last lines of the services that are not well; '' where all are. */
export function judgeServices(services: readonly string[], containers: readonly Container[], log: string): Verdict {
  const of = (service: string) => containers.filter(container => container.service === service);
  const describe = (service: string): string => {
    const states = of(service).map(({ state, health, status }) =>
      state === 'running' ? health || 'running' : status || state,
    );
    return states.length === 0 ? `${service} has no container` : `${service} ${[...new Set(states)].join(', ')}`;
  };
  const unwell = listUnwell(services, containers);
  if (unwell.length > 0) {
    const evidence = unwell.map(describe).join('; ');
    const names = unwell.join(' ');
    const known = explainLog(log);
    if (known) return failed(`${evidence}: ${known.line}`, known.next);
    if (unwell.every(service => of(service).some(({ health }) => health === 'starting')))
      return failed(evidence, 'Wait until the health check has passed: docker compose up -d --wait');
    return failed(evidence, `docker compose up -d --build --wait ${names}, then docker compose logs ${names}`);
  }
  const evidence = services.map(describe).join('; ');
  const unchecked = services.filter(service => of(service).some(({ health }) => health === ''));
  if (unchecked.length === 0) return passed(evidence);
  return warning(
    `${evidence}; no health check: ${unchecked.join(', ')}`,
    'Give it a health check, so that what depends on it waits.',
  );
}
