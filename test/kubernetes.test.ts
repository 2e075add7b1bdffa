import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { insertResource } from '../codemods/kustomization.ts';
import { healthCommand } from '../pgbouncer/health.ts';
import { applyPlan } from '../src/apply/apply.ts';
import { undo } from '../src/apply/undo.ts';
import type { Plan } from '../src/plan/plan.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { makeRepository, snapshotTree } from './repository.ts';

const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: postgres
  namespace: shop
  labels:
    app: postgres
    app.kubernetes.io/part-of: shop
spec:
  selector:
    app: postgres
  ports:
  - port: 5432
`;
const SECRET = `apiVersion: v1
kind: Secret
metadata: { name: postgres, namespace: shop }
stringData: { password: t0psecret }
`;
const workload = (env: string, rest = '') => `apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store, namespace: shop }
spec:
  serviceName: postgres
  selector: { matchLabels: { app: postgres } }
  template:
    metadata:
      labels: { app: postgres, tier: data }
    spec:
      containers:
      - name: postgres
        image: postgres:16
${env}
${rest}`;
const ENV = `        env:
        - { name: POSTGRES_USER, value: shop }
        - name: POSTGRES_PASSWORD
          valueFrom: { secretKeyRef: { name: postgres, key: password } }
        - name: POSTGRES_DB
          valueFrom: { configMapKeyRef: { name: shop, key: database } }
        - { name: PGDATA, value: /var/lib/postgresql/data/pgdata }`;
const app = (value: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: api, namespace: shop }
spec:
  template:
    spec:
      containers:
        - name: api
          image: acme/api
          env:
            - name: DATABASE_URL
              value: ${value}
`;
const URL_ = 'postgresql://shop:$(PASSWORD)@postgres:5432/shop';
const FILES = {
  'k8s/postgres.yaml': [SERVICE, SECRET, workload(ENV)].join('---\n'),
  'k8s/api.yaml': app(URL_),
  'k8s/kustomization.yaml': 'resources:\n- api.yaml\n- postgres.yaml # the store\n- other.yaml\n',
  'k8s/other.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shop, namespace: shop }\ndata: { database: shop }\n',
};
const POOLER = `apiVersion: v1
kind: Service
metadata: { name: pool, namespace: shop }
spec: { selector: { app: pool }, ports: [{ port: 6000 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: pool, namespace: shop }
spec:
  template:
    metadata: { labels: { app: pool } }
    spec: { containers: [{ name: pool, image: "edoburu/pgbouncer:1.24", env: [{ name: DB_HOST, value: postgres }] }] }
`;
const CLUSTER = `apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: { name: pg, namespace: shop }
spec:
  instances: 3
  imageName: ghcr.io/cloudnative-pg/postgresql:16.4
  bootstrap: { initdb: { database: shop, owner: shop } }
`;

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: the shape differs by kind, and the tests say which.
  spec: any;
  data?: Record<string, string>;
}
const read = (text: string): Manifest[] => parseAllDocuments(text).map(document => document.toJS() as Manifest);
const created = (plan: Plan) => plan.changes.filter(({ kind }) => kind === 'create').map(({ file }) => file);
const textOf = (plan: Plan, file: string) => plan.changes.find(change => change.file === file)?.after ?? '';
const pooledOf = (plan: Plan) =>
  plan.sites
    .filter(({ action }) => action === 'pooled')
    .map(({ text, replacement, safety }) => [text, replacement, safety]);
const find = (manifests: Manifest[], kind: string) => manifests.find(manifest => manifest.kind === kind) as Manifest;
const plan = (files: Record<string, string>, unsafe = true) => planMigration({ cwd: makeRepository(files), unsafe });

describe('must not', () => {
  test('write anything without --unsafe: the order of applying is up to a person, and the reason says so', async () => {
    const found = await plan(FILES, false);
    expect(found.changes).toEqual([]);
    expect(pooledOf(found)).toEqual([['postgres:5432', 'pgbouncer:6432', 'unsafe']]);
    const [site] = found.sites.filter(({ action }) => action === 'pooled');
    expect(site?.reason).toContain('k8s/pgbouncer.yaml has to get its image and be applied before');
  });

  test('copy the text of a Secret', async () => {
    for (const { file, after } of (await plan(FILES)).changes)
      expect([file, after.includes('t0psecret')]).toEqual([file, false]);
  });

  test('generate a second pooler where one leads to the server, from whichever directory', async () => {
    for (const path of ['k8s/pool.yaml', 'pool/all.yaml']) {
      const found = await plan({ ...FILES, [path]: POOLER }, false);
      expect(created(found)).toEqual([]);
      expect(pooledOf(found)).toEqual([['postgres:5432', 'pool:6000', 'safe']]);
    }
  });

  test('overwrite a file of that name', async () => {
    const found = await plan({ ...FILES, 'k8s/pgbouncer.yaml': 'kind: List\nitems: []\n' });
    expect(created(found)).not.toContain('k8s/pgbouncer.yaml');
    expect(found.notes).toContain('k8s/pgbouncer.yaml exists and was left as it is.');
  });

  test.each([
    ['commonLabels', 'commonLabels: { app: shop }\n'],
    ['labels', 'labels:\n- pairs: { app: shop }\n  includeSelectors: true\n'],
  ])('let %s of a kustomization make Postgres select the pooler', async (_, labels) => {
    const kustomization = `${labels}${FILES['k8s/kustomization.yaml']}`;
    const found = await plan({ ...FILES, 'k8s/kustomization.yaml': kustomization });
    expect(found.changes.map(({ file }) => file)).not.toContain('k8s/kustomization.yaml');
    expect(found.notes.join('\n')).toMatch(/k8s\/pgbouncer\.yaml is not listed there/);
  });

  test('take a template for a manifest', async () => {
    const postgres = FILES['k8s/postgres.yaml'].replace('name: postgres\n', 'name: {{ .Release.Name }}\n');
    expect(created(await plan({ ...FILES, 'k8s/postgres.yaml': postgres }))).toEqual([]);
  });

  test('send readers of replicas to the primary', async () => {
    const found = await plan({ 'pg.yaml': CLUSTER, 'app.yaml': app('postgresql://shop@pg-ro:5432/shop') });
    expect(found.changes).toEqual([]);
    expect(found.sites).toMatchObject([{ text: 'pg-ro:5432', action: 'review', rule: 'reads-replicas' }]);
  });
});

describe('the generated manifests', () => {
  test('hold what the pooler needs, with the references of the server', async () => {
    const found = await plan(FILES);
    expect(found.refused).toEqual([]);
    const text = textOf(found, 'k8s/pgbouncer.yaml');
    const manifests = read(text);
    expect(manifests.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace])).toEqual([
      ['ConfigMap', 'pgbouncer-settings', 'shop'],
      ['Deployment', 'pgbouncer', 'shop'],
      ['Service', 'pgbouncer', 'shop'],
      ['PodDisruptionBudget', 'pgbouncer', 'shop'],
    ]);
    for (const { metadata } of manifests)
      expect(metadata.labels).toEqual({ app: 'pgbouncer', 'app.kubernetes.io/part-of': 'shop' });
    const { template, selector, replicas } = find(manifests, 'Deployment').spec;
    const [container] = template.spec.containers;
    expect(replicas).toBe(2);
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(find(manifests, 'Service').spec).toMatchObject({ selector: selector.matchLabels, ports: [{ port: 6432 }] });
    expect(find(manifests, 'PodDisruptionBudget').spec).toMatchObject({ minAvailable: 1, selector });
    expect(find(manifests, 'ConfigMap').data).toMatchObject({
      PGBOUNCER_UPSTREAM_HOST: 'postgres',
      PGBOUNCER_UPSTREAM_PORT: '5432',
      PGBOUNCER_PORT: '6432',
      PGBOUNCER_POOL_MODE: 'transaction',
    });
    expect(container.env).toEqual([
      { name: 'POSTGRES_USER', value: 'shop' },
      { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'postgres', key: 'password' } } },
      { name: 'POSTGRES_DB', valueFrom: { configMapKeyRef: { name: 'shop', key: 'database' } } },
    ]);
    // A Service called pgbouncer would put PGBOUNCER_PORT=tcp://… into the environment.
    expect(template.spec.enableServiceLinks).toBe(false);
    expect(template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10432 });
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    expect(template.spec.volumes).toContainEqual({ name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } });
    expect(container.volumeMounts).toContainEqual({ name: 'run', mountPath: '/run/pgbouncer' });
    expect(container.readinessProbe.exec.command).toEqual(['sh', '-c', healthCommand(new Set())]);
    expect(container.livenessProbe.exec.command.join(' ')).toContain("psql -Xwqc 'SHOW VERSION' pgbouncer");
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(30);
    expect(container.lifecycle.preStop.exec.command[0]).toBe('sleep');
    expect(text).not.toMatch(/[&*]a\d/);
    expect(text).toMatch(/^ {2}ports:\n {2}- name: pgbouncer/m);
    // The build context of the image, and nothing that speaks of compose.
    const others = created(found).filter(file => file !== 'k8s/pgbouncer.yaml');
    expect(others).toContain('pgbouncer/Dockerfile');
    expect(others.filter(file => !file.startsWith('pgbouncer/'))).toEqual([]);
    expect(textOf(found, 'k8s/kustomization.yaml')).toBe(
      'resources:\n- api.yaml\n- postgres.yaml # the store\n- pgbouncer.yaml\n- other.yaml\n',
    );
  });

  const ENVIRONMENTS: [name: string, env: string, rest: string, expected: object][] = [
    [
      'all variables of a Secret',
      '        envFrom: [{ secretRef: { name: postgres } }]',
      '',
      { envFrom: [{ configMapRef: { name: 'pgbouncer-settings' } }, { secretRef: { name: 'postgres' } }] },
    ],
    [
      'a password file',
      `        env: [{ name: POSTGRES_PASSWORD_FILE, value: /run/secrets/pg/password }]
        volumeMounts: [{ name: pg, mountPath: /run/secrets/pg }, { name: data, mountPath: /var/lib/postgresql/data }]`,
      '      volumes: [{ name: pg, secret: { secretName: postgres } }, { name: data, emptyDir: {} }]\n',
      {
        env: [{ name: 'POSTGRES_PASSWORD_FILE', value: '/run/secrets/pg/password' }],
        volumeMounts: [
          { name: 'run', mountPath: '/run/pgbouncer' },
          { name: 'pg', mountPath: '/run/secrets/pg' },
        ],
      },
    ],
    [
      "Red Hat's names",
      '        env: [{ name: POSTGRESQL_USER, value: shop }, { name: POSTGRESQL_PASSWORD, value: pw }]',
      '',
      {
        env: [
          { name: 'POSTGRES_USER', value: 'shop' },
          { name: 'POSTGRES_PASSWORD', value: 'pw' },
        ],
      },
    ],
  ];
  test.each(ENVIRONMENTS)('%s', async (_, env, rest, expected) => {
    const found = await plan({ ...FILES, 'k8s/postgres.yaml': [SERVICE, workload(env, rest)].join('---\n') });
    const deployment = find(read(textOf(found, 'k8s/pgbouncer.yaml')), 'Deployment');
    expect(deployment.spec.template.spec.containers[0]).toMatchObject(expected);
  });

  test.each([
    ['the owner alone', URL_, undefined],
    ['another role', URL_.replace('shop:', 'reader:'), 'true'],
    ['a role from a variable', URL_.replace('shop:', '$(ROLE):'), 'true'],
  ])('logins of %s', async (_, value, expected) => {
    const found = await plan({ ...FILES, 'k8s/api.yaml': app(value) });
    const settings = find(read(textOf(found, 'k8s/pgbouncer.yaml')), 'ConfigMap').data;
    expect(settings?.PGBOUNCER_AUTH_QUERY).toBe(expected);
  });

  test('no password anywhere is said', async () => {
    const found = await plan({ ...FILES, 'k8s/postgres.yaml': [SERVICE, workload('')].join('---\n') });
    expect(found.notes.join('\n')).toMatch(/postgres shows no POSTGRES_PASSWORD/);
  });

  test("an image of somebody's own is told by its data volume", async () => {
    const own = workload(ENV, '').replace(
      'image: postgres:16',
      'image: acme/store:3\n        volumeMounts: [{ name: d, mountPath: /var/lib/postgresql/data }]',
    );
    const found = await plan({ ...FILES, 'k8s/postgres.yaml': [SERVICE, own].join('---\n') });
    expect(created(found)).toContain('k8s/pgbouncer.yaml');
  });

  test('a Pod whose first container only prepares is a server all the same', async () => {
    const helper = '      initContainers: [{ name: prepare, image: "bitnami/minideb" }]\n      containers:';
    const found = await plan({
      ...FILES,
      'k8s/postgres.yaml': FILES['k8s/postgres.yaml'].replace('      containers:', helper),
    });
    expect(pooledOf(found)).toEqual([['postgres:5432', 'pgbouncer:6432', 'unsafe']]);
  });

  test('overlays that each define the server get a pooler each', async () => {
    const files = Object.fromEntries(
      Object.entries(FILES).flatMap(([path, text]) =>
        ['dev', 'prod'].map(overlay => [path.replace('k8s/', `${overlay}/`), text]),
      ),
    );
    const found = await plan(files);
    expect(created(found).filter(file => /^(?:dev|prod)\//.test(file))).toEqual([
      'dev/pgbouncer.yaml',
      'prod/pgbouncer.yaml',
    ]);
  });

  test('two servers get a pooler each, under names of their own', async () => {
    const second = FILES['k8s/postgres.yaml'].replace(/\bpostgres\b(?!:\d)/g, 'ledger');
    const found = await plan({
      ...FILES,
      'k8s/ledger.yaml': second,
      'k8s/books.yaml': app('postgresql://shop@ledger.shop.svc:5432/books').replace('name: api', 'name: books'),
    });
    expect(found.refused).toEqual([]);
    expect(created(found).filter(file => file.startsWith('k8s/'))).toEqual([
      'k8s/pgbouncer-ledger.yaml',
      'k8s/pgbouncer-postgres.yaml',
    ]);
    expect(pooledOf(found)).toEqual([
      ['postgres:5432', 'pgbouncer-postgres:6432', 'unsafe'],
      ['ledger.shop.svc:5432', 'pgbouncer-ledger.shop.svc:6432', 'unsafe'],
    ]);
  });
});

describe('CloudNativePG', () => {
  const files = { 'pg/cluster.yaml': CLUSTER, 'app.yaml': app('postgresql://shop@pg-rw.shop:5432/shop') };

  test('a Pooler instead of a Deployment, on the port that the operator gives it', async () => {
    const found = await plan(files);
    expect(created(found)).toEqual(['pg/pgbouncer.yaml']);
    expect(pooledOf(found)).toEqual([['pg-rw.shop:5432', 'pgbouncer.shop:5432', 'unsafe']]);
    expect(read(textOf(found, 'pg/pgbouncer.yaml'))).toEqual([
      {
        apiVersion: 'postgresql.cnpg.io/v1',
        kind: 'Pooler',
        metadata: { name: 'pgbouncer', namespace: 'shop' },
        spec: {
          cluster: { name: 'pg' },
          instances: 2,
          type: 'rw',
          pgbouncer: {
            poolMode: 'transaction',
            parameters: {
              default_pool_size: '20',
              reserve_pool_size: '5',
              max_client_conn: '500',
              query_wait_timeout: '120',
            },
          },
        },
      },
    ]);
  });

  test('an existing Pooler is used', async () => {
    const pooler = `apiVersion: postgresql.cnpg.io/v1
kind: Pooler
metadata: { name: pg-pool, namespace: shop }
spec: { cluster: { name: pg }, instances: 1, type: rw, pgbouncer: { poolMode: transaction } }
`;
    const found = await plan({ ...files, 'elsewhere/pool.yaml': pooler }, false);
    expect(created(found)).toEqual([]);
    expect(pooledOf(found)).toEqual([['pg-rw.shop:5432', 'pg-pool.shop:5432', 'safe']]);
  });
});

describe.each<[string, Record<string, string>]>([
  ['plain manifests', FILES],
  ['CRLF', Object.fromEntries(Object.entries(FILES).map(([path, text]) => [path, text.replace(/\n/g, '\r\n')]))],
  ['CloudNativePG', { 'pg.yml': CLUSTER, 'app.yaml': app('postgresql://shop@pg-rw:5432/shop') }],
])('%s', (name, files) => {
  test('the second run is empty, the pooler is recognised, undo is byte for byte', async () => {
    const root = makeRepository(files);
    const before = snapshotTree(root);
    const first = await planMigration({ cwd: root, unsafe: true });
    applyPlan(first);
    if (name === 'CRLF') expect(textOf(first, 'k8s/pgbouncer.yaml')).not.toMatch(/[^\r]\n/);
    if (name === 'CloudNativePG') expect(existsSync(join(root, 'pgbouncer.yml'))).toBe(true);
    for (const unsafe of [true, false]) {
      const second = await planMigration({ cwd: root, unsafe });
      expect(second.changes).toEqual([]);
      expect(second.topology.poolers).toMatchObject([{ service: 'pgbouncer' }]);
    }
    undo(root);
    expect(snapshotTree(root)).toEqual(before);
  });
});

const LISTS: [name: string, text: string, expected: string | null][] = [
  ['another file', 'resources:\n- app.yaml\n', null],
  ['listed already', 'resources:\n- db.yaml\n- pool.yaml\n', null],
  ['patches', 'patches:\n- path: db.yaml\n', null],
  ['a list', 'resources:\n  - db.yaml\n', 'resources:\n  - db.yaml\n  - pool.yaml\n'],
  ['no newline at the end', 'resources:\n- db.yaml', 'resources:\n- db.yaml\n- pool.yaml'],
  ['quotes and a way', "resources:\n- './db.yaml' # x\n", "resources:\n- './db.yaml' # x\n- './pool.yaml'\n"],
  ['flow style', 'resources: [db.yaml, app.yaml]\n', 'resources: [db.yaml, pool.yaml, app.yaml]\n'],
];
test.each(LISTS)('resources: %s', (_, text, expected) => {
  const insertion = insertResource('k8s/kustomization.yaml', text, 'k8s/db.yaml', 'k8s/pool.yaml', '\n');
  const after = insertion
    ? text.slice(0, insertion.span.start) + insertion.text + text.slice(insertion.span.end)
    : null;
  expect(after).toBe(expected);
});

/** The path of kubectl; in CI its absence is a failure, elsewhere a reason to skip. */
function findKubectl(): string | null {
  const path = process.env.KUBECTL ?? 'kubectl';
  if (spawnSync(path, ['version', '--client'], { encoding: 'utf8' }).status === 0) return path;
  if (process.env.CI === 'true') throw new Error('kubectl is missing, and CI must have it (KUBECTL)');
  process.stdout.write('kubectl was not found (KUBECTL): its tests are skipped\n');
  return null;
}

const kubectl = findKubectl();
test.skipIf(kubectl === null)("kustomize builds the result, and no Service selects the other one's Pods", async () => {
  const root = makeRepository(FILES);
  applyPlan(await planMigration({ cwd: root, unsafe: true }));
  const result = spawnSync(kubectl as string, ['kustomize', join(root, 'k8s')], { encoding: 'utf8' });
  expect(result.stderr).toBe('');
  const manifests = read(result.stdout);
  const pods = manifests.filter(({ kind }) => /^(?:Deployment|StatefulSet)$/.test(kind));
  const selected = manifests
    .filter(({ kind }) => kind === 'Service')
    .map(({ metadata, spec }) => [
      metadata.name,
      pods
        .filter(pod =>
          Object.entries(spec.selector).every(([key, value]) => pod.spec.template.metadata?.labels?.[key] === value),
        )
        .map(pod => pod.metadata.name),
    ]);
  expect(Object.fromEntries(selected)).toEqual({ pgbouncer: ['pgbouncer'], postgres: ['store'] });
  const given = readFileSync(join(root, 'k8s/pgbouncer.yaml'), 'utf8');
  expect(find(manifests, 'PodDisruptionBudget')).toEqual(find(read(given), 'PodDisruptionBudget'));
});
