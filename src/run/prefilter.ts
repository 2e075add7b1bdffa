/** Which files are worth reading, and which of those are worth parsing. */

import type { Config } from '../config/config.ts';
import { DEFAULT_PORT } from '../decide/index.ts';
import { FACT_LITERALS, FACT_PATTERN } from '../extract/index.ts';
import { POOL_LITERALS, POOL_PATTERN } from '../size/index.ts';
import type { Topology } from '../topology/index.ts';

/** At least one of these stands in every file that can hold a site or an engine. */
const LITERALS = [
  'postgres',
  'POSTGRES',
  'Postgres',
  'postgis',
  'psycopg',
  'asyncpg',
  'pgsql',
  'PGHOST',
  'PGOPTIONS',
  'ecto://',
  'create_engine',
  'create_async_engine',
  'DB_HOST',
  'DATABASE_HOST',
  'DATABASE_URL',
  'pg_dump',
  'pg_restore',
  'pg_isready',
  'pool-migrate',
  'Host=',
  'Server=',
];

/** What can be searched for before anything of the repository is known. */
export const FIRST_LITERALS: readonly string[] = [...LITERALS, ...FACT_LITERALS, ...POOL_LITERALS, '5432', '6432'];

/** Published ports and names of servers that the first search does not cover, as they would stand in a value. */
export function furtherLiterals(topology: Topology, config: Config): string[] {
  const names = serverNames(topology)
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
export function candidateFilter(topology: Topology, config: Config): RegExp {
  const names = serverNames(topology).map(name => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const named = names.length > 0 ? [`[@/"'=\\s:](?:${names.join('|')})(?:["':/?\\s,;]|$)`] : [];
  return new RegExp(
    [
      '(?:postg(?:res|resql|is)|pgsql|ecto|psql|timescale\\w*)(?:\\+\\w+)?:(?://|host=)',
      `\\b(?:${serverPorts(topology, config).join('|')})\\b`,
      '\\b(?:PGHOST|PGPORT|PGOPTIONS|POSTGRES\\w*_(?:HOST|PORT|SERVER)|(?:DB|DATABASE|SQL)_?(?:HOST|PORT|SERVER)\\w*|DATABASE_URL)\\b',
      'create_(?:async_)?engine\\(',
      '(?:psycopg|asyncpg|aiopg|pg8000)[^]*\\bhost\\b',
      '(?:Host|Server)\\s*=[^;\\n]*;',
      '\\b(?:psql|pg_\\w+)\\b[^\\n]*\\s(?:-h|--host)',
      'pool-migrate',
      'postgresql\\.cnpg\\.io',
      FACT_PATTERN,
      POOL_PATTERN,
      ...named,
    ].join('|'),
    'im',
  );
}

const serverPorts = (topology: Topology, config: Config): string[] => {
  const all = [...topology.servers, ...topology.poolers];
  const ports = [
    5432,
    config.pool.port === 'auto' ? DEFAULT_PORT : config.pool.port,
    config.pool.publishedPort,
    ...all.map(server => server.port),
    ...all.flatMap(server => server.published.flatMap(port => port.value ?? [])),
  ];
  return [...new Set(ports)].map(String);
};

const serverNames = (topology: Topology): string[] => [
  ...new Set([...topology.servers, ...topology.poolers].flatMap(server => server.names)),
];

/** Documents that may get a section, Dockerfiles, which tell what a service is built from, and migration tools. */
export const isAlwaysRead = (path: string): boolean =>
  /^(?:readme(?:\.(?:md|markdown|rst))?|CLAUDE\.md|AGENTS\.md|CONTRIBUTING\.md)$/i.test(path) ||
  /(?:^|\/)(?:[\w.-]*\.)?Dockerfile(?:\.[\w-]+)?$/i.test(path) ||
  /(?:^|\/)pgbouncer[\w.-]*\.ini$/.test(path) ||
  /(?:^|\/)(?:alembic\.ini|[Kk]ustomization(?:\.ya?ml)?|schema\.prisma|(?:prisma|drizzle)\.config\.\w+)$/.test(path);
