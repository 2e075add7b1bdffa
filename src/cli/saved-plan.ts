/**
 * A plan that was reviewed, to be applied later. The file holds digests and no text: the plan is made again and has to
 * come out the same to the byte, so that no secret is copied and nothing but what was reviewed is written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { applyPlan, sha256 } from '../apply/index.ts';
import type { Config } from '../config/config.ts';
import { RefusedError, UsageError } from '../model/errors.ts';
import type { Plan } from '../plan/index.ts';
import { VERSION } from '../render/index.ts';
import { planMigration } from '../run/index.ts';
import type { CliOptions } from './options.ts';
import { toPlanOptions } from './plan-options.ts';

interface SavedPlan {
  version: 1;
  tool: { name: 'pool-migrate'; version: string };
  unsafe: boolean;
  includeIgnoredEnv: boolean;
  config: Config;
  changes: SavedChange[];
}

interface SavedChange {
  file: string;
  kind: 'modify' | 'create';
  before: string | null;
  after: string;
  edits: number;
}

const toChanges = (plan: Plan): SavedChange[] =>
  plan.changes.map(({ file, kind, digest, after, edits }) => ({
    file,
    kind,
    before: digest,
    after: sha256(Buffer.from(after)),
    edits,
  }));

export function savePlan(plan: Plan, path: string): void {
  const saved: SavedPlan = {
    version: 1,
    tool: { name: 'pool-migrate', version: VERSION },
    unsafe: plan.unsafe,
    includeIgnoredEnv: plan.includeIgnoredEnv,
    config: plan.config,
    changes: toChanges(plan),
  };
  try {
    writeFileSync(path, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new UsageError(`${path} can't be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

export async function runApply(options: CliOptions): Promise<number> {
  const [path] = options.arguments;
  if (path === undefined) throw new UsageError('Which plan? Give the file that plan --out wrote.');
  const saved = await readSaved(path);
  const plan = await planMigration({
    ...toPlanOptions(options),
    unsafe: saved.unsafe,
    includeIgnoredEnv: saved.includeIgnoredEnv,
    config: false,
    overrides: () => saved.config,
  });
  const now = new Map(toChanges(plan).map(change => [change.file, JSON.stringify(change)]));
  const then = new Map(saved.changes.map(change => [change.file, JSON.stringify(change)]));
  const differs = [...new Set([...now.keys(), ...then.keys()])].filter(file => now.get(file) !== then.get(file)).sort();
  if (differs.length > 0) {
    throw new RefusedError(
      `Nothing was written, because the repository is not what was reviewed:\n${differs.map(file => `  ${file}`).join('\n')}\nMake a new plan.`,
    );
  }
  const applied = applyPlan(plan, { force: options.values.force ?? false });
  process.stderr.write(applied ? `Wrote ${applied.files.length} files (run ${applied.run}).\n` : 'Nothing to do.\n');
  return 0;
}

async function readSaved(path: string): Promise<SavedPlan> {
  const { planSchema } = await import('./report-schema.ts');
  const { configSchema } = await import('../config/rule-schema.ts');
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(resolve(path), 'utf8'));
  } catch (error) {
    throw new UsageError(`${path} can't be read as a plan: ${(error as Error).message}`);
  }
  const plan = planSchema.safeParse(value);
  const config = plan.success ? configSchema.safeParse(plan.data.config) : null;
  if (!plan.success || !config?.success)
    throw new UsageError(`${path} is no plan of this version; make a new one with plan --out.`);
  return { ...plan.data, config: config.data } as SavedPlan;
}
