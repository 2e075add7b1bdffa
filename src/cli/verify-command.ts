/** `verify`: the rollout checklist against the running stack. */
import { resolve } from 'node:path';
import { needsGenerated } from '../config/pool-kind.ts';
import { UsageError } from '../model/errors.ts';
import type { Plan, PlanOptions } from '../plan/index.ts';
import { startProgress, wantsColor } from '../render/index.ts';
import {
  type Check,
  type Context,
  countTransactions,
  type Endpoint,
  exitCode,
  findContext,
  judgeRuns,
  listRunVariables,
  makeRedactor,
  makeRunEnvironment,
  renderCheck,
  renderTotals,
  runChecks,
  runCommand,
  runsInside,
  skipped,
  type Target,
  toSessionOptions,
  URL_VARIABLES,
  type Verdict,
  type VerifyReport,
} from '../rollout/index.ts';
import { planMigration } from '../run/index.ts';
import type { CliOptions } from './options.ts';

export async function runVerify({ values }: CliOptions, planOptions: PlanOptions): Promise<number> {
  if (values.reporter) throw new UsageError('verify prints a table, or one object with --json.');
  const stop = startProgress(values);
  const plan = await planMigration(planOptions).finally(stop);
  needsGenerated('verify', plan.config.pool);
  const urls = {
    pooled: values['pooled-url'] ?? (process.env[URL_VARIABLES.pooled] || undefined),
    direct: values['direct-url'] ?? (process.env[URL_VARIABLES.direct] || undefined),
  };
  const context = await findContext(plan, urls, values['pool-mode']);
  const redact = makeRedactors(context);
  const command = values.run;
  const checks: Check[] = [];
  const rows = runChecks(context, {
    allowWrites: values['allow-writes'] ?? false,
    runBoth:
      command === undefined
        ? null
        : () =>
            runBoth(command, plan, context, redact.output, line => values.quiet || process.stderr.write(`${line}\n`)),
  });
  const color = wantsColor(values.color, process.stdout);
  for await (const row of rows) {
    const check = { ...row, evidence: redact.row(oneLine(row.evidence)) };
    checks.push(check);
    if (!values.json) process.stdout.write(renderCheck(check, color));
  }
  const report: VerifyReport = { version: 1, checks };
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (!values.quiet) process.stderr.write(renderTotals(checks));
  return exitCode(checks);
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim();

/**
 * What of the context is secret. The output of the user's command may hold passwords of other services too; the short ones
 * among those (`admin`) are left, since they are words of other texts.
 */
function makeRedactors({
  pooled,
  direct,
  ways,
  resolved,
}: Context): Record<'row' | 'output', (text: string) => string> {
  const ends = [pooled, direct].filter((endpoint): endpoint is Endpoint => endpoint !== null);
  const texts = (list: (string | null | undefined)[]) => list.filter((text): text is string => Boolean(text));
  const own = texts([...ends.map(({ password }) => password), process.env.PGPASSWORD]);
  const others = [...resolved].flatMap(([name, value]) =>
    /PASSWORD|SECRET|TOKEN/i.test(name) && value.length >= 8 ? [value] : [],
  );
  const open = texts([...ends.flatMap(({ user, database }) => [user, database]), ways?.pooler, ways?.server]);
  return { row: makeRedactor(own, open), output: makeRedactor([...own, ...others], open) };
}

async function runBoth(
  command: string,
  plan: Plan,
  context: Context,
  mask: (text: string) => string,
  print: (line: string) => void,
): Promise<{ pooled: Verdict; direct: Verdict }> {
  const { pooled, direct, ways, isElsewhere } = context;
  const isInside = runsInside(command) && ways !== null && !isElsewhere;
  if (!pooled || !direct || (!isInside && (pooled.isInside || direct.isInside))) {
    const verdict = skipped(
      'The addresses are not published on this machine',
      'Run it in a container: --run "docker compose run --rm SERVICE COMMAND".',
    );
    return { pooled: verdict, direct: verdict };
  }
  const target = (way: 'pooled' | 'direct', endpoint: Endpoint): Target => ({
    ...endpoint,
    address: isInside && ways ? ways.inside[way] : endpoint.address,
  });
  const { bypass, suffix } = plan.config.direct;
  const environment = makeRunEnvironment(
    listRunVariables(plan.sites),
    { pooled: target('pooled', pooled), direct: target('direct', direct) },
    isElsewhere ? new Map() : context.resolved,
    { bypass, suffix },
  );
  const { [bypass]: _, ...own } = process.env;
  const options = { cwd: resolve(plan.root), mask, print };
  const session = toSessionOptions(context);
  const counts = [await countTransactions(pooled, session)];
  const run = async (way: 'pooled' | 'direct') => {
    const result = await runCommand(command, { ...own, ...environment[way] }, options);
    counts.push(await countTransactions(pooled, session));
    return result;
  };
  const runs = { direct: await run('direct'), pooled: await run('pooled') };
  const [before, between, after] = counts;
  return judgeRuns({
    ...runs,
    transactions:
      typeof before === 'number' && typeof between === 'number' && typeof after === 'number'
        ? { direct: between - before, pooled: after - between }
        : null,
  });
}
