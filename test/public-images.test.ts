/** A public image instead of one that is built: what it gets, and what is refused. */
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { findPublicImage, publicImages } from '../pgbouncer/index.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { PG, planned, URL } from './planned.ts';
import { makeRepository, runCli } from './repository.ts';

const EDOBURU = 'edoburu/pgbouncer:v1.25.2-p0';
const uses = (image: string) => ({ 'pool-migrate.yml': `assets:\n  image: ${image}\n` });
const WEB = `  web:\n    image: acme/web\n    environment:\n      DATABASE_URL: ${URL}\n`;

/** Every variable that the entrypoints read, at commits 91a581b (2026-06-09) and 07b5b85. Source: publicImages[].source */
const READ: Record<string, RegExp> = {
  'edoburu/pgbouncer':
    /^(?:DB_(?:HOST|PORT|USER|PASSWORD|NAME)|LISTEN_(?:ADDR|PORT)|AUTH_(?:TYPE|USER|QUERY|FILE|DBNAME)|POOL_MODE|MAX_CLIENT_CONN|(?:DEFAULT|MIN|RESERVE)_POOL_SIZE|RESERVE_POOL_TIMEOUT|MAX_(?:DB|USER)_CONNECTIONS|IGNORE_STARTUP_PARAMETERS|MAX_PREPARED_STATEMENTS|(?:ADMIN|STATS)_USERS|SERVER_LOGIN_RETRY|QUERY_WAIT_TIMEOUT|CLIENT_TLS_(?:SSLMODE|KEY_FILE|CERT_FILE|CA_FILE)|SERVER_TLS_(?:SSLMODE|CA_FILE|KEY_FILE|CERT_FILE))$/,
  'bitnami/pgbouncer':
    /^(?:POSTGRESQL_(?:HOST|PORT|USERNAME|PASSWORD|DATABASE)|PGBOUNCER_(?:DATABASE|PORT|AUTH_(?:TYPE|USER|QUERY)|STATS_USERS|POOL_MODE|QUERY_WAIT_TIMEOUT|MAX_CLIENT_CONN|(?:DEFAULT|MIN|RESERVE)_POOL_SIZE|MAX_PREPARED_STATEMENTS|IGNORE_STARTUP_PARAMETERS|CONNECT_QUERY|SERVER_LOGIN_RETRY|CLIENT_TLS_(?:SSLMODE|CERT_FILE|KEY_FILE)|SERVER_TLS_(?:SSLMODE|CA_FILE)))$/,
};
const LIBPQ = /^PG(?:HOST|PORT|USER|PASSWORD|DATABASE)$/;

describe('in compose', () => {
  test.each([EDOBURU, 'docker.io/bitnamilegacy/pgbouncer:1.24.1'])(
    '%s gets no variable that it does not read',
    async image => {
      const { written, changes } = await planned({ 'docker-compose.yml': PG + WEB, ...uses(image) });
      const { pgbouncer } = parse(written('docker-compose.yml')).services;
      expect(pgbouncer).toMatchObject({ image, stop_signal: 'SIGINT' });
      expect(pgbouncer.build).toBeUndefined();
      const reads = READ[findPublicImage(image)?.names[0] ?? ''] ?? /^$/;
      const unread = Object.keys(pgbouncer.environment).filter(name => !reads.test(name) && !LIBPQ.test(name));
      expect(unread).toEqual([]);
      expect(changes.map(({ file }) => file).filter(file => file.startsWith('pgbouncer/'))).toEqual([]);
      // Alone, their own default freezes PgBouncer before 1.26.1.
      const ignored = Object.entries(pgbouncer.environment).filter(([name]) =>
        name.endsWith('IGNORE_STARTUP_PARAMETERS'),
      );
      expect(ignored.map(([, value]) => value)).toEqual(['extra_float_digits, options']);
    },
  );

  test('user, password and database are those of the server, for psql too', async () => {
    const { written } = await planned({ 'docker-compose.yml': PG + WEB, ...uses(EDOBURU) });
    expect(parse(written('docker-compose.yml')).services.pgbouncer.environment).toMatchObject({
      DB_HOST: 'db',
      DB_PORT: '5432',
      DB_USER: 'u',
      DB_PASSWORD: 'p',
      PGUSER: 'u',
      PGPASSWORD: 'p',
      PGDATABASE: 'd',
      LISTEN_PORT: '${PGBOUNCER_PORT:-6432}',
      AUTH_TYPE: 'scram-sha-256',
      POOL_MODE: '${PGBOUNCER_POOL_MODE:-transaction}',
    });
    expect(written('docs/pgbouncer.md')).not.toMatch(/docker-entrypoint|custom\.ini/);
  });

  test('without POSTGRES_USER the role is postgres', async () => {
    const { written } = await planned({
      'docker-compose.yml': `${PG.replace('POSTGRES_USER: u, ', '')}${WEB.replace('//u:', '//postgres:')}`,
      ...uses(EDOBURU),
    });
    expect(parse(written('docker-compose.yml')).services.pgbouncer.environment).toMatchObject({ DB_USER: 'postgres' });
  });

  test.each([
    ['quoted items', '- "POSTGRES_USER=u"\n      - "POSTGRES_PASSWORD=p: w #x"\n', 'p: w #x'],
    ['an item that is passed through', '- POSTGRES_USER=u\n      - POSTGRES_PASSWORD\n', '${POSTGRES_PASSWORD}'],
    ['a key that is passed through', 'POSTGRES_USER: u\n      POSTGRES_PASSWORD:\n', '${POSTGRES_PASSWORD}'],
    ['a quoted value', 'POSTGRES_USER: u\n      POSTGRES_PASSWORD: "*p"\n', '*p'],
  ])('credentials as %s', async (_, environment, password) => {
    const server = `services:\n  db:\n    image: postgres:16\n    environment:\n      ${environment}`;
    const { written } = await planned({
      'docker-compose.yml': `${server}${WEB.replace('u:p@', 'u@').replace('/d', '/u')}`,
      ...uses(EDOBURU),
    });
    const { environment: found } = parse(written('docker-compose.yml')).services.pgbouncer;
    const value = (name: string) =>
      Array.isArray(found) ? found.find(item => item.startsWith(`${name}=`))?.slice(name.length + 1) : found[name];
    expect([value('DB_USER'), value('DB_PASSWORD'), value('PGPASSWORD')]).toEqual(['u', password, password]);
  });

  test('several servers behind one pooler are more than it can do', async () => {
    const other = PG.replace('services:\n', '').replace('  db:', '  crm:').replace('POSTGRES_DB: d', 'POSTGRES_DB: e');
    const { sites, changes } = await planned({
      'docker-compose.yml': `${PG}${other}${WEB}      CRM_URL: ${URL.replace('@db', '@crm').replace('/d', '/e')}\n`,
      'pool-migrate.yml': `services: [db, crm]\nassets:\n  image: ${EDOBURU}\n`,
    });
    expect(changes).toEqual([]);
    expect(sites.find(({ key }) => key === 'DATABASE_URL')?.reason).toContain('PGBOUNCER_DATABASES');
  });

  test('a feature that it lacks is an error of the configuration', () => {
    const root = makeRepository({
      'docker-compose.yml': PG + WEB,
      'pool-migrate.yml': `assets:\n  image: ${EDOBURU}\n  features: [processes]\n`,
    });
    const { code, stderr } = runCli(['-C', root]);
    expect(code).toBe(2);
    expect(stderr).toContain('auth-query, client-tls, server-tls');
  });

  test.each([
    [
      'a password in a file',
      PG.replace('POSTGRES_PASSWORD: p', 'POSTGRES_PASSWORD_FILE: /run/secrets/p'),
      'POSTGRES_PASSWORD_FILE',
    ],
    ['settings by an env file', PG.replace('environment:', 'env_file: db.env\n    environment:'), 'env_file'],
  ])('%s: it says what the image can not, and pools nothing', async (_, server, reason) => {
    const { sites, changes } = await planned({
      'docker-compose.yml': server + WEB,
      'db.env': 'A=1\n',
      ...uses(EDOBURU),
    });
    expect(changes).toEqual([]);
    expect(sites.find(({ key }) => key === 'DATABASE_URL')?.reason).toContain(reason);
  });

  test('an image that is not known is an error of the configuration', () => {
    const root = makeRepository({ 'docker-compose.yml': PG + WEB, ...uses('acme/pgbouncer:1') });
    const { code, stderr } = runCli(['-C', root]);
    expect(code).toBe(2);
    expect(stderr).toContain('pool-migrate.yml:2:10');
    expect(stderr).toContain('edoburu/pgbouncer');
  });
});

describe('in Kubernetes', () => {
  const manifests = (env: string) => ({
    'k8s/db.yaml': `apiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { selector: { app: db }, ports: [{ port: 5432 }] }\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: db }\nspec:\n  serviceName: db\n  selector: { matchLabels: { app: db } }\n  template:\n    metadata: { labels: { app: db } }\n    spec:\n      containers:\n        - name: db\n          image: postgres:16\n          ${env}\n`,
    'k8s/app.yaml': `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: app }\nspec:\n  selector: { matchLabels: { app: app } }\n  template:\n    metadata: { labels: { app: app } }\n    spec:\n      containers:\n        - name: app\n          image: acme/app\n          env: [{ name: DATABASE_URL, value: "${URL}" }]\n`,
  });
  const NAMED =
    'env: [{ name: POSTGRES_USER, value: u }, { name: POSTGRES_PASSWORD, value: p }, { name: POSTGRES_DB, value: d }]';
  const pooler = async (files: Record<string, string>) => {
    const { changes } = await planMigration({ cwd: makeRepository(files), unsafe: true });
    const text = changes.find(({ file }) => file === 'k8s/pgbouncer.yaml')?.after ?? '';
    return { text, changes, objects: parseAllDocuments(text).map(document => document.toJS()) };
  };

  test.each([null, ...publicImages.map(({ names }) => `${names[0]}:1`)])(
    'the manifests fit the schemas of Kubernetes: %s',
    async image => {
      const { objects } = await pooler({ ...manifests(NAMED), ...(image === null ? {} : uses(image)) });
      const models = { ConfigMap, Deployment, PodDisruptionBudget, Service } as const;
      expect(objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget']);
      for (const object of objects) new models[object.kind as keyof typeof models](object).validate();
    },
  );

  test('it needs no build, and runs as its own user', async () => {
    const { objects, changes, text } = await pooler({ ...manifests(NAMED), ...uses(EDOBURU) });
    expect(text).not.toContain('replace');
    expect(changes.map(({ file }) => file).filter(file => file.startsWith('pgbouncer/'))).toEqual([]);
    const [settings, deployment] = objects;
    expect(settings.data).toMatchObject({ DB_HOST: 'db', LISTEN_PORT: '6432', AUTH_TYPE: 'scram-sha-256' });
    const { containers, securityContext } = deployment.spec.template.spec;
    expect(containers[0].image).toBe(EDOBURU);
    expect(containers[0].env).toContainEqual({ name: 'DB_PASSWORD', value: 'p' });
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 70 });
    expect(containers[0].volumeMounts).toEqual([{ name: 'run', mountPath: '/etc/pgbouncer' }]);
  });

  test('TLS comes from a Secret, and the container stops with its transactions', async () => {
    const features = { 'pool-migrate.yml': `assets:\n  image: ${EDOBURU}\n  features: [client-tls]\n` };
    const { objects, text, changes } = await pooler({ ...manifests(NAMED), ...features });
    expect(changes.find(({ file }) => file === 'pgbouncer/tls/.gitignore')?.after).toBe('*.key\n');
    expect(text).toContain('create secret generic pgbouncer-tls --from-file=pgbouncer/tls/client.crt');
    const { containers, volumes } = objects[1].spec.template.spec;
    expect(volumes).toContainEqual({ name: 'pooler-tls', secret: { secretName: 'pgbouncer-tls' } });
    expect(containers[0].volumeMounts).toContainEqual({
      name: 'pooler-tls',
      mountPath: '/etc/pgbouncer/tls',
      readOnly: true,
    });
    expect(containers[0].lifecycle.preStop.exec.command.join(' ')).toContain('kill -INT 1');
    new Deployment(objects[1]).validate();
  });

  test('processes are a number', async () => {
    const features = { 'pool-migrate.yml': 'assets:\n  features: [processes, auth-query]\n' };
    const { objects, changes } = await pooler({ ...manifests(NAMED), ...features });
    expect(objects[0].data).toMatchObject({ PGBOUNCER_PROCESSES: '2', PGBOUNCER_AUTH_QUERY: 'true' });
    expect(changes.map(({ file }) => file)).not.toContain('pgbouncer/custom.ini');
  });

  test.each([EDOBURU, null])('a second run finds all done: %s', async image => {
    const root = makeRepository({ ...manifests(NAMED), ...(image === null ? {} : uses(image)) });
    expect(runCli(['-C', root, '--write', '--unsafe']).code).toBe(0);
    const again = await planMigration({ cwd: root, unsafe: true });
    expect(again.changes).toEqual([]);
    expect(again.refused).toEqual([]);
  });

  test('a Secret as a whole has names that it does not know: then the image is built', async () => {
    const { objects, changes } = await pooler({
      ...manifests('envFrom: [{ secretRef: { name: db } }]'),
      ...uses(EDOBURU),
    });
    expect(objects[1].spec.template.spec.containers[0].image).toContain('replace-me');
    expect(changes.map(({ file }) => file)).toContain('pgbouncer/Dockerfile');
  });
});
