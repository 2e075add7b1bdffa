/** Markdown for the text of a pull request. */

import type { Plan } from '../plan/index.ts';
import { describeReadiness } from './readiness.ts';
import type { Result } from './results.ts';

/** What comes from the repository begins no tag and no link. */
const plain = (text: string): string => text.replace(/[<[]/g, '\\$&');

export function renderMarkdown(title: string, plan: Plan, results: readonly Result[]): string {
  const head = `## ${title}\n\n${describeReadiness(plan)
    .map(line => `${plain(line)}\n\n`)
    .join('')}`;
  if (results.length === 0) return `${head}Nothing was found.\n`;
  const cell = (text: string) => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ');
  const code = (text: string) => (text.includes('`') ? `\`\` ${cell(text)} \`\`` : `\`${cell(text)}\``);
  const rows = results.map(
    ({ file, line, level, rule, message, fix }) =>
      `| ${level} | ${code(`${file}:${line}`)} | ${rule} | ${cell(plain(message))} ${cell(plain(fix))} |`,
  );
  return `${head}| | Place | Rule | What and what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}
