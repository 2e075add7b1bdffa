/** Whether what runs really goes through the pool: a pooler that nobody uses passes every other check. Pure. */
import { passed, skipped, type Verdict, warning } from './check.ts';
import type { Traffic } from './gather.ts';

export function judgeTraffic({ pooled, past }: Traffic): Verdict {
  const clients = list(pooled);
  if (past.size > 0) {
    return warning(
      `Past the pool: ${list(past)}; through it: ${clients || 'nobody'}`,
      'Right for migrations, dumps, listeners and admin tools. Anything else still has a direct address: npx pool-migrate, and look at local .env files.',
    );
  }
  return pooled.size > 0
    ? passed(`Through the pool: ${clients}; past it: nobody`)
    : skipped('No application is connected now');
}

const list = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .slice(0, 5)
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ');
