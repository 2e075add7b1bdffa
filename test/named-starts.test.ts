/** Commands that start Postgres by its name: what then goes to the pooler on the machine itself has to find it. */
import { expect, test } from 'vitest';
import { PG, planned, URL } from './planned.ts';

const PUBLISHED = PG.replace('image:', 'ports: ["5433:5432"]\n    image:');
const ENV = { '.env.example': 'DATABASE_URL=postgresql://u:p@localhost:5433/d\n' };
const APP = { 'app.py': 'import os\nurl = os.environ["DATABASE_URL"]\n' };

test.each([
  ['README.md', '```sh\ndocker compose up -d db redis\n```\n', 'docker compose up -d db pgbouncer redis'],
  ['README.md', 'Then `docker-compose up db`.\n', '`docker-compose up db pgbouncer`'],
  [
    'Makefile',
    'up:\n\tdocker compose create db redis\n\tdocker compose start db redis\n',
    '\tdocker compose create db pgbouncer redis\n\tdocker compose start db pgbouncer redis\n',
  ],
  ['run.sh', '#!/bin/sh\ndocker compose up --wait-timeout 60 db\n', 'docker compose up --wait-timeout 60 db pgbouncer'],
  ['run.bat', '@echo off\r\nCALL docker-compose up -d db\r\n', 'CALL docker-compose up -d db pgbouncer\r\n'],
  ['Makefile', 'up:\n\t$(DOCKER_COMPOSE) up -d db\n', '$(DOCKER_COMPOSE) up -d db pgbouncer'],
  ['recipes/dev.just', 'up:\n    docker compose up -d db --wait\n', 'docker compose up -d db pgbouncer --wait'],
  ['package.json', '{"scripts":{"db":"docker compose up -d db"}}\n', '"docker compose up -d db pgbouncer"'],
])('%s: the pooler is started too', async (file, text, expected) => {
  const { written } = await planned({ 'compose.yml': PUBLISHED, ...ENV, ...APP, [file]: text });
  expect(written('.env.example')).toContain('localhost:6432');
  expect(written(file)).toContain(expected);
});

const COMMAND = '#!/bin/sh\ndocker compose up -d db\n';

test.each([
  ['nothing on the machine goes through it', { '.env.example': '' }, COMMAND],
  ['everything is started', ENV, '#!/bin/sh\ndocker compose up -d --scale web=2\n'],
  ['what was made before is started', ENV, '#!/bin/sh\ndocker compose start db\ndocker start db\n'],
  ['another compose file', ENV, '#!/bin/sh\ndocker compose -f other/dev.yml up -d db\n'],
  ['a service that depends on it', ENV, '#!/bin/sh\ndocker compose up -d web\n'],
])('%s: the command stays', async (_, env, text) => {
  const web = `  web:\n    image: acme/web\n    environment: { DATABASE_URL: "${URL}" }\n`;
  const { written, pools } = await planned({ 'compose.yml': PUBLISHED + web, ...env, ...APP, 'run.sh': text });
  expect(pools).toHaveLength(1);
  expect(written('compose.yml')).toContain('pgbouncer');
  expect(written('run.sh')).toBe('');
});

test('of two stacks each command starts its own', async () => {
  const { written } = await planned({
    'a/compose.yml': PUBLISHED,
    'a/.env.example': ENV['.env.example'],
    'a/app.py': APP['app.py'],
    'a/run.sh': COMMAND,
    'b/compose.yml': PG,
    'b/run.sh': COMMAND,
  });
  expect(written('a/run.sh')).toContain('up -d db pgbouncer');
  expect(written('b/run.sh')).toBe('');
});

test('a service whose name has a dot', async () => {
  const { written } = await planned({
    'compose.yml': PUBLISHED.replace('  db:', '  acme.db:'),
    ...ENV,
    ...APP,
    'run.sh': '#!/bin/sh\ndocker compose up -d acme.db\n',
  });
  expect(written('run.sh')).toMatch(/up -d acme\.db pgbouncer\n/);
});
