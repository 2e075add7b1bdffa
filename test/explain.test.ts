/** `explain`: rules, hazards and places, as text and as JSON of the published schema. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { jsonSchema } from '../src/cli/schema.ts';
import { copiedByCi, makeRepository, runCli } from './repository.ts';

const root = makeRepository({
  'compose.yml': `services:
  db: { image: "postgres:15", environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: s3cret-pw } }
  web:
    build: .
    command: sh -c "alembic upgrade head && uvicorn app:app"
    environment:
      DATABASE_URL: postgresql://app:s3cret-pw@db:5432/app
`,
  Dockerfile: 'FROM python:3.12\nCOPY . .\n',
  'app.py':
    'import os, psycopg\nfrom fastapi import FastAPI\napp = FastAPI()\npsycopg.connect(os.environ["DATABASE_URL"])\n',
});
const explain = (...args: string[]) => runCli(['-C', root, 'explain', ...args]);

test('a place: who reads it, what each needs, and how that gets a value of its own', () => {
  const [site] = JSON.parse(runCli(['-C', root, '--json']).stdout).sites;
  const { stdout } = explain(site.id);
  expect(stdout).toMatch(/^[0-9a-f]{12} → pooled: /);
  expect(stdout).toContain('web: alembic upgrade head  (compose.yml:5)  gets an assignment before its command');
  expect(stdout).toContain('web: uvicorn app:app  (compose.yml:5)');
  expect(stdout).not.toContain('s3cret');
  const { explanations } = JSON.parse(explain(site.id, '--json').stdout);
  expect(explanations).toMatchObject([
    { kind: 'place', site, uses: [{ service: 'web', way: 'step', needs: [] }, { way: null }] },
  ]);
});

test('a place with a question says its answers', () => {
  const asked = makeRepository(copiedByCi('s3cret-pw'));
  const [site] = JSON.parse(runCli(['-C', asked, '--json']).stdout).sites;
  expect(runCli(['-C', asked, 'explain', site.id]).stdout).toContain(`answers: { ${site.id}: pooled }`);
});

test.each(['read-by-ci', 'set-role', 'wired-apart'])('%s as JSON is of the published schema', async id => {
  const validate = new Ajv2020({ strict: false, formats: { uri: true } }).compile(await jsonSchema('explain'));
  const [site] = JSON.parse(runCli(['-C', root, '--json']).stdout).sites;
  for (const name of [id, site.id]) {
    const { code, stdout } = explain(name, '--json');
    expect(code).toBe(0);
    expect(validate(JSON.parse(stdout)), JSON.stringify(validate.errors)).toBe(true);
  }
});

test('an id that names nothing is an error that says where ids are', () => {
  expect(explain('abcdefabcdef')).toMatchObject({ code: 2, stderr: expect.stringContaining('sites[].id') });
});
