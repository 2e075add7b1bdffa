/** The overview as a page: a row for each repository, to be filtered by outcome. */
import { toHtml } from './escape-html.ts';
import { renderFilter, renderPage } from './html-page.ts';
import { COLUMNS, cellsOf, describeOutcomes, OUTCOMES, type Outcome, type OverviewRow, SAYS } from './overview.ts';

const GRAVE: Partial<Record<Outcome, 'error' | 'warning'>> = {
  unreadable: 'error',
  refused: 'error',
  questions: 'warning',
};

/** On a narrow page each row is a block, and each cell says what it is. */
const STYLE = `
.rows{width:100%;border-collapse:collapse}.rows th,.rows td{text-align:left;vertical-align:top;padding:.35rem .5rem;border-top:1px solid var(--line);overflow-wrap:normal}.rows th[scope=row]{min-width:9rem;overflow-wrap:anywhere}.rows td[colspan]{overflow-wrap:anywhere}
@media(max-width:56rem){.rows thead{display:none}.rows,.rows tbody,.rows tr,.rows th,.rows td{display:block}.rows tr{border-top:1px solid var(--line);padding:.35rem 0}.rows th,.rows td{border:0;padding:.1rem 0}.rows td[data-label]{display:inline-block;margin-right:1rem}.rows td[data-label]::before{content:attr(data-label) ": ";color:var(--dim)}.rows td.empty{display:none}}
${OUTCOMES.map(([outcome]) => `section:has(#show-${outcome}:checked) .rows tbody tr:not(.${outcome})`).join(',')}{display:none}`;

export function renderOverviewHtml(rows: readonly OverviewRow[], title: string): string {
  const shown = OUTCOMES.filter(([outcome]) => rows.some(row => row.outcome === outcome));
  const head = ['Repository', 'Outcome', ...COLUMNS].map(name => `<th scope="col">${name}</th>`).join('');
  return renderPage(
    title,
    `<p class="outcome">${describeOutcomes(rows)}.</p>
<main><section>
${renderFilter(shown)}
<table class="rows"><thead><tr>${head}</tr></thead><tbody>
${rows.map(renderRow).join('\n')}
</tbody></table>
</section></main>`,
    STYLE,
  );
}

function renderRow(row: OverviewRow): string {
  const cells =
    row.outcome === 'unreadable'
      ? `<td colspan="${COLUMNS.length}">${toHtml(row.reason)}</td>`
      : cellsOf(row)
          .map((text, i) => `<td data-label="${COLUMNS[i]}"${text === '' ? ' class="empty"' : ''}>${text}</td>`)
          .join('');
  const details =
    row.outcome === 'unreadable'
      ? ''
      : row.refused
          .slice(0, 3)
          .map(({ file, reason }) => `<br><small><code>${toHtml(file)}</code> ${toHtml(reason)}</small>`)
          .join('');
  return `<tr class="${row.outcome}"><th scope="row"><code>${toHtml(row.name)}</code></th><td><span class="${GRAVE[row.outcome] ?? 'calm'}">${SAYS[row.outcome]}</span>${details}</td>${cells}</tr>`;
}
