/** Runs the health checks of containers when they are due: podman leaves that to systemd, which is not here. */
import { request } from 'node:http';

export interface HealthChecks {
  /** When a container (by name) was first seen healthy since its last start; milliseconds since 1970. */
  healthySince(name: string): number | undefined;
  stop(): Promise<void>;
}

interface Listed {
  Id: string;
  Names: string[];
  /** Seconds since 1970. */
  StartedAt: number;
  State: string;
}

/** What one start of a container is known for. */
interface Watched {
  name: string;
  interval: number;
  due: number;
  healthySince?: number;
}

/** As Docker does it: the first check one interval after the start, the next one an interval after the last has ended. */
export function startHealthChecks(socketPath: string): HealthChecks {
  const watched = new Map<string, Watched>();
  const get = (path: string) => ask(socketPath, `/v4.0.0/libpod${path}`);
  let stopped = false;

  async function watch(container: Listed): Promise<void> {
    const key = `${container.Id} ${container.StartedAt}`;
    const [name = container.Id] = container.Names;
    if (!watched.has(key)) {
      const inspected = (await get(`/containers/${container.Id}/json`)) as {
        Config?: { Healthcheck?: { Interval?: number } };
      };
      const interval = (inspected.Config?.Healthcheck?.Interval ?? 0) / 1e6;
      watched.set(key, { name, interval, due: interval > 0 ? Date.now() + interval : Number.POSITIVE_INFINITY });
    }
    const state = watched.get(key) as Watched;
    if (Date.now() < state.due) return;
    state.due = Number.POSITIVE_INFINITY;
    const result = (await get(`/containers/${container.Id}/healthcheck`)) as { Status?: string };
    if (result.Status === 'healthy') state.healthySince ??= Date.now();
    state.due = Date.now() + state.interval;
  }

  async function round(): Promise<void> {
    const listed = (await get('/containers/json')) as Listed[];
    // A check takes its time and must not delay those of others. A container may be gone meanwhile.
    for (const container of listed) watch(container).catch(() => {});
  }

  const loop = (async () => {
    while (!stopped) {
      await round().catch(() => {});
      await new Promise(resolve => setTimeout(resolve, 250));
    }
  })();

  return {
    healthySince: name => [...watched.values()].filter(state => state.name === name).at(-1)?.healthySince,
    async stop() {
      stopped = true;
      await loop;
    },
  };
}

function ask(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, headers: { host: 'podman' } }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${body}`));
        else resolve(JSON.parse(body));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
