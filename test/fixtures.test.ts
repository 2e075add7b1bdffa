import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyPlan } from '../src/apply/apply.ts';
import { undo } from '../src/apply/undo.ts';
import type { Plan } from '../src/plan/plan.ts';
import { renderPatch } from '../src/render/diff.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { copyFixture, findCompose, runCli, snapshotTree } from './repository.ts';

const FIXTURES = ['crawler', 'ledger'];
const isScript = (path: string) => path.endsWith('.sh') || path === 'Makefile';

/** Twins of a fixture: other newlines, a byte order mark, another indentation. */
const TWINS: [name: string, edit: (path: string, text: string) => string][] = [
  ['as it is', (_, text) => text],
  ['LF', (_, text) => text.replace(/\r\n/g, '\n')],
  ['CRLF', (path, text) => (isScript(path) ? text : text.replace(/\r?\n/g, '\r\n'))],
  ['BOM', (path, text) => (/\.(?:ya?ml|md|sample)$/.test(path) ? `\ufeff${text.replace(/^\ufeff/, '')}` : text)],
  [
    '4 spaces',
    (path, text) =>
      /compose\.ya?ml$/.test(path) && !/^ {4}\w/m.test(text.split('services:')[1]?.slice(0, 40) ?? '')
        ? text.replace(/^( +)(- )?/gm, (_, spaces, dash) => spaces + spaces + (dash ? '-   ' : ''))
        : text,
  ],
  [
    '2 spaces',
    (path, text) =>
      /compose\.ya?ml$/.test(path) && /services:\r?\n {4}\w/.test(text)
        ? text.replace(/^( +)/gm, spaces => ' '.repeat(spaces.length / 2))
        : text,
  ],
];

const decisions = (plan: Plan) =>
  plan.sites.map(({ file, key, text, action, rule, replacement }) => ({ file, key, text, action, rule, replacement }));
const patchOf = (plan: Plan) => plan.changes.map(change => renderPatch(change, true)).join('');

describe.each(FIXTURES)('%s', name => {
  test('comes out as reviewed', async () => {
    const plan = await planMigration({ cwd: copyFixture(name) });
    const modified = plan.changes.filter(change => change.kind === 'modify');
    await expect(modified.map(change => renderPatch(change, true)).join('')).toMatchFileSnapshot(
      `__snapshots__/${name}.patch`,
    );
    expect(plan.changes.filter(change => change.kind === 'create').map(change => change.file)).toMatchSnapshot();
  });

  test.each(TWINS)('%s: the second run is empty, undo is byte for byte', async (_, edit) => {
    const root = copyFixture(name, edit);
    const before = snapshotTree(root);
    const plan = await planMigration({ cwd: root });
    expect(plan.refused).toEqual([]);
    expect(plan.errors).toEqual([]);
    expect(plan.changes.length).toBeGreaterThan(5);
    applyPlan(plan);
    for (const { file, before: text, after } of plan.changes) {
      expect(readFileSync(join(root, file), 'utf8')).toBe(after);
      if (text.includes('\r\n') && !/[^\r]\n/.test(text)) expect(after).not.toMatch(/[^\r]\n/);
      if (text.startsWith('\ufeff')) expect(after.startsWith('\ufeff')).toBe(true);
    }
    const second = await planMigration({ cwd: root });
    expect(second.changes).toEqual([]);
    undo(root);
    expect(snapshotTree(root)).toEqual(before);
  });

  test.each(TWINS.slice(1))('%s: the same decisions', async (_, edit) => {
    const plan = await planMigration({ cwd: copyFixture(name) });
    const twin = await planMigration({ cwd: copyFixture(name, edit) });
    expect(decisions(twin)).toEqual(decisions(plan));
    expect(twin.changes.map(({ file, edits }) => ({ file, edits }))).toEqual(
      plan.changes.map(({ file, edits }) => ({ file, edits })),
    );
  });

  test('two runs print the same bytes', () => {
    const root = copyFixture(name);
    expect(runCli(['-C', root, '--json']).stdout).toBe(runCli(['-C', root, '--json']).stdout);
    expect(runCli(['-C', root]).stdout).toBe(runCli(['-C', root]).stdout);
  });

  test('git applies the patch, and the result is what --write writes', async () => {
    const root = copyFixture(name);
    const plan = await planMigration({ cwd: root });
    const result = spawnSync('git', ['apply', '--whitespace=nowarn', '-'], {
      cwd: root,
      input: patchOf(plan),
      encoding: 'utf8',
    });
    expect(result.stderr).toBe('');
    for (const { file, after } of plan.changes) expect(readFileSync(join(root, file), 'utf8')).toBe(after);
  });
});

const compose = findCompose();
describe.skipIf(compose === null)('docker-compose', () => {
  const run = (cwd: string, args: string[]) =>
    spawnSync(compose as string, args, {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    });
  const hashes = (cwd: string) => {
    const result = run(cwd, ['--profile', '*', 'config', '--hash', '*']);
    expect(result.stderr).toBe('');
    return new Map(
      result.stdout
        .trim()
        .split('\n')
        .map(line => line.split(' ') as [string, string]),
    );
  };

  test.each([
    ['crawler', ['pgadmin', 'postgres', 'rabbitmq'], ['flower', 'test_app']],
    ['ledger', ['backup', 'redis', 'warehouse'], ['api', 'worker']],
  ])('%s: accepted, and services that should not change keep their hash', async (name, same, changed) => {
    for (const [, edit] of TWINS) {
      const root = copyFixture(name, edit);
      const before = hashes(root);
      applyPlan(await planMigration({ cwd: root }));
      const after = hashes(root);
      expect([...after.keys()].sort()).toEqual([...before.keys(), 'pgbouncer'].sort());
      expect(
        [...before]
          .filter(([service, hash]) => after.get(service) === hash)
          .map(([service]) => service)
          .sort(),
      ).toEqual(same);
      expect(
        [...before]
          .filter(([service, hash]) => after.get(service) !== hash)
          .map(([service]) => service)
          .sort(),
      ).toEqual(changed);
    }
  });
});
