/** What each command does. Exit codes are decided here and nowhere else. */

import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { applyPlan } from '../apply/index.ts';
import { needsGenerated, poolerName } from '../config/pool-kind.ts';
import { counters } from '../model/counters.ts';
import type { Plan } from '../plan/index.ts';
import {
  placeOf,
  print,
  readReporters,
  renderSummary,
  report,
  startProgress,
  wantsColor,
  writeOutput,
} from '../render/index.ts';
import { planMigration } from '../run/index.ts';
import { escapeControls } from '../text/controls.ts';
import type { CliOptions } from './options.ts';
import { toPlanOptions } from './plan-options.ts';

/** With `POOL_MIGRATE_COUNTERS` a last line of stderr tells what was done, for the test that holds it. */
export async function main(options: CliOptions): Promise<number> {
  const code = await runCommand(options);
  if (process.env.POOL_MIGRATE_COUNTERS) process.stderr.write(`${JSON.stringify(counters)}\n`);
  return code;
}

async function runCommand(options: CliOptions): Promise<number> {
  switch (options.command) {
    case 'plan':
      return options.values.interactive ? (await import('./interactive.ts')).runInteractive(options) : runPlan(options);
    case 'audit':
      return (await import('./audit-command.ts')).runAudit(options);
    case 'apply':
      return (await import('./saved-plan.ts')).runApply(options);
    case 'verify':
      return (await import('./verify-command.ts')).runVerify(options, toPlanOptions(options));
    case 'undo':
      return runUndo(options);
    case 'mcp':
      return (await import('./mcp.ts')).runMcp(options);
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
    case 'report':
      return (await import('./report-command.ts')).runReport(options);
    case 'schema':
      return (await import('./schema.ts')).runSchema(options);
  }
}

async function runPlan(options: CliOptions): Promise<number> {
  const { values } = options;
  const reporters = readReporters(options, values.write ? null : values.check ? 'text' : 'diff');
  const stop = startProgress(values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  if (values.out !== undefined) (await import('./saved-plan.ts')).savePlan(plan, resolve(values.out));
  if (values.patch !== undefined) await writePatch(plan, resolve(values.patch));
  const title = `Through ${poolerName(plan.config.pool)}`;
  const results = reporters.length > 0 ? (await import('../render/results.ts')).planResults(plan) : [];
  await report(reporters, { plan, title, isAudit: false, results, text: () => listChanges(plan) }, options);
  const mode = values.write ? 'write' : values.check ? 'check' : 'plan';
  // The summary comes before the writing, so that a refusal is the last thing to be read.
  if (!values.quiet)
    process.stderr.write(
      renderSummary(plan, {
        mode,
        color: wantsColor(values.color, process.stderr),
        verbose: values.verbose ?? false,
        cwd: values.cwd,
        narrowing: values.changed ? ' --changed' : values.since ? ` --since ${values.since}` : '',
      }),
    );
  if (values.check) {
    const pending = listPending(plan, values.strict ?? false);
    if (!values.quiet && pending.length > 0)
      process.stderr.write(`\nPending (exit 1)\n${escapeControls(pending.map(line => `  ${line}\n`).join(''))}`);
    return pending.length > 0 ? 1 : 0;
  }
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

/** Why `--check` fails: the lines to change, the files that come with them, and with `--strict` what nobody has decided. */
function listPending(plan: Plan, strict: boolean): string[] {
  // Of a narrowed plan some only follow others, which are not edited with it.
  const pooled = plan.sites.filter(({ action, safety }) => action === 'pooled' && (safety === 'safe' || plan.unsafe));
  const named = new Set(pooled.map(({ file }) => file));
  return [
    ...pooled.map(site => `${placeOf(site, plan)}  ${site.text} → ${site.replacement ?? 'the pooler'}`),
    ...plan.changes.flatMap(({ file, kind }) =>
      named.has(file) ? [] : [`${file}  ${kind === 'create' ? 'has to be made' : 'has to follow'}`],
    ),
    ...plan.errors.map(({ file, message }) => `${file ?? ''}  ${message}`),
    ...plan.refused.map(({ file, reason }) => `${file}  ${reason}`),
    ...(strict ? plan.sites.filter(site => site.action === 'review') : []).map(
      site => `${placeOf(site, plan)}  ${site.text}: nobody has decided (--strict). ${site.reason}`,
    ),
  ];
}

const listChanges = ({ changes }: Plan): string =>
  changes.map(({ kind, file }) => `${kind === 'create' ? 'create' : 'modify'} ${file}\n`).join('');

async function writePatch(plan: Plan, path: string): Promise<void> {
  const { inReadingOrder, renderPatch } = await import('../render/diff.ts');
  writeOutput(
    path,
    inReadingOrder(plan.changes)
      .map(change => renderPatch(change, true))
      .join(''),
    0o600,
  );
  chmodSync(path, 0o600);
  process.stderr.write(`${path} holds the exact patch, passwords included; its mode is 0600.\n`);
}

async function runSize(options: CliOptions): Promise<number> {
  const stop = startProgress(options.values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  needsGenerated('size', plan.config.pool);
  const { renderSizes, toSizeReport } = await import('../size/render-size.ts');
  await print(
    options.values.json ? `${JSON.stringify(toSizeReport(plan), null, 2)}\n` : escapeControls(renderSizes(plan)),
  );
  return 0;
}

async function runUndo({ values, arguments: [run] }: CliOptions): Promise<number> {
  const { undo } = await import('../apply/undo.ts');
  const undone = undo(values.cwd ?? '.', run);
  process.stderr.write(
    `Took run ${undone.run} back: ${undone.files.length} files are as they were.\n` +
      'Env files that git ignores are not among them: where you gave them the pooler, give them the server again.\n',
  );
  return 0;
}
