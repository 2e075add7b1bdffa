/** Which files are worth parsing, told from their bytes. */
import type { Config } from './config.ts';
import { baseOf } from './paths.ts';
import type { Topology } from './topology.ts';

/** Words that stand in every file with a connection to Postgres, or with an engine built elsewhere. */
const WORDS = ['postg(?:res|is)', 'psycopg', 'asyncpg', 'pgsql', 'PGHOST', 'PGPORT', 'create_(?:async_)?engine', 'DB_HOST', 'DATABASE_HOST', 'pg_(?:dump|restore|isready)', 'pool-migrate'];

/** A file that matches can hold a site: it is the only test that most files ever see. */
export function candidateFilter(topology: Topology, config: Config): RegExp {
  const servers = [...topology.servers, ...topology.poolers];
  const ports = new Set([5432, config.pool.port, config.pool.publishedPort, ...servers.map(server => server.port), ...servers.flatMap(server => server.published.flatMap(port => port.value ?? []))]);
  const names = servers.flatMap(server => server.names).filter(name => name.length > 3);
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  // Names are common words (`db`, `database`), so they count only where an endpoint or a value could be.
  const named = names.length > 0 ? [`(?:[@/"'=:\\s])(?:${names.map(escape).join('|')})["':/]`] : [];
  return new RegExp([...WORDS, ...named, `\\b(?:${[...ports].join('|')})\\b`].join('|'), 'i');
}

const ENVIRONMENT = /^(?:\.env(?:[._-][\w.-]+)?|[\w.-]*\.env(?:[._-](?:example|sample|template|dist|defaults?|tpl|local))?|env[.-](?:example|sample|template|dist)[\w.-]*|(?:example|sample)[._-]env|\.envrc[\w.-]*)$/i;

export const isEnvironmentFile = (path: string): boolean =>
  ENVIRONMENT.test(baseOf(path)) && !/\.(?:ts|js|py|go|rb|json|sh|d\.ts)$/i.test(path);

/** Documents that may get a section, and Dockerfiles, which tell what a service is built from. */
export const isAlwaysRead = (path: string): boolean =>
  /^(?:readme(?:\.(?:md|markdown|rst))?|CLAUDE\.md|AGENTS\.md|CONTRIBUTING\.md)$/i.test(path) || /(?:^|\/)(?:[\w.-]*\.)?Dockerfile(?:\.[\w-]+)?$/i.test(path);
