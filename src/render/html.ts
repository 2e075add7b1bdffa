/** One page without scripts or anything to fetch: what would change and why, what breaks, the whole diff. */

import type { Action } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { escapeControls } from '../text/controls.ts';
import { lineAt } from '../text/lines.ts';
import { describeReadiness } from './readiness.ts';

const ACTIONS: [Action, string][] = [
  ['pooled', 'Through the pooler'],
  ['direct', 'Direct on purpose'],
  ['review', 'For a person to decide'],
  ['leave', 'Left alone'],
];

/** `diff` is that of the changes, with passwords masked. */
export function renderHtml(plan: Plan, diff: string): string {
  const count = (action: Action) => plan.sites.filter(site => site.action === action).length;
  const tables = ACTIONS.map(([action, title]) => renderSites(plan, action, title)).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>pool-migrate</title>
<style>${STYLE}</style>
</head>
<body>
<h1>pool-migrate</h1>
<p>${plan.filesScanned} files, ${plan.sites.length} places that name a Postgres endpoint: ${ACTIONS.map(([action]) => `<b>${count(action)}</b> ${action}`).join(', ')}.</p>
${describeReadiness(plan)
  .map(line => `<p>${toHtml(line)}</p>`)
  .join('\n')}
${renderHazards(plan)}
${tables}
<h2>Changes (${plan.changes.length} files)</h2>
<pre>${diff.split('\n').map(renderDiffLine).join('\n')}</pre>
</body>
</html>
`;
}

const toHtml = (text: string): string => escapeControls(text).replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`);

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-top:1px solid #8884}
code,pre{font:13px/1.45 ui-monospace,monospace}td code{white-space:nowrap}pre{overflow-x:auto;padding:1rem;border:1px solid #8884}
.add{color:#1a7f37}.cut{color:#cf222e}.head{font-weight:bold}.error{color:#cf222e}.warning{color:#9a6700}
@media(prefers-color-scheme:dark){.add{color:#3fb950}.cut,.error{color:#f85149}.warning{color:#d29922}}`;

function renderSites(plan: Plan, action: Action, title: string): string {
  const sites = plan.sites.filter(site => site.action === action);
  if (sites.length === 0) return '';
  const rows = sites.map(site => {
    const place = `${site.file}:${lineAt(plan.texts.get(site.file) ?? '', site.span.start)}`;
    const change = site.replacement && site.replacement !== site.text ? ` → ${site.replacement}` : '';
    const safety = action === 'pooled' && site.safety === 'unsafe' ? ' (only with --unsafe)' : '';
    return `<tr><td><code>${toHtml(place)}</code><td><code>${toHtml(`${site.text}${change}`)}</code>${safety}<td>${toHtml(site.reason)} <small>${toHtml(site.rule)}</small>`;
  });
  return `<h2>${title} (${sites.length})</h2>\n<table><tr><th>Place<th>Endpoint<th>Why\n${rows.join('\n')}\n</table>\n`;
}

function renderHazards({ hazards, mode }: Plan): string {
  if (hazards.length === 0) return '';
  const rows = hazards.map(
    ({ file, line, severity, rule, message, fix }) =>
      `<tr><td><code>${toHtml(`${file}:${line}`)}</code><td class="${severity}">${severity}<td>${toHtml(`${message} ${fix}`)} <small>${toHtml(rule)}</small>`,
  );
  return `<h2>Breaks with ${mode} pooling (${hazards.length})</h2>\n<table><tr><th>Place<th><th>What and what to do\n${rows.join('\n')}\n</table>`;
}

function renderDiffLine(line: string): string {
  const kind = /^(?:# |diff |index |new file|--- |\+\+\+ |@@)/.test(line)
    ? 'head'
    : line.startsWith('+')
      ? 'add'
      : line.startsWith('-')
        ? 'cut'
        : '';
  return kind === '' ? toHtml(line) : `<span class="${kind}">${toHtml(line)}</span>`;
}
