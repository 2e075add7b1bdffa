/** Proofs of the rules about connection strings, by libpq (psql) and by drivers that read such parameters. */
import { attempt, type Cell, type Proof, python, type Scenario } from './proof.ts';
import { REFUSED_PATH } from './proofs-drivers.ts';
import { POSTGRES_BIN } from './run.ts';

/** psql with a URL, its query last. */
const psql =
  (query: string, question: string, portOf: (cell: Cell) => number = cell => cell.port): Scenario =>
  async cell => {
    const { host, user, password, database } = cell;
    // The pooler with TLS has no database of each cell.
    const name = portOf(cell) === cell.port ? database : 'app';
    const url = `postgresql://${user}:${password}@${host}:${portOf(cell)}/${name}?${query}`;
    return attempt(cell.program(`${POSTGRES_BIN}/psql`, ['-X', '-w', '-At', '-c', question, url]));
  };

const node =
  (query: string, question: string): Scenario =>
  async cell => {
    const { host, port, user, password, database } = cell;
    const client = await cell.connect({
      connectionString: `postgresql://${user}:${password}@${host}:${port}/${database}?${query}`,
    });
    const { rows } = await client.query(question);
    return `connected: ${Object.values(rows[0])[0]}`;
  };

const shows = /unsupported startup parameter/;

export const stringProofs: Record<string, Proof[]> = {
  'dsn-options': [
    {
      by: 'libpq',
      bad: psql('options=-c%20statement_timeout%3D5', 'SHOW statement_timeout'),
      good: psql('application_name=app', 'SHOW application_name'),
      shows,
    },
    {
      by: 'node-postgres',
      bad: node('options=-c%20statement_timeout%3D5', 'SHOW statement_timeout'),
      good: node('application_name=app', 'SHOW application_name'),
      shows,
    },
    {
      by: 'libpq (psycopg2), search_path',
      bad: python('options-search-path'),
      good: python('no-options'),
      ...REFUSED_PATH,
    },
  ],
  'dsn-search-path': [
    {
      by: 'asyncpg, search_path',
      bad: python('url-search-path'),
      good: python('url-name'),
      ...REFUSED_PATH,
    },
    {
      by: 'pgjdbc, currentSchema',
      bad: ({ java }) => java('search-path', 'currentSchema=@'),
      good: ({ java }) => java('search-path', 'ApplicationName=@'),
      ...REFUSED_PATH,
    },
  ],
  'dsn-setting': [
    { by: 'asyncpg, statement_timeout', bad: python('url-timeout'), good: python('url-name'), shows },
    { by: 'asyncpg, lock_timeout', bad: python('url-lock-timeout'), good: python('url-name'), shows },
    {
      by: 'node-postgres, statement_timeout',
      bad: node('statement_timeout=5000', 'SHOW statement_timeout'),
      good: node('application_name=app', 'SHOW application_name'),
      shows,
    },
    {
      by: 'node-postgres, idle_in_transaction_session_timeout',
      bad: node('idle_in_transaction_session_timeout=5000', 'SHOW idle_in_transaction_session_timeout'),
      good: node('application_name=app', 'SHOW application_name'),
      shows,
    },
  ],
  'ignored-startup-parameter': [
    {
      by: 'libpq, by a pooler that ignores options and statement_timeout',
      bad: psql('options=-c%20statement_timeout%3D5s', 'SHOW statement_timeout', cell => cell.tlsPort),
      good: psql('application_name=app', 'SHOW application_name', cell => cell.tlsPort),
      shows: /^0$/,
    },
  ],
  'dsn-channel-binding': [
    {
      by: 'libpq, over TLS',
      bad: psql('sslmode=require&channel_binding=require', 'SELECT 1', cell => cell.tlsPort),
      good: psql('sslmode=require&channel_binding=prefer', 'SELECT 1', cell => cell.tlsPort),
      shows: /did not offer an authentication method that supports channel binding/,
    },
  ],
  'dsn-tls-required': [
    {
      by: 'libpq, sslmode=require',
      bad: psql('sslmode=require', 'SELECT 1'),
      good: psql('sslmode=prefer', 'SELECT 1'),
      shows: /server does not support SSL/,
    },
  ],
};
