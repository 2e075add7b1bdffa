/** `audit`: hazards alone, for a person and for CI. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isElsewhere, poolerName } from '../config/pool-kind.ts';
import { UsageError } from '../model/errors.ts';
import type { Hazard, Severity } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { describeReadiness, hazardResults, readReporters, report, startProgress } from '../render/index.ts';
import type { Finding } from '../routes/index.ts';
import { planMigration } from '../run/index.ts';
import { type Baseline, compareBaseline, countFindings } from './baseline.ts';
import type { CliOptions } from './options.ts';
import { toPlanOptions } from './plan-options.ts';

const LEVELS: Record<string, Severity[]> = { error: ['error'], warning: ['error', 'warning'], never: [] };

/** Exit code 1 where something is found that counts: new to the baseline, and at least as severe as `--fail-on`. */
export async function runAudit(options: CliOptions): Promise<number> {
  const { values } = options;
  const counting = LEVELS[values['fail-on'] ?? 'error'];
  if (!counting) throw new UsageError('--fail-on is error, warning or never.');
  const reporters = readReporters(options, 'text');
  const stop = startProgress(values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  const path = values.baseline === undefined ? null : resolve(values.baseline);
  const known = path === null ? null : readBaseline(path);
  if (path !== null && known === null) {
    writeFileSync(path, `${JSON.stringify(countFindings(plan.hazards), null, 2)}\n`);
    process.stderr.write(`${path} was written; findings in it no longer fail the audit.\n`);
  }
  const { fresh, gone } = compareBaseline(plan.hazards, known);
  await report(
    reporters,
    {
      plan: { ...plan, hazards: fresh },
      isAudit: true,
      title: `${poolerName(plan.config.pool)} audit (${plan.mode} pooling)`,
      results: hazardResults(fresh),
      text: () => renderText(fresh),
    },
    options,
  );
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

function renderText(hazards: readonly Hazard[]): string {
  return hazards
    .flatMap(({ file, line, column, severity, rule, message, fix }) => [
      `${file}:${line}:${column}  ${severity}  ${rule}\n`,
      `    ${message}\n`,
      `    → ${fix}\n`,
    ])
    .join('');
}

/** E.g.: `PgBouncer 1.18 (docker-compose.yml:6)`. What is assumed is said. */
function describePooler({ topology: { poolers }, config, poolerVersion }: Plan): string {
  if (isElsewhere(config.pool))
    return `${poolerName(config.pool)} at ${config.pool.host}:${config.pool.port} (pool.kind)`;
  if (poolers.length === 0) return `PgBouncer ${poolerVersion}`;
  const places = poolers.flatMap(({ definitions: [first] }) => (first ? [`${first.file}:${first.line}`] : []));
  const isKnown = poolers.some(({ pooler }) => pooler?.version || pooler?.isGenerated);
  return isKnown
    ? `PgBouncer ${poolerVersion} (${places.join(', ')})`
    : `PgBouncer ${config.pool.version} assumed, since nothing tells the version of ${places.join(', ')}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function summarise(plan: Plan, fresh: readonly Finding[], hasBaseline: boolean, gone: readonly string[]): string {
  const count = (severity: Severity) => fresh.filter(hazard => hazard.severity === severity).length;
  const { mode } = plan;
  const mendable = fresh.filter(({ severity, mend }) => severity !== 'note' && mend).length;
  const lines = [
    `${plan.filesScanned} files, ${mode} pooling, ${describePooler(plan)}: ${counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}, ${counted(count('note'), 'note')}${hasBaseline ? ` beyond the baseline (${plan.hazards.length - fresh.length} known)` : ''}.`,
    ...describeReadiness(plan).map((line, i) => (i === 0 ? line : `  ${line}`)),
    ...plan.suppressions.map(({ file, line, problem }) =>
      problem === 'unused'
        ? `${file}:${line}: pool-migrate-ignore keeps nothing quiet any more; remove it.`
        : `${file}:${line}: pool-migrate-ignore without a reason has no effect; write why after a colon.`,
    ),
    ...gone.map(entry => `baseline: ${entry} is gone; write the baseline again to keep it gone.`),
    ...(mendable > 0 ? [`${mendable} of them can be mended: npx pool-migrate --unsafe shows how.`] : []),
    ...(fresh.length > 0 ? ['Why, and what to do: pool-migrate explain RULE.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}
