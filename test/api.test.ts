/** The examples of docs/api.md and of the docstrings: type checked and run as programs of somebody who installed the package. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import * as api from '../src/index.ts';
import { makeDirectory, PROJECT } from './repository.ts';

interface Example {
  title: string;
  code: string;
  /** What it prints; null: that is not said. */
  output: string | null;
}

const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');
const page = read('docs/api.md');
const ofPage = page
  .split(/^## /m)
  .slice(1)
  .flatMap((section): Example[] => {
    const [, code, output] = /^```ts\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/m.exec(section) ?? [];
    return code === undefined ? [] : [{ title: section.split('\n', 1)[0] ?? '', code, output: output ?? '' }];
  });

const exported = Object.keys(api);
const functions = exported.filter(name => /^[a-z]/.test(name));
const DOCSTRING = /@example\n((?: \* .*\n)+) \*\/\nexport (?:async )?(?:function|const) (\w+)/g;
const ofDocstrings = ['run/plan-migration', 'apply/apply', 'apply/undo', 'render/report', 'size/render-size'].flatMap(
  file =>
    [...read(`src/${file}.ts`).matchAll(DOCSTRING)].map(
      ([, code = '', title = '']): Example => ({
        title,
        code: `import { ${functions.join(', ')} } from 'pool-migrate';\n${code.replace(/^ \* /gm, '')}`,
        output: null,
      }),
    ),
);
const examples = [...ofPage, ...ofDocstrings];

let folder: string;
let types: string;
beforeAll(() => {
  folder = makeDirectory();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(PROJECT, join(folder, 'node_modules/pool-migrate'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  for (const [i, { code }] of examples.entries()) writeFileSync(join(folder, `e${i}.ts`), code);
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
  ];
  types = spawnSync(
    process.execPath,
    [
      join(PROJECT, 'node_modules/typescript/bin/tsc'),
      ...options,
      '--typeRoots',
      join(PROJECT, 'node_modules/@types'),
      '--types',
      'node',
      ...examples.map((_, i) => `e${i}.ts`),
    ],
    { cwd: folder, encoding: 'utf8' },
  ).stdout;
});

test('every export has an example, and every function one of its own', () => {
  expect(exported.filter(name => !ofPage.some(({ code }) => new RegExp(`\\b${name}\\b`).test(code)))).toEqual([]);
  expect(ofDocstrings.map(({ title }) => title).sort()).toEqual(functions.sort());
  // None was overlooked.
  expect(ofPage).toHaveLength(page.split(/^```ts$/m).length - 1);
});

test('the types hold', () => expect(types).toBe(''));

/** A copy outside git, which is quicker. */
function copyOf(fixture: string): string {
  const root = makeDirectory();
  cpSync(join(PROJECT, '__fixtures__', fixture), root, { recursive: true });
  return root;
}

test.concurrent.each(examples.map(({ title, output }, i) => [title, i, output] as const))(
  '%s',
  async (_, i, output) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, `e${i}.js`)], {
      cwd: copyOf('ledger'),
      env: { ...process.env, NO_COLOR: '1' },
    });
    expect(stderr).toBe('');
    if (output === null) expect(stdout).not.toBe('');
    else expect(stdout).toBe(output);
  },
);
