/** What one default run makes of a small repository. */
import { expect } from 'vitest';
import type { Site } from '../src/model/index.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import { makeRepository } from './repository.ts';

export const PG = `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: p, POSTGRES_DB: d }
`;
export const URL = 'postgresql://u:p@db:5432/d';
export const POOLED = 'postgresql://u:p@pgbouncer:6432/d';

/** The plan, what the files hold after it, and what was decided for a variable. A second run must find nothing. */
export async function planned(files: Record<string, string>) {
  // To ask git takes longer than to plan; what it ignores is all that a plan takes from it.
  const plan = (content: Record<string, string>) =>
    planMigration({ cwd: makeRepository(content, { git: '.gitignore' in files }) });
  const result = await plan(files);
  const again = await plan({
    ...files,
    ...Object.fromEntries(result.changes.map(({ file, after }) => [file, after])),
  });
  expect(result.refused).toEqual([]);
  expect(again.changes.map(({ file }) => file)).toEqual([]);
  // What was written is what the audit asks for.
  const told = (hazards: typeof result.hazards) => hazards.filter(({ rule }) => rule === 'through-pooler').length;
  expect(told(again.hazards)).toBeLessThanOrEqual(told(result.hazards));
  const written = (file: string) => result.changes.find(change => change.file === file)?.after ?? '';
  const decided = (key: string, file?: string): string[] =>
    result.sites
      .filter((site: Site) => site.key === key && (file === undefined || site.file === file))
      .map(({ action, safety }) => `${action} ${safety}`);
  return { ...result, written, decided };
}

/** A service of the compose file, as text. */
export const serviceIn = (text: string, name: string): string =>
  new RegExp(`^  ${name}:\\n(?:    .*\\n?|\\n)*`, 'm').exec(text)?.[0] ?? '';
