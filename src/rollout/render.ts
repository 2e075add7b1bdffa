/** The checklist as text. Pure. */
import pc from 'picocolors';
import { type Check, type Status, titles } from './check.ts';

const WIDTH = Math.max(...Object.values(titles).map(title => title.length));
const MARKS: Record<Status, string> = { passed: 'passed ', failed: 'FAILED ', warning: 'warning', skipped: 'skipped' };

/** One row, and below it what to do. */
export function renderCheck({ title, status, evidence, next }: Check, color: boolean): string {
  const c = pc.createColors(color);
  const paint = { passed: c.green, failed: c.red, warning: c.yellow, skipped: c.dim }[status];
  const indent = ' '.repeat(MARKS.passed.length + 2);
  const todo = next === null ? '' : `${indent}→ ${next}\n`;
  return `${paint(MARKS[status])}  ${title.padEnd(WIDTH)}  ${evidence}\n${todo}`;
}

export function renderTotals(checks: readonly Check[]): string {
  const count = (status: Status) => checks.filter(check => check.status === status).length;
  const parts = (['passed', 'failed', 'warning', 'skipped'] as const)
    .map(status => ({ status, number: count(status) }))
    .filter(({ status, number }) => number > 0 || status === 'failed')
    .map(({ status, number }) => `${number} ${status === 'warning' && number !== 1 ? 'warnings' : status}`);
  return `${parts.join(', ')}\n`;
}
