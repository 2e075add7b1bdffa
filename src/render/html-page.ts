/** What every page has: no script, nothing to fetch, a style of its own. */
import { toHtml } from './escape-html.ts';
import { STYLE } from './html-style.ts';

/** `title` is text, and the heading too; `body` is HTML; `style` comes after that of every page. */
export const renderPage = (title: string, body: string, style = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${toHtml(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<h1>${toHtml(title)}</h1>
${body}
</body>
</html>
`;

/** What of the same section is shown, by its class. The style knows the ids. */
export function renderFilter(kinds: readonly (readonly [kind: string, says: string])[]): string {
  const labels = [['all', 'all'] as const, ...kinds].map(
    ([kind, says], i) =>
      `<label><input type="radio" name="show" id="show-${kind}"${i === 0 ? ' checked' : ''}> ${says}</label>`,
  );
  return `<div class="filter" role="radiogroup" aria-label="Show">${labels.join('')}</div>`;
}
