/**
 * The runbook of a generated PgBouncer, with what is true of this repository and nothing else.
 * Pure: what the plan knows, in; Markdown, out.
 */

import { type AssetInput, certificatesOf, UID } from './asset-input.ts';
import { bases } from './bases.ts';
import { findPublicImage } from './public-images.ts';
import { listKnownHoles, securityFloor } from './versions.ts';

export function renderRunbook(input: AssetInput): string {
  const sections = [
    head(input),
    places(input),
    pooledOrDirect(input),
    lookingInside(input),
    sizing(input),
    ...(input.celery ? [celery] : []),
    failures(input),
    changes(input),
    ...(input.envFiles.length > 0 ? [existingEnvFiles(input)] : []),
    settings(input),
    versions(input),
    checklist(input),
  ];
  return `${sections.join('\n\n')}\n`;
}

const code = (text: string): string => `\`${text}\``;
const names = (all: readonly string[]): string => all.map(code).join(', ');
const lines = (...all: (string | false)[]): string => all.filter(line => line !== false).join('\n');
const isSession = ({ poolMode }: AssetInput): boolean => poolMode === 'session';

/** Names come from the user's files and end up in Markdown: an odd one gives way to a neutral word. */
const listed = (all: readonly string[], neutral: string): string =>
  names([...new Set((all.length > 0 ? all : [neutral]).map(name => (/^[\w.-]+$/.test(name) ? name : neutral)))]);

/** E.g.: `localhost:${HOST_PGBOUNCER_PORT:-6432}` */
function onHost(port: string | null): string {
  if (port === null) return 'not published';
  return /^[\w${}:.?-]+$/.test(port) ? code(`localhost:${port}`) : 'see the compose file';
}

const pooledOnHost = ({ publishedPort, hostPortVariable }: AssetInput): string =>
  onHost(publishedPort === null ? null : `\${${hostPortVariable}:-${publishedPort}}`);

const MEANINGS: Record<string, string> = {
  transaction: 'a client holds one only while a transaction runs',
  session: 'a client holds one as long as it stays connected, and those that come too many wait',
  statement: 'a client holds one only while a statement runs',
};

const head = ({ poolMode }: AssetInput): string =>
  lines(
    '# PgBouncer',
    '',
    'Between the application and Postgres, PgBouncer lets many client connections share few server connections: in',
    `${code(poolMode)} mode ${MEANINGS[poolMode] ?? MEANINGS.transaction}. No single query gets faster.`,
  );

function places(input: AssetInput): string {
  const { server, poolService, poolPort, directory, composeFile, features, image } = input;
  return lines(
    '## What runs where',
    '',
    '| | inside the compose network | on the host |',
    '|---|---|---|',
    `| pooled (PgBouncer) | ${code(`${poolService}:${poolPort}`)} | ${pooledOnHost(input)} |`,
    `| direct (Postgres) | ${code(`${server.service}:${server.port}`)} | ${onHost(server.publishedPort)} |`,
    '',
    `- Databases: ${listed(input.databases, '$POSTGRES_DB')}${input.isRouted ? '' : '; any other of the server is there under its own name too'}. Users: ${listed(input.users, '$POSTGRES_USER')}.`,
    features.has('auth-query') &&
      `- Every role of the server can log in: PgBouncer asks Postgres for its password (${code(settingName('PGBOUNCER_AUTH_QUERY', input) ?? '')}), for which \`POSTGRES_USER\` must be a superuser.`,
    ...(image === null
      ? [
          `- ${code(`${directory}/docker-entrypoint.sh`)} writes ${code('pgbouncer.ini')} and ${code('userlist.txt')} when the container starts, from the ${code('PGBOUNCER_*')} and`,
          `  ${code('POSTGRES_*')} variables in ${code(composeFile)}. Nothing secret is in the image.`,
        ]
      : [`- ${code(image)} takes its settings from the variables in ${code(composeFile)}, under names of its own.`]),
  );
}

function pooledOrDirect(input: AssetInput): string {
  const { server, variables, directRun, poolService, bypass } = input;
  const migrations = input.migrations.length === 0 ? '' : ` (${names(input.migrations)})`;
  return lines(
    '## Pooled or direct',
    '',
    '| Caller | Goes |',
    '|---|---|',
    '| web, API, workers, scheduled jobs | pooled |',
    `| migrations${migrations} | direct: they take session locks and change settings |`,
    '| `pg_dump`, `pg_restore`, `psql -f`, `CREATE DATABASE`, replication, exporters, pgAdmin for maintenance | direct |',
    isSession(input)
      ? '| `LISTEN`, session locks, temporary tables | pooled: a client has its server connection to itself until it disconnects |'
      : '| `LISTEN`, session advisory locks, leader election | direct: they need a session of their own |',
    '',
    ...(isSession(input)
      ? []
      : [
          'Through the pool the following does not survive the end of a transaction, and may be seen by another client: `SET` (use',
          '`SET LOCAL`), temporary tables, session advisory locks, `PREPARE` in SQL, `LISTEN`, `WITH HOLD` cursors.',
          '',
        ]),
    variables.length > 0
      ? `Each pooled variable has a direct one: ${variables.map(({ pooled, direct }) => `${code(pooled)} → ${code(direct)}`).join(', ')}.`
      : `What has to go direct connects to ${code(`${server.service}:${server.port}`)}.`,

    ...(directRun === null
      ? []
      : [
          'The variable must expand in the container, hence `sh -c` and single quotes:',
          '',
          '```sh',
          `docker compose run --rm ${directRun.service} sh -c '${directRun.command}'`,
          '```',
        ]),
    ...(directRun === null ? [] : ['']),
    bypass !== null &&
      `${code(`${bypass}=1`)} sends the scripts and smoke tests that honour it to Postgres by their direct variable, which alone changes nothing.`,
    `After a migration that changes tables, ${code(`docker compose restart ${poolService}`)}: pooled connections may hold plans for the old columns (\`cached plan must not change result type\`).`,
  );
}

function lookingInside({ poolService, poolPort, statusScript }: AssetInput): string {
  return lines(
    '## Looking inside',
    '',
    '```sh',
    `docker compose ps ${poolService} && docker compose logs --tail 100 ${poolService} # healthy: a query went through the pool`,
    `docker compose exec ${poolService} psql -h localhost -p ${poolPort} pgbouncer -c "SHOW POOLS"`,
    statusScript !== null && `sh ${/^[\w./-]+$/.test(statusScript) ? statusScript : `'${statusScript}'`}`,
    '```',
    '',
    '`cl_waiting` above 0 for long, or `maxwait` growing: the pool is too small, or transactions stay open. `pg_isready` succeeds',
    `with Postgres down, since PgBouncer answers it: trust a query, ${code(`docker compose exec ${poolService} psql -c 'SELECT 1'`)}.`,
  );
}

function sizing(input: AssetInput): string {
  return lines(
    '## Sizing',
    '',
    // Filled by the sums of `size`, once the plan is there.
    '<!-- sizing -->',
    '',
    'One pool per (user, database) pair: (`PGBOUNCER_DEFAULT_POOL_SIZE` + `PGBOUNCER_RESERVE_POOL_SIZE`) × pairs + direct connections ≤',
    '`max_connections` − 3, and `PGBOUNCER_MAX_CLIENT_CONN` ≥ 1.2 × (processes × client pool, summed over all that connect).',
    ...(isSession(input)
      ? [
          `Each client keeps a server connection, so the pool is nearly as large as Postgres admits (${code(String(input.poolSize))}). Clients beyond it wait, and`,
          'fail after `PGBOUNCER_QUERY_WAIT_TIMEOUT`: keep the client pools small.',
        ]
      : [
          'Start at 2 × cores of the database server, between 5 and 20. Raise it only while `cl_waiting` stays above 0 and Postgres has CPU',
          "to spare. The client pool's own timeout must be shorter than `PGBOUNCER_QUERY_WAIT_TIMEOUT`, or its error never shows.",
        ]),
  );
}

const celery = lines(
  'Celery: a prefork worker opens connections in every child: clients = worker containers × concurrency × engines per process ×',
  '(`pool_size` + `max_overflow`). Keep the client pools small (1 or 2, and 0): PgBouncer does the sharing. The result backend has a',
  'pool of its own: `database_engine_options = {"pool_size": 1, "max_overflow": 0}`. End the transaction before long work.',
);

/** What the image calls a setting; null: it has none for it. */
const settingName = (name: string, { image }: AssetInput): string | null =>
  image === null ? name : (findPublicImage(image)?.settings[name]?.[0] ?? null);

function failures(input: AssetInput): string {
  const query = settingName('PGBOUNCER_CONNECT_QUERY', input);
  const rows: [message: string, what: string][] = [
    [
      '`SASL authentication failed`, `password authentication failed`',
      'a wrong password, or a user that PgBouncer does not know: compare `POSTGRES_USER` and `POSTGRES_PASSWORD` of both services; other users: see Settings',
    ],
    [
      '`unsupported startup parameter: …`',
      `the driver sends settings when it connects: move them to \`ALTER ROLE … SET\`${query === null ? '' : `, or ${code(`${query}="SET statement_timeout = '30s'"`)}`}; for \`extra_float_digits\` (JDBC, Go \`lib/pq\`) ${code(`${settingName('PGBOUNCER_IGNORE_STARTUP_PARAMETERS', input)}=extra_float_digits, options`)}`,
    ],
    ...(isSession(input)
      ? []
      : ([
          [
            '`prepared statement "x" does not exist`, `… already exists`',
            'PgBouncer before 1.21, or SQL `PREPARE`: upgrade, or turn them off in the driver; Go `lib/pq`: `binary_parameters=yes`',
          ],
          [
            '`cursor "…" does not exist`',
            'a cursor outside a transaction: wrap it in one; Django: `DISABLE_SERVER_SIDE_CURSORS = True`',
          ],
          [
            '`relation "x" does not exist`, now and then',
            'another client has set or emptied `search_path`: find the `SET`; run dumps direct',
          ],
        ] as [string, string][])),
    ['`query_wait_timeout`', 'no server connection became free: look for open transactions, then raise the pool size'],
    [
      '`no more connections allowed (max_client_conn)`; `remaining connection slots are reserved`',
      'raise `PGBOUNCER_MAX_CLIENT_CONN`; the pools are larger than `max_connections` allows: see Sizing',
    ],
    [
      '`server login has been failing`, `connect failed`',
      `Postgres is down or just came back; PgBouncer tries again every ${code(settingName('PGBOUNCER_SERVER_LOGIN_RETRY', input) ?? '')} seconds`,
    ],
    [
      '`server does not support SSL, but SSL was required`',
      '`sslmode=require` in the client, and no TLS here: `prefer` inside the network, or see Settings',
    ],
    ...(input.image === null
      ? ([
          ['`pgbouncer entrypoint: refused: …`', 'a setting that cannot work: the message says which, and what to do'],
        ] as [string, string][])
      : []),
  ];
  return lines(
    '## When something fails',
    '',
    '| Message | Cause, and what to do |',
    '|---|---|',
    ...rows.map(([message, what]) => `| ${message} | ${what} |`),
  );
}

function changes({ poolService, poolPort, server, valueFiles }: AssetInput): string {
  const endpoint = code(`${server.service}:${server.port}`);
  const more = valueFiles.length > 6 ? ` and ${valueFiles.length - 6} more` : '';
  const where = valueFiles.length === 0 ? '' : ` in ${names(valueFiles.slice(0, 6))}${more}`;
  return lines(
    '## Passwords and rollback',
    '',
    'PgBouncer reads the password when it starts. After a change in Postgres, change `POSTGRES_PASSWORD` (or its secret file) and run',
    `${code(`docker compose up -d --force-recreate ${poolService}`)}.`,
    `To go back at once, set ${code(`${poolService}:${poolPort}`)} back to ${endpoint}${where} and restart the application. For good: revert the commit`,
    'that brought PgBouncer, or run `pool-migrate undo`. Postgres itself was not changed.',
  );
}

function existingEnvFiles(input: AssetInput): string {
  const { poolService, poolPort, envFiles, variables } = input;
  const pooled = variables.length > 0 ? names(variables.map(one => one.pooled)) : 'the connection variables';
  return lines(
    '## Existing `.env` files',
    '',
    `A copy of ${names(envFiles)} that is not under version control keeps its old values, and those override the new defaults. In each,`,
    `change ${pooled} to host ${code(poolService)}, port ${code(String(poolPort))} (on the host: ${pooledOnHost(input)})`,
    `${variables.length > 0 ? `and keep the old value in ${names(variables.map(one => one.direct))}. The` : 'The'} \`PGBOUNCER_*\` variables of the template may be left to their defaults.`,
  );
}

function settings({ directory, server, poolMode, poolService, features, image }: AssetInput): string {
  const uid = image === null ? UID : findPublicImage(image)?.uid;
  return lines(
    '## Settings',
    '',
    `| for | set, then ${code(`docker compose up -d ${image === null ? '--build ' : ''}--force-recreate ${poolService}`)} |`,
    '|---|---|',
    ...(image === null
      ? [
          `| any setting of PgBouncer | \`PGBOUNCER_NAME\` in the compose file, or ${code(`${directory}/custom.ini`)}, which wins and has databases with settings of their own; what PgBouncer does not know it refuses |`,
          features.has('users')
            ? '| a further user | `PGBOUNCER_USER_…` and `PGBOUNCER_PASSWORD_…` with any number that is not taken yet |'
            : `| a further user | a line ${code('add_user "$REPORTS_USER" "$REPORTS_PASSWORD" REPORTS_PASSWORD')} below the first in ${code('docker-entrypoint.sh')}, and both variables; for all roles ${code('auth-query')} in ${code('assets.features')} of pool-migrate.yml |`,
        ]
      : [
          `| any setting of PgBouncer | the variable that ${code(image)} has for it; see ${findPublicImage(image)?.source} |`,
        ]),
    features.has('databases') &&
      `| another database | ${code(`PGBOUNCER_DATABASES`)}: ${code(`name=${server.service}:${server.port}`)} for each, separated by spaces; all others are refused |`,
    features.has('processes') &&
      '| more than one core | `PGBOUNCER_PROCESSES`: pools and limits are per process, so divide the pool size |',
    features.has('client-tls') || features.has('server-tls')
      ? `| TLS | certificates in ${code(`${directory}/tls`)} (files that uid ${uid} can read): ${names(certificatesOf(features))} |`
      : `| TLS | ${code('client-tls')}, ${code('server-tls')} in ${code('assets.features')} of pool-migrate.yml, or its settings and files that uid ${uid} can read |`,
    poolMode === 'transaction' &&
      image === null &&
      '| a test that shows lost session state | `PGBOUNCER_SERVER_ROUND_ROBIN=1`, `PGBOUNCER_DEFAULT_POOL_SIZE=2`, `PGBOUNCER_MIN_POOL_SIZE=2`: each transaction comes to another server connection |',
  );
}

function versions({ base, poolService, image }: AssetInput): string {
  if (image !== null)
    return `Security floor: **PgBouncer ${securityFloor}**. Keep the port off public interfaces, and move ${code(image)} to a newer tag when there is one.`;
  const { name, pgbouncer } = bases[base];
  const holes = listKnownHoles(pgbouncer);
  return lines(
    `Security floor: **PgBouncer ${securityFloor}**. The image is built on ${name}, which ships ${pgbouncer}. Keep the port off public interfaces,`,
    `and rebuild when the base has a newer package (${code(`docker compose build --pull --no-cache ${poolService}`)}).`,
    holes.length > 0 &&
      `Unless the distribution has mended them, that release has ${holes.map(({ id, fixed }) => `${id} (mended in ${fixed})`).join(', ')}.`,
  );
}

const checklist = ({ variables, envFiles }: AssetInput): string =>
  lines(
    '## Rollout checklist',
    '',
    '- [ ] `docker compose up --build`: PgBouncer becomes healthy, the application connects through the pool',
    '- [ ] Representative runs succeed, background jobs too',
    variables.length > 0 && '- [ ] The test suite passes with the pooled value, and again with the direct one',
    '- [ ] `SHOW POOLS` under load: clients appear (so the pool is really used), `cl_waiting` falls back to 0',
    `- [ ] One migration and one backup ran direct; a password change and a rollback were rehearsed${envFiles.length > 0 ? '; local `.env` files were updated' : ''}`,
    '- [ ] What was tuned after live tests (date, load, setting, before, after, why):',
  );
