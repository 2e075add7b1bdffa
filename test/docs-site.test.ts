/** The documents as a site: it builds, no link within it is dead, and each rule and each hazard has a page of its own. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { hazards } from '../rules/hazards.generated.ts';
import { poolers } from '../rules/poolers.generated.ts';
import { rules } from '../rules/rules.generated.ts';
import { makeDirectory, PROJECT } from './repository.ts';

let site: string;
beforeAll(() => {
  site = makeDirectory();
  execFileSync(process.execPath, ['scripts/docs.mjs', site], { cwd: PROJECT, stdio: 'pipe' });
});

const read = (path: string) => readFileSync(join(site, `${path}.html`), 'utf8');
/** What a reader sees of a page. */
const visible = (path: string) =>
  read(path)
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|amp|#39);/g, (_, name: string) => ({ lt: '<', gt: '>', quot: '"', amp: '&' })[name] ?? "'");

test('each rule has a page with its examples, and the list names it', () => {
  const list = read('rules/index');
  const missing = rules.flatMap(({ id, examples }) => {
    const page = visible(`rules/${id}`);
    const lines = examples.flatMap(({ match }) => (typeof match === 'string' ? match : match?.text)?.split('\n') ?? []);
    const isWhole = [id, ...lines].every(line => page.includes(line.trimEnd()));
    return isWhole && list.includes(`href="/rules/${id}"`) ? [] : [id];
  });
  expect(missing).toEqual([]);
});

test('each hazard has a page with its source and its fix, and the list names it', () => {
  const list = read('hazard/index');
  const missing = hazards.flatMap(({ id, source, fix }) => {
    // Marks of Markdown are gone from the page.
    const unmarked = (text: string) => text.replace(/[`*_]/g, '');
    const page = unmarked(visible(`hazard/${id}`));
    return page.includes(unmarked(source)) && page.includes(unmarked(fix)) && list.includes(`href="/hazard/${id}"`)
      ? []
      : [id];
  });
  expect(missing).toEqual([]);
});

test('what each kind of pooler bears is a table of both how-tos', () => {
  for (const guide of ['existing-pooler', 'managed-postgres']) {
    const page = visible(`guides/${guide}`);
    const missing = poolers.filter(({ id, notes }) => !page.includes(id) || !page.includes(notes.replaceAll('`', '')));
    expect(missing.map(({ id }) => id)).toEqual([]);
    expect(page).toContain('yes, with pub_sub_channel_size');
  }
});

test('the how-tos are there', () => {
  for (const guide of [
    'pull-request',
    'monorepo',
    'kubernetes',
    'existing-pooler',
    'managed-postgres',
    'session-mode',
    'roll-back',
    'agents',
    'fleet',
  ])
    expect(read(`guides/${guide}`)).toContain('<h1');
});
