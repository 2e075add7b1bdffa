/** `--interactive` at a pseudo-terminal, which script of util-linux gives. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CLI, copiedByCi, makeRepository, runCli } from './repository.ts';

const COMPOSE = `services:
  postgres:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
  web:
    image: acme/web
    environment:
      DATABASE_URL: postgresql://app:pw@postgres:5432/app
  jobs:
    image: acme/jobs
    environment:
      DATABASE_URL: postgresql://app:pw@postgres:5432/app
`;

const hasScript = spawnSync('script', ['--version']).status === 0;
if (!hasScript) {
  if (process.env.CI === 'true') throw new Error('script (util-linux) is missing, and CI must have it');
  console.log('skipped: `script` of util-linux, which makes a terminal, is missing');
}

/** Answers one question after the other, each when it is asked. */
async function answer(
  root: string,
  answers: string[],
  prompt = /\[y,n,a,d,e,q,\?\]\? /g,
  columns = 100,
): Promise<{ code: number | null; output: string }> {
  const command = `stty cols ${columns}; '${process.execPath}' '${CLI}' -i -C '${root}' --color always`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const left = [...answers];
  let output = '';
  let asked = 0;
  child.stdout.on('data', chunk => {
    output += chunk;
    const questions = [...output.matchAll(prompt)].length;
    for (; asked < questions; asked++) child.stdin.write(`${left.shift() ?? 'q'}\n`);
  });
  const code = await new Promise<number | null>(done => child.on('close', done));
  return { code, output };
}

const read = (root: string) => readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const pooled = (text: string) => text.split('@pgbouncer:6432').length - 1;

if (!hasScript) console.log('skipped: script of util-linux is not here');
describe.skipIf(!hasScript)('at a terminal', () => {
  test('only what was chosen is edited, and a later run offers the rest', async () => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE });
    const first = await answer(root, ['?', 'n', 'y']);
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('leave this and all that follow') });
    expect(read(root)).toMatch(
      /web:[\s\S]*DATABASE_URL: postgresql:\/\/app:pw@postgres:5432[\s\S]*jobs:[\s\S]*@pgbouncer:6432/,
    );
    expect(pooled(read(root))).toBe(1);
    spawnSync('git', ['-C', root, 'commit', '-qam', 'x'], { env: { ...process.env, GIT_AUTHOR_NAME: 'x' } });
    const second = await answer(root, ['y']);
    expect(second.output).toContain('(1/1)');
  });

  test.each([
    ['all', ['a'], 2],
    ['the first and then none', ['y', 'd'], 1],
    ['none', ['n', 'n'], 0],
    ['stopped: what was accepted is written', ['y', 'q'], 1],
    ['stopped at once', ['q'], 0],
    ['broken off', ['y', '\x03'], 0],
  ])('%s', async (_, answers, count) => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE });
    const { code, output } = await answer(root, answers);
    expect(code).toBe(0);
    expect(pooled(read(root))).toBe(count);
    if (count === 0) expect(read(root)).toBe(COMPOSE);
    expect(output).not.toContain('app:pw');
  });
});

describe.skipIf(!hasScript)('the target can be edited', () => {
  const prompt = /such as pgbouncer:6432: |\[y,n,a,d,e,q,\?\]\? /g;

  test('it is kept in the configuration, and all is asked again', async () => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE });
    const { code, output } = await answer(root, ['y', 'e', 'pool.internal:7000', 'a'], prompt);
    expect(code).toBe(0);
    expect(output).toContain('@pool.internal:7000/app');
    expect(readFileSync(join(root, 'pool-migrate.yml'), 'utf8')).toBe('pool: { host: "pool.internal", port: 7000 }\n');
    expect(read(root).split('@pool.internal:7000').length - 1).toBe(2);
  });

  test('what is no address is asked for again, and writes nothing', async () => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE });
    const { code, output } = await answer(root, ['e', 'x y; {', 'd'], prompt);
    expect(code).toBe(0);
    expect(output).toContain('That is no host with a port.');
    expect(existsSync(join(root, 'pool-migrate.yml'))).toBe(false);
    expect(read(root)).toBe(COMPOSE);
  });
});

describe.skipIf(!hasScript)('the terminal may be narrow or wide', () => {
  test.each([60, 100, 200])('%i columns: no sentence is longer, and the hunk is whole and in colour', async columns => {
    const root = makeRepository({ 'docker-compose.yml': COMPOSE });
    const { output } = await answer(root, ['q'], undefined, columns);
    expect(output).toContain('\x1b[31m- DATABASE_URL: postgresql://app:****@postgres:5432/app\x1b[39m');
    expect(output).toContain('\x1b[32m+ DATABASE_URL: postgresql://app:****@pgbouncer:6432/app\x1b[39m');
    expect(output).toContain('Seen: web (docker-compose.yml:5)');
    // On a slow machine the line that tells the progress is written over.
    const lines = output.replace(/\x1b\[[\d;]*[A-Za-z]/g, '').split(/[\r\n]+/);
    expect(lines.filter(line => !/^ {2}[+-]/.test(line) && line.length > columns)).toEqual([]);
  });
});

test('elsewhere it says what to do instead', () => {
  const root = makeRepository({ 'docker-compose.yml': COMPOSE });
  expect(runCli(['-i'], { cwd: root })).toMatchObject({ code: 2, stderr: expect.stringContaining('--dry-run') });
  expect(runCli(['-i', '--write'], { cwd: root }).code).toBe(2);
});

describe.skipIf(!hasScript)('a question', () => {
  const root = () => makeRepository(copiedByCi());

  test('is shown with its line and its answers; the answer is recorded and edited', async () => {
    const cwd = root();
    const { code, output } = await answer(cwd, ['1', 'a'], /Which\? |\[y,n,a,d,e,q,\?\]\? /g);
    expect(code).toBe(0);
    expect(output).toContain('dev.env:1  DATABASE_URL=postgresql://u:****@db:5432/d');
    expect(output).toContain('1  An application connects with it: pool it.');
    expect(readFileSync(join(cwd, 'pool-migrate.yml'), 'utf8')).toMatch(/^answers:\n? *\{? ?[\w-]+: pooled/);
    expect(readFileSync(join(cwd, 'dev.env'), 'utf8')).toContain('@pgbouncer:6432/d');
    expect(JSON.parse(runCli(['-C', cwd, '--json']).stdout).summary.sites.review).toBe(0);
  });

  test('left open changes nothing', async () => {
    const cwd = root();
    const { output } = await answer(cwd, ['s'], /Which\? |\[y,n,a,d,e,q,\?\]\? /g);
    expect(output).toContain('Nothing was written.');
    expect(existsSync(join(cwd, 'pool-migrate.yml'))).toBe(false);
  });
});
