/** Markdown for the text of a pull request. */

import type { Plan } from '../plan/index.ts';
import { describeReadiness } from './readiness.ts';
import type { Result } from './results.ts';

export function renderMarkdown(title: string, plan: Plan, results: readonly Result[]): string {
  const head = `## ${title}\n\n${describeReadiness(plan)
    .map(line => `${line}\n\n`)
    .join('')}`;
  if (results.length === 0) return `${head}Nothing was found.\n`;
  const cell = (text: string) => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ');
  const rows = results.map(
    ({ file, line, level, rule, message, fix }) =>
      `| ${level} | \`${cell(file)}:${line}\` | ${rule} | ${cell(message)} ${cell(fix)} |`,
  );
  return `${head}| | Place | Rule | What and what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}
