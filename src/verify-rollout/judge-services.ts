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

/** @param log Last lines of the services that do not run well; '' where all do. */
export function judgeServices(services: readonly string[], containers: readonly Container[], log: string): Verdict {
  const rows = services.map(service => ({
    service,
    all: containers.filter(container => container.service === service),
  }));
  const describe = ({ service, all }: (typeof rows)[number]): string =>
    all.length === 0
      ? `${service} has no container`
      : `${service} ${[...new Set(all.map(({ state, health, status }) => (state === 'running' ? health || 'running' : status || state)))].join(', ')}`;
  const bad = rows.filter(
    ({ all }) => all.length === 0 || all.some(({ state, health }) => state !== 'running' || isIll(health)),
  );
  const evidence = (bad.length > 0 ? bad : rows).map(describe).join('; ');
  if (bad.length > 0) {
    const names = bad.map(({ service }) => service).join(' ');
    const known = explainLog(log);
    if (known) return failed(`${evidence}: ${known.line}`, known.next);
    if (bad.every(({ all }) => all.some(({ health }) => health === 'starting')))
      return failed(evidence, 'Wait until the health check has passed: docker compose up -d --wait');
    return failed(evidence, `docker compose up -d --build --wait ${names}, then docker compose logs ${names}`);
  }
  const unchecked = rows.filter(({ all }) => all.some(({ health }) => health === ''));
  if (unchecked.length === 0) return passed(evidence);
  return warning(
    `${evidence}; no health check: ${unchecked.map(({ service }) => service).join(', ')}`,
    'Give it a health check, so that what depends on it waits.',
  );
}

const isIll = (health: string): boolean => health !== '' && health !== 'healthy';
