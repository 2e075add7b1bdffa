/** The overview as a table, for the summary of a CI job or an issue. */
import { cell, code, plain } from './escape-markdown.ts';
import { COLUMNS, cellsOf, describeOutcomes, type OverviewRow, SAYS } from './overview.ts';

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;

export function renderOverviewMarkdown(rows: readonly OverviewRow[], title: string): string {
  const head = ['Repository', 'Outcome', ...COLUMNS];
  const body = rows.map(row => {
    const rest =
      row.outcome === 'unreadable' ? [cell(plain(row.reason)), ...COLUMNS.slice(1).map(() => '')] : cellsOf(row);
    const refused = row.outcome === 'unreadable' ? [] : row.refused.slice(0, 3).map(({ file }) => code(file));
    return line([code(row.name), [SAYS[row.outcome], ...refused].join(' '), ...rest]);
  });
  return `## ${title}\n\n${describeOutcomes(rows)}.\n\n${line(head)}${line(head.map(() => '---'))}${body.join('')}`;
}
