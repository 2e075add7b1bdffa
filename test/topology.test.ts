/** Who gets a value, and over which names it leads where: several files, services and servers. */
import { expect, test } from 'vitest';
import { defaultConfig } from '../src/config/config.ts';
import type { Plan } from '../src/plan/plan.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { makeRepository } from './repository.ts';

const DSN = 'postgres://app:pw@db:5432/app';
const DB =
  '  db:\n    image: postgres:15\n    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }\n';

type Files = Record<string, string>;

const plan = (files: Files, services: string[] = []): Promise<Plan> =>
  planMigration({
    cwd: makeRepository(files),
    unsafe: true,
    config: false,
    overrides: () => ({ ...defaultConfig(), services }),
  });

/** `file key: action rule`, with the replacement's safety where pooled. */
const show = ({ sites }: Plan): string[] =>
  sites.map(
    ({ file, key, action, rule, safety }) =>
      `${file} ${key}: ${action === 'pooled' ? `${action} ${safety}` : action} ${rule}`,
  );

const after = ({ changes }: Plan, path: string): string => changes.find(({ file }) => file === path)?.after ?? '';

const MANIFEST = `apiVersion: v1
kind: Service
metadata: { name: db }
spec: { selector: { app: db }, ports: [{ port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec: { template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: db, image: "postgres:15" }] } } }
`;
const workload = (kind: string, name: string, command: string, env: string): string => `---
apiVersion: batch/v1
kind: ${kind}
metadata: { name: ${name} }
spec:
  template:
    spec:
      containers:
        - name: main
          image: acme/app
          command: ${command}
          ${env}
`;
const configMap = (kind: string, data: string): string =>
  `---\napiVersion: v1\nkind: ${kind}\nmetadata: { name: settings }\n${data}\n`;
const FROM_CONFIG = 'envFrom: [{ configMapRef: { name: settings } }]';

const CASES: [name: string, files: Files, expected: string[]][] = [
  // Must not be pooled.
  [
    'a base64 Secret',
    { 'k8s.yaml': MANIFEST + configMap('Secret', `data: { URL: ${Buffer.from(DSN).toString('base64')} }`) },
    ['k8s.yaml URL: review base64-secret'],
  ],
  [
    'a manifest that names the server of compose',
    { 'compose.yaml': `services:\n${DB}`, 'k8s.yaml': configMap('ConfigMap', `data: { URL: "${DSN}" }`) },
    ['k8s.yaml URL: review other-network'],
  ],
  [
    'a Job that migrates',
    {
      'k8s.yaml':
        MANIFEST + workload('Job', 'prepare', '[alembic, upgrade, head]', `env: [{ name: URL, value: "${DSN}" }]`),
    },
    ['k8s.yaml URL: direct migration-command'],
  ],
  [
    'a ConfigMap that only a migration gets',
    {
      'k8s.yaml': MANIFEST + workload('Job', 'prepare', '[alembic, upgrade, head]', FROM_CONFIG),
      'config.yaml': configMap('ConfigMap', `data: { URL: "${DSN}" }`),
    },
    ['config.yaml URL: direct migration-command'],
  ],
  [
    'an env file that a migration tool is configured for',
    {
      'compose.yaml': `services:\n${DB}`,
      '.env.example': `DATABASE_URL=${DSN}\n`,
      'prisma/schema.prisma': 'datasource db {\n  url = env("DATABASE_URL")\n}\n',
    },
    ['.env.example DATABASE_URL: pooled safe wired-apart'],
  ],
  [
    'code that sets something for its session',
    {
      'compose.yaml': `services:\n${DB}  app:\n    build: .\n    environment: { URL: "${DSN}" }\n`,
      'app.py': 'conn.execute("SET SESSION ROLE tenant")\n',
    },
    ['compose.yaml URL: pooled safe application-url'],
  ],
  [
    'several servers: the name tells which is meant',
    {
      'compose.yaml': `services:\n${DB}  other:\n    image: postgres:15\n  app:\n    image: acme/app\n    environment: { URL: "${DSN}" }\n`,
    },
    ['compose.yaml URL: pooled safe application-url'],
  ],
  [
    'a ConfigMap that an application and a migration get',
    {
      'k8s.yaml':
        MANIFEST +
        workload('Deployment', 'api', '[uvicorn, app]', FROM_CONFIG) +
        workload('Job', 'prepare', '[alembic, upgrade, head]', FROM_CONFIG) +
        configMap('ConfigMap', `data: { URL: "${DSN}" }`),
    },
    ['k8s.yaml URL: pooled unsafe application-url'],
  ],

  [
    'a compose file under another name',
    {
      'deploy/app.yml': `version: '3'\nservices:\n${DB}  app:\n    image: acme/app\n    environment: { URL: "${DSN}" }\n`,
    },
    ['deploy/app.yml URL: pooled safe application-url'],
  ],
  [
    'a server that extends one of another file',
    {
      'base/common.yml': `services:\n${DB}`,
      'compose.yaml': `services:\n  db:\n    extends: { file: base/common.yml, service: db }\n  app:\n    image: acme/app\n    environment: { URL: "${DSN}" }\n`,
    },
    ['compose.yaml URL: pooled safe application-url'],
  ],
  [
    'an environment that a migration extends',
    {
      'compose.yaml': `services:\n${DB}  base:\n    image: acme/app\n    environment: { URL: "${DSN}" }\n  prepare:\n    extends: base\n    command: alembic upgrade head\n`,
    },
    ['compose.yaml URL: pooled safe split-readers'],
  ],
  [
    'a ConfigMap of an application',
    {
      'k8s.yaml':
        MANIFEST +
        workload('Deployment', 'api', '[uvicorn, app]', FROM_CONFIG) +
        configMap('ConfigMap', `data: { URL: "${DSN}" }`),
    },
    ['k8s.yaml URL: pooled unsafe application-url'],
  ],
  [
    'kustomize literals',
    {
      'k8s.yaml': MANIFEST,
      'kustomization.yaml':
        'configMapGenerator:\n  - name: s\n    literals:\n      - DB_HOST=db\n      - DB_PORT=5432\n',
    },
    [
      'kustomization.yaml DB_HOST: pooled unsafe split-variables',
      'kustomization.yaml DB_PORT: pooled unsafe split-variables',
    ],
  ],
];

test.each(CASES)('%s', async (_, files, expected) => {
  const result = await plan(files);
  expect(result.errors).toEqual([]);
  expect(show(result)).toEqual(expected);
});

const service = (name: string, command: string, environment: string): string =>
  `  ${name}:\n    image: acme/app\n    command: ${command}\n    ${environment}\n`;

test('a shared anchor is pooled, and the migration keeps the old value', async () => {
  const compose = `x-env: &env\n  URL: ${DSN}\nservices:\n${DB}${service('app', 'uvicorn app', 'environment: *env')}${service('prepare', 'alembic upgrade head', 'environment: *env')}`;
  const result = await plan({ 'compose.yaml': compose });
  expect(show(result)).toEqual(['compose.yaml URL: pooled safe split-readers']);
  const text = after(result, 'compose.yaml');
  expect(text).toContain(`x-env: &env\n  URL: postgres://app:pw@pgbouncer:6432/app\n  URL_DIRECT: ${DSN}\n`);
  expect(text).toContain(`command: alembic upgrade head\n    environment:\n      <<: *env\n      URL: ${DSN}\n`);
  expect(text).toMatch(/uvicorn app\n {4}environment: \*env\n {4}depends_on:\n {6}pgbouncer:/);
  expect(text.match(/^ {6}pgbouncer:/gm)).toHaveLength(1);
});

test('a shared env file is pooled, and the migration reads the direct variable', async () => {
  const files = {
    'compose.yaml': `services:\n${DB}${service('app', 'uvicorn app', 'env_file: .env')}${service('prepare', 'alembic upgrade head', 'env_file: .env')}`,
    '.env.example': `URL=${DSN}\n`,
  };
  const result = await plan(files);
  expect(show(result)).toEqual(['.env.example URL: pooled safe split-readers']);
  expect(after(result, 'compose.yaml')).toContain(
    'command: alembic upgrade head\n    env_file: .env\n    environment:\n      URL: ${URL_DIRECT:-${URL}}\n',
  );
});

test('a URL without a port gets one, also behind a variable of the host', async () => {
  const files = {
    'compose.yaml': `services:\n${DB}  app:\n    image: app\n    environment:\n      URL: postgres://app:pw@\${PG_NAME_HOST}/app\n`,
    '.env': 'PG_NAME_HOST=db\nPG_NAME_PORT=5432\n',
  };
  const result = await plan(files);
  expect(result.refused).toEqual([]);
  expect(after(result, 'compose.yaml')).toContain('URL: postgres://app:pw@${PG_NAME_HOST}:6432/app\n');
  expect(after(result, '.env')).toContain('PG_NAME_HOST=pgbouncer\n');
});

const TWO = `services:
  stock:
    image: postgres:15
    environment: { POSTGRES_USER: stock, POSTGRES_PASSWORD: a, POSTGRES_DB: stock }
  sales:
    image: postgres:16
    environment:
      - POSTGRES_USER=sales
      - POSTGRES_PASSWORD=b
      - POSTGRES_DB=sales
  app:
    image: acme/app
    environment:
      STOCK_URL: postgres://stock:a@stock/stock
      SALES_URL: postgres://sales:b@sales:5432/NAME
`;

test('servers that the configuration names share a pooler, which tells them apart by database', async () => {
  const result = await plan({ 'compose.yaml': TWO.replace('NAME', 'sales') }, ['stock', 'sales']);
  expect(show(result)).toEqual([
    'compose.yaml STOCK_URL: pooled safe application-url',
    'compose.yaml SALES_URL: pooled safe application-url',
  ]);
  const text = after(result, 'compose.yaml');
  expect(text).toContain('PGBOUNCER_DATABASES: stock=stock:5432 sales=sales:5432\n');
  expect(text).toContain('PGBOUNCER_USER_2: sales\n      PGBOUNCER_PASSWORD_2: b\n');
  expect(text.match(/^ {2}pgbouncer:/gm)).toHaveLength(1);
});

test('a database that two servers have, and users with two passwords, are for a person', async () => {
  const same = await plan({ 'compose.yaml': TWO.replace('NAME', 'stock') }, ['stock', 'sales']);
  expect(same.sites.map(({ rule }) => rule)).toEqual(['no-place-for-pooler', 'no-place-for-pooler']);
  const clash = TWO.replace('POSTGRES_USER=sales', 'POSTGRES_USER=stock').replace('NAME', 'sales');
  const users = await plan({ 'compose.yaml': clash }, ['stock', 'sales']);
  expect(users.sites.map(({ rule }) => rule)).toEqual(['no-place-for-pooler', 'no-place-for-pooler']);
});
