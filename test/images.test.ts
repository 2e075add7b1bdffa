/** What public images do with Postgres: every example of rules/images.yml, and lines of the user's own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type KnownImage, knownImages } from '../src/images/known.ts';
import { PG, planned, URL } from './planned.ts';
import { PROJECT } from './repository.ts';

/** The generated table leaves the examples out. */
const images = parse(readFileSync(join(PROJECT, 'rules/images.yml'), 'utf8')) as readonly KnownImage[];

test('there are at least a hundred, each with a source and an example', () => {
  const names = images.flatMap(({ image }) => image);
  expect(images.length).toBeGreaterThanOrEqual(100);
  expect(new Set(names).size).toBe(names.length);
  for (const { source, examples } of images) {
    expect(source).toMatch(/^https:\/\//);
    expect(examples?.length).toBeGreaterThan(0);
  }
});

test.each([
  ['keycloak/keycloak:24', 'Keycloak'],
  ['quay.io/keycloak/keycloak:24.0@sha256:00', 'Keycloak'],
  ['docker.io/library/adminer:4', 'Adminer'],
  ['registry.example.org:5000/acme/app', null],
  ['', null],
])('%s is %s', (image, name) => {
  expect(knownImages()(image)?.name ?? null).toBe(name);
});

/** What the examples say of the variables that lead to the server. */
const examples = images.flatMap(known =>
  (known.examples ?? []).map(example => ({
    image: known.image[0] as string,
    name: known.name,
    known,
    ...example,
  })),
);

describe('examples', () => {
  test.each(examples)('$name goes $route', async ({ image, environment, route, known }) => {
    const { sites, pools } = await planned({
      'docker-compose.yml': `services:
  postgres:
    image: postgres:16
    hostname: postgres
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
    networks: { default: { aliases: [db, database, postgresql, pg, pg-db, vectordb, host] } }
  app:
    image: ${image.replace(/\*/g, 'x')}
    environment: ${JSON.stringify(environment)}
`,
    });
    const own = sites.filter(({ service, role }) => service === 'app' && role === 'environment');
    const actions = new Set(own.map(({ action }) => action));
    if (own.length === 0) return;
    if (route === 'direct' || route === 'leave') expect(actions).not.toContain('pooled');
    if (route === 'transaction' || route === 'session') {
      expect(actions).not.toContain('review');
      // Its needs are those of another command, or it has a setting for the connection that has them.
      const isLight = known.commands !== undefined || known.direct !== undefined || known.startsMigrating !== undefined;
      if (route === 'session' && isLight) return;
      for (const { mode } of pools.filter(({ ready, others }) => ready.length + others.length > 0))
        expect(mode).toBe(route);
    }
  });
});

test("a user's own lines come first", async () => {
  const files = {
    'docker-compose.yml': `${PG}  app:\n    image: acme/tool:2\n    environment:\n      DATABASE_URL: ${URL}\n`,
  };
  const line = (route: string, needs: string) =>
    `images:\n  - image: [acme/*]\n    name: Tool\n    needs: [${needs}]\n    route: ${route}\n    source: https://example.org\n`;
  expect((await planned(files)).decided('DATABASE_URL')).toEqual(['pooled safe']);
  const session = await planned({ ...files, 'pool-migrate.yml': line('session', 'listen') });
  expect(session.pools).toMatchObject([{ mode: 'session' }]);
  const direct = await planned({ ...files, 'pool-migrate.yml': line('direct', 'replicate') });
  expect(direct.decided('DATABASE_URL')).toEqual(['direct safe']);
});
