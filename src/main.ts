/** What each command does. Exit codes are decided here and nowhere else. */
import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { applyPlan } from './apply.ts';
import { wantsColor } from './color.ts';
import type { Config } from './config.ts';
import { escapeControls } from './controls.ts';
import { UsageError } from './errors.ts';
import type { CliOptions } from './options.ts';
import { type Plan, type PlanOptions, planMigration } from './plan.ts';
import { startProgress } from './progress.ts';
import { print, readReporters, report, writeOutput } from './reporters/render.ts';
import { renderSummary } from './summary.ts';

export async function main(options: CliOptions): Promise<number> {
  switch (options.command) {
    case 'plan':
      return options.values.interactive ? (await import('./interactive.ts')).runInteractive(options) : runPlan(options);
    case 'audit':
      return (await import('./audit/command.ts')).runAudit(options);
    case 'apply':
      return (await import('./saved-plan.ts')).runApply(options);
    case 'verify':
      return (await import('./verify-rollout/run-verify.ts')).runVerify(options, toPlanOptions(options));
    case 'undo':
      return runUndo(options);
    case 'size':
      return runSize(options);
    case 'explain':
      return (await import('./explain.ts')).runExplain(options);
    case 'rules':
      return (await import('./rules-test.ts')).runRules(options);
    case 'init':
      return (await import('./init.ts')).runInit(options);
    case 'completion':
      return (await import('./completion.ts')).runCompletion(options);
    case 'schema':
      return (await import('./schema.ts')).runSchema(options);
  }
}

/** Options of the command line, over those of the configuration file. */
export function toPlanOptions({ values }: CliOptions): PlanOptions {
  const port =
    values['pool-port'] === undefined ? undefined : /^\d+$/.test(values['pool-port']) ? Number(values['pool-port']) : 0;
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536))
    throw new UsageError('--pool-port is a number from 1 to 65535.');
  if (values['pgbouncer-version'] !== undefined && !/^\d+\.\d+$/.test(values['pgbouncer-version'])) {
    throw new UsageError('--pgbouncer-version is a version such as 1.26.');
  }
  const oneOf = (name: 'pool-mode' | 'base', allowed: string[]) => {
    if (values[name] !== undefined && !allowed.includes(values[name]))
      throw new UsageError(`--${name} is ${allowed.join(', ')}.`);
    return values[name];
  };
  const mode = oneOf('pool-mode', ['transaction', 'session', 'statement']) as Config['pool']['mode'] | undefined;
  const base = oneOf('base', ['alpine', 'debian']) as Config['pool']['base'] | undefined;
  if (values['pool-host'] !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(values['pool-host']))
    throw new UsageError('--pool-host is a host name.');
  return {
    cwd: values.cwd ?? '.',
    ...(values.unsafe ? { unsafe: true } : {}),
    ...(values['no-config']
      ? { config: false as const }
      : values.config === undefined
        ? {}
        : { config: values.config }),
    ...(values['include-ignored-env'] ? { includeIgnoredEnv: true } : {}),
    overrides: config => ({
      ...config,
      pool: {
        ...config.pool,
        ...(values['pool-host'] ? { host: values['pool-host'] } : {}),
        ...(port ? { port } : {}),
        ...(mode ? { mode } : {}),
        ...(base ? { base } : {}),
        ...(values['pgbouncer-version'] ? { version: values['pgbouncer-version'] } : {}),
      },
      services: values.service ?? config.services,
      keepDirect: [...config.keepDirect, ...(values['keep-direct'] ?? [])],
      include: values.include ?? config.include,
      exclude: [...config.exclude, ...(values.exclude ?? [])],
    }),
  };
}

async function runPlan(options: CliOptions): Promise<number> {
  const { values } = options;
  const reporters = readReporters(options, values.write ? null : values.check ? 'text' : 'diff');
  const stop = startProgress(values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  if (values.out !== undefined) (await import('./saved-plan.ts')).savePlan(plan, resolve(values.out));
  if (values.patch !== undefined) await writePatch(plan, resolve(values.patch));
  const title = 'Through PgBouncer';
  const results = reporters.length > 0 ? (await import('./reporters/results.ts')).planResults(plan) : [];
  await report(reporters, { plan, title, results, text: () => listChanges(plan) }, options);
  const mode = values.write ? 'write' : values.check ? 'check' : 'plan';
  // The summary comes before the writing, so that a refusal is the last thing to be read.
  if (!values.quiet)
    process.stderr.write(
      renderSummary(plan, {
        mode,
        color: wantsColor(values.color, process.stderr),
        verbose: values.verbose ?? false,
        cwd: values.cwd,
      }),
    );
  if (values.check) return isPending(plan, values.strict ?? false) ? 1 : 0;
  if (!values.write) return 0;
  const applied = applyPlan(plan, { force: values.force ?? false });
  if (applied && !values.quiet) {
    const where = values.cwd ? ` -C ${values.cwd}` : '';
    process.stderr.write(
      `\nWrote ${applied.files.length} files (run ${applied.run}). Take it back with: npx pool-migrate${where} undo\n`,
    );
  }
  return plan.refused.length > 0 ? 3 : 0;
}

const isPending = (plan: Plan, strict: boolean): boolean =>
  plan.changes.length > 0 ||
  plan.errors.length > 0 ||
  plan.refused.length > 0 ||
  (strict && plan.sites.some(site => site.action === 'review'));

const listChanges = ({ changes }: Plan): string =>
  changes.map(({ kind, file }) => `${kind === 'create' ? 'create' : 'modify'} ${file}\n`).join('');

async function writePatch(plan: Plan, path: string): Promise<void> {
  const { renderPatch } = await import('./diff.ts');
  writeOutput(path, plan.changes.map(change => renderPatch(change, true)).join(''), 0o600);
  chmodSync(path, 0o600);
  process.stderr.write(`${path} holds the exact patch, passwords included; its mode is 0600.\n`);
}

async function runSize(options: CliOptions): Promise<number> {
  const stop = startProgress(options.values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  const { renderSizes, toSizeReport } = await import('./size/render-size.ts');
  await print(
    options.values.json ? `${JSON.stringify(toSizeReport(plan), null, 2)}\n` : escapeControls(renderSizes(plan)),
  );
  return 0;
}

async function runUndo({ values, arguments: [run] }: CliOptions): Promise<number> {
  const { undo } = await import('./undo.ts');
  const undone = undo(values.cwd ?? '.', run);
  process.stderr.write(`Took run ${undone.run} back: ${undone.files.length} files are as they were.\n`);
  return 0;
}
