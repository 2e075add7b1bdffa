/** Which files are worth reading, and which of those are worth parsing. */

import { type Config, poolPortsOf } from '../config/config.ts';
import { isElsewhere } from '../config/pool-kind.ts';
import { DEFAULT_PORT } from '../decide/index.ts';
import { FACT_LITERALS, FACT_PATTERN } from '../extract/index.ts';
import { POOL_LITERALS, POOL_PATTERN } from '../size/index.ts';
import type { Topology } from '../topology/index.ts';

/** At least one of these stands in every file that can hold a site or an engine, or a literal of the topology. */
const SITE_LITERALS = [
  'postgres',
  'POSTGRES',
  'Postgres',
  'postgis',
  'psycopg',
  'asyncpg',
  'pgsql',
  'PGHOST',
  'PGPORT',
  'PGOPTIONS',
  'timescale',
  'psql',
  'ecto://',
  'create_engine',
  'create_async_engine',
  'DB_HOST',
  'DB_PORT',
  'DB_SERVER',
  'DATABASE_HOST',
  'DATABASE_PORT',
  'DATABASE_SERVER',
  'SQL_HOST',
  'SQL_PORT',
  'DATABASE_URL',
  'pg_dump',
  'pg_restore',
  'pg_isready',
  'pool-migrate',
  'Host=',
  'Server=',
  '5432',
  '6432',
];

/** Groups of literals for the search: places, calls that say what a program does, and pools of clients. */
export const siteLiterals = (topology: Topology, config: Config): (readonly string[])[] => [
  [...new Set([...SITE_LITERALS, ...furtherLiterals(topology, config)])],
  FACT_LITERALS,
  POOL_LITERALS,
];

/** Published ports and names of servers that are not searched for anyway, as they would stand in a value. */
function furtherLiterals(topology: Topology, config: Config): string[] {
  const names = serverNames(topology, config)
    .filter(name => !/postgres/.test(name))
    .flatMap(name =>
      // A short or common one only where nothing else can be meant.
      name.length > 3 && name !== 'database'
        ? [`@${name}`, `"${name}`, `'${name}`, `=${name}`, `//${name}`]
        : [
            `@${name}:`,
            `@${name}/`,
            `"${name}"`,
            `'${name}'`,
            `host=${name}`,
            `Server=${name}`,
            `-h ${name} `,
            `=${name}:`,
          ],
    );
  const ports = serverPorts(topology, config).filter(port => !/5432|6432/.test(port));
  return [...ports, ...names];
}

/**
 * The second look, at the content of a file with one of the literals: a word like `postgres` alone is no endpoint, and
 * parsing is what costs.
 */
export function candidateFilter(topology: Topology, config: Config): (text: string, groups: number) => boolean {
  const names = serverNames(topology, config).map(name => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const named = names.length > 0 ? [`[@/"'=\\s:](?:${names.join('|')})(?:["':/?\\s,;]|$)`] : [];
  const ports = serverPorts(topology, config).join('|');
  const site = new RegExp(
    [
      '(?:postg(?:res|resql|is)|pgsql|ecto|psql|timescale\\w*)(?:\\+\\w+)?:(?://|host=)',
      // Not a part of a longer number, nor one of a list of them.
      `(?:^|[^\\w.,-]|,\\s+|-p)(?:${ports})\\b(?![.,]\\d)`,
      `,(?:${ports})\\s*\\)`,
      '\\b(?:PGHOST|PGPORT|PGOPTIONS|POSTGRES\\w*_(?:HOST|PORT|SERVER)\\w*|(?:DB|DATABASE|SQL)_?(?:HOST|PORT|SERVER)\\w*|DATABASE_URL)\\b',
      'create_(?:async_)?engine\\(',
      '\\b(?:Host|Server)\\s*=[^;\\n]{0,300};[^\\n]{0,600}\\b(?:Database|Catalog|User|Uid|Port|Pass|Pwd)[\\w ]*=',
      '\\b(?:Database|Catalog|User|Uid|Port|Pass|Pwd)[\\w ]*=[^;\\n]{0,300};[^\\n]{0,600}\\b(?:Host|Server)\\s*=',
      '\\b(?:psql|pg_\\w+)\\b[^\\n]{0,300}\\s(?:-h|--host)',
      'pool-migrate',
      'postgresql\\.cnpg\\.io',
      ...named,
    ].join('|'),
    'im',
  );
  const facts = new RegExp(FACT_PATTERN, 'im');
  const pools = new RegExp(POOL_PATTERN, 'im');
  const tests = [
    (text: string) => site.test(text) || namesHostOfDriver(text),
    (text: string) => facts.test(text),
    (text: string) => pools.test(text),
  ];
  return (text, groups) => tests.some((holds, i) => (groups >> i) & 1 && holds(text));
}

/** A driver, and a host somewhere behind it. */
function namesHostOfDriver(text: string): boolean {
  const at = text.search(/psycopg|asyncpg|aiopg|pg8000/i);
  return at !== -1 && /\bhost\b/i.test(text.slice(at));
}

const serverPorts = (topology: Topology, config: Config): string[] => {
  const all = [...topology.servers, ...topology.poolers];
  const ports = [
    5432,
    ...poolPortsOf(config, DEFAULT_PORT),
    ...all.map(server => server.port),
    ...all.flatMap(server => server.published.flatMap(port => port.value ?? [])),
  ];
  return [...new Set(ports)].map(String);
};

/** A pooler that is elsewhere is known by its host alone. */
const serverNames = (topology: Topology, { pool }: Config): string[] => [
  ...new Set([
    ...[...topology.servers, ...topology.poolers].flatMap(server => server.names),
    ...(isElsewhere(pool) ? [pool.host] : []),
  ]),
];

/** Documents that may get a section, Dockerfiles, which tell what a service is built from, and migration tools. */
export const isAlwaysRead = (path: string): boolean =>
  /^(?:readme(?:\.(?:md|markdown|rst))?|CLAUDE\.md|AGENTS\.md|CONTRIBUTING\.md)$/i.test(path) ||
  /(?:^|\/)(?:[\w.-]*\.)?Dockerfile(?:\.[\w-]+)?$/i.test(path) ||
  /(?:^|\/)pgbouncer[\w.-]*\.ini$/.test(path) ||
  /(?:^|\/)(?:alembic\.ini|[Kk]ustomization(?:\.ya?ml)?|schema\.prisma|(?:prisma|drizzle)\.config\.\w+)$/.test(path);
