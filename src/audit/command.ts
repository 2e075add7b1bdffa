/** `audit`: hazards alone, for a person and for CI. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { toPlanOptions } from '../main.ts';
import type { Hazard, Severity } from '../model.ts';
import type { CliOptions } from '../options.ts';
import { type Plan, planMigration } from '../plan.ts';
import { startProgress } from '../progress.ts';
import { type Baseline, compareBaseline, countFindings } from './baseline.ts';
import { renderHazards } from './render.ts';

const LEVELS: Record<string, Severity[]> = { error: ['error'], warning: ['error', 'warning'], never: [] };

/** Exit code 1 where something is found that counts: new to the baseline, and at least as severe as `--fail-on`. */
export async function runAudit(options: CliOptions): Promise<number> {
  const { values } = options;
  const counting = LEVELS[values['fail-on'] ?? 'error'];
  if (!counting) throw new UsageError('--fail-on is error, warning or never.');
  const stop = startProgress(values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  const path = values.baseline === undefined ? null : resolve(values.baseline);
  const known = path === null ? null : readBaseline(path);
  if (path !== null && known === null) {
    writeFileSync(path, `${JSON.stringify(countFindings(plan.hazards), null, 2)}\n`);
    process.stderr.write(`${path} was written; findings in it no longer fail the audit.\n`);
  }
  const { fresh, gone } = compareBaseline(plan.hazards, known);
  for (const { name, file } of readAuditReporters(options)) {
    const text = await renderHazards(name, plan, fresh);
    if (file === null) await new Promise<void>(done => process.stdout.write(text, () => done()));
    else writeFileSync(resolve(file), text);
  }
  if (!values.quiet) process.stderr.write(summarise(plan, fresh, known !== null, gone));
  if (values['strict-baseline'] && gone.length > 0) return 1;
  return path !== null && known === null ? 0 : fresh.some(({ severity }) => counting.includes(severity)) ? 1 : 0;
}

function readBaseline(path: string): Baseline | null {
  if (!existsSync(path)) return null;
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Baseline;
    if (value.version === 1 && typeof value.findings === 'object') return value;
  } catch {
    // Said below.
  }
  throw new UsageError(`${path} is no baseline of this tool: remove it, and the next run writes one.`);
}

export const AUDIT_REPORTERS = ['text', 'json', 'sarif', 'github', 'markdown'] as const;
export type AuditReporter = (typeof AUDIT_REPORTERS)[number];

function readAuditReporters({ values }: CliOptions): { name: AuditReporter; file: string | null }[] {
  const named = (values.reporter ?? []).map(text => {
    const [name = '', file] = text.split(/=(.*)/s);
    const known = AUDIT_REPORTERS.find(candidate => candidate === name);
    if (!known) throw new UsageError(`Unknown reporter ${name}; audit has ${AUDIT_REPORTERS.join(', ')}.`);
    return { name: known, file: file ?? null };
  });
  if (values.json) named.push({ name: 'json', file: null });
  return named.length > 0 ? named : [{ name: 'text', file: null }];
}

function summarise(plan: Plan, fresh: readonly Hazard[], hasBaseline: boolean, gone: readonly string[]): string {
  const count = (severity: Severity) => fresh.filter(hazard => hazard.severity === severity).length;
  const { mode, version } = plan.config.pool;
  const lines = [
    `${plan.filesScanned} files, ${mode} pooling, PgBouncer ${version}: ${count('error')} errors, ${count('warning')} warnings, ${count('note')} notes${hasBaseline ? ` beyond the baseline (${plan.hazards.length - fresh.length} known)` : ''}.`,
    ...plan.suppressions.map(({ file, line, problem }) =>
      problem === 'unused'
        ? `${file}:${line}: pool-migrate-ignore keeps nothing quiet any more; remove it.`
        : `${file}:${line}: pool-migrate-ignore without a reason has no effect; write why after a colon.`,
    ),
    ...gone.map(entry => `baseline: ${entry} is gone; write the baseline again to keep it gone.`),
    ...(fresh.length > 0 ? ['Why, and what to do: pool-migrate explain RULE.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}
