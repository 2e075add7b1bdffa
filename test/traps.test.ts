import { expect, test } from 'vitest';
import { planMigration } from '../src/run/plan-migration.ts';
import { makeRepository, smallCompose } from './repository.ts';

const COMPOSE = smallCompose('postgres');
const inCompose = (line: string) => ({ 'docker-compose.yml': `${COMPOSE}      ${line}\n` });
const inFile = (path: string) => (line: string) => ({ 'docker-compose.yml': COMPOSE, [path]: `${line}\n` });
const inManifest = (line: string) => ({
  'k8s/app.yaml': `apiVersion: v1
kind: Service
metadata: { name: postgres, namespace: prod }
spec: { selector: { app: postgres }, ports: [{ port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: postgres, namespace: prod }
spec: { template: { metadata: { labels: { app: postgres } }, spec: { containers: [{ name: db, image: "postgres:15" }] } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: app, namespace: prod }
spec:
  template:
    spec:
      containers:
        - name: app
          image: acme/app
          env:
            - name: DATABASE_URL
              ${line}
`,
});

/** Each line in a file of its kind; true: pool it, false: hands off. */
const TRAPS: [name: string, line: string, pooled: boolean, files: (line: string) => Record<string, string>][] = [
  ['migrate', 'ALEMBIC_DATABASE_URL=postgresql://app:pw@postgres:5432/app', false, inFile('.env.example')],
  ['direct', 'DIRECT_URL=postgresql://app:pw@postgres:5432/app', false, inFile('.env.example')],
  ['pgdump', 'pg_dump postgresql://app:pw@postgres:5432/app > x', false, inFile('backup.sh')],
  ['pgadminhost', '# the postgres:5432 container', false, inFile('.env.example')],
  ['managed', 'DATABASE_URL=postgresql://app:pw@db.abc.supabase.co:5432/postgres', false, inFile('.env.example')],
  ['exporter', 'DATA_SOURCE_NAME=postgresql://app:pw@postgres:5432/app?sslmode=disable', false, inFile('.env.example')],
  ['upstream', 'PGBOUNCER_UPSTREAM=postgresql://app:pw@postgres:5432/app', false, inFile('.env.example')],
  ['mysql', 'DATABASE_URL=mysql://app:pw@postgres:5432/app', false, inFile('.env.example')],
  ['mysql alone', 'mysql://app:pw@postgres:5432/app', false, inFile('notes.txt')],
  ['logical', 'dsn = "postgresql://r:pw@postgres:5432/app?replication=database"', false, inFile('cdc.py')],
  ['plain_compose', 'DATABASE_URL: postgresql://app:pw@postgres:5432/app', true, inCompose],
  ['noport', 'DATABASE_URL: postgresql://app:pw@postgres/app', true, inCompose],
  ['postgres_scheme', 'DATABASE_URL=postgres://app:pw@postgres:5432/app', true, inFile('.env.example')],
  ['driver', 'url = "postgresql+psycopg2://app:pw@postgres:5432/app"', true, inFile('db.py')],
  ['interp', 'DATABASE_URL: postgresql://app:${PW:-a@b}@postgres:5432/app', true, inCompose],
  ['interp_host', 'DATABASE_URL: postgresql://app:${PW}@${DB_HOST:-postgres}:5432/app', true, inCompose],
  ['atpw', 'DATABASE_URL=postgresql://app:p@ss@postgres:5432/app', true, inFile('.env.example')],
  ['splithost', 'POSTGRES_HOST=postgres', true, line => inFile('.env.example')(`${line}\nPOSTGRES_PORT=5432`)],
  ['kw_py', 'psycopg2.connect(host="postgres", port=5432, dbname="app")', true, inFile('db.py')],
  ['libpqdsn', 'dsn = "host=postgres port=5432 dbname=app"', true, inFile('db.py')],
  ['jdbc', 'spring.datasource.url=jdbc:postgresql://postgres:5432/app', true, inFile('application.properties')],
  ['k8s', 'value: "postgresql://app:pw@postgres.prod.svc.cluster.local:5432/app"', true, inManifest],
  ['celery', 'result_backend = "db+postgresql://app:pw@postgres:5432/app"', true, inFile('celeryconfig.py')],
];

test.each(TRAPS)('%s: %s → %s', async (_, line, pooled, files) => {
  const root = makeRepository(files(line));
  // Manifests are pooled with --unsafe only, since the pooler's own manifest is up to the user.
  const plan = await planMigration({ cwd: root, unsafe: true });
  const sites = plan.sites.filter(site =>
    /postgres|supabase/.test(site.text) && site.file !== 'docker-compose.yml' ? true : site.key === 'DATABASE_URL',
  );
  const changed = plan.changes
    .filter(change => change.kind === 'modify')
    .some(
      change =>
        change.after.includes('pgbouncer') && !change.after.split('\n').some(text => text.trim() === line.trim()),
    );
  expect(sites.some(site => site.action === 'pooled')).toBe(pooled);
  expect(changed).toBe(pooled);
});
