/**
 * The page on which a person reviews a migration: one file without scripts or anything to fetch. The outcome, the stack before and after,
 * the questions that are left, what would break, the diff of each file with its reasons, what stays direct, what to do by hand.
 */
import type { Action, Change, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { groupBy } from '../text/group-by.ts';
import { toHtml } from './escape-html.ts';
import { renderFilter, renderPage } from './html-page.ts';
import { groupQuestions, outcomeOf, whatIsByHand } from './outcome.ts';
import { describePastThePooler } from './past-the-pooler.ts';
import { readStacks, renderStack } from './picture.ts';
import { placeOf } from './place.ts';
import { describeReadiness } from './readiness.ts';
import { summarizeStacks } from './stacks.ts';

const ACTIONS: [action: Action, title: string][] = [
  ['pooled', 'through the pooler'],
  ['direct', 'direct on purpose'],
  ['review', 'for a person to decide'],
  ['leave', 'left alone'],
];

/** `patches`: the diff of each change, with passwords masked. */
export function renderHtml(plan: Plan, patches: readonly { change: Change; patch: string }[], title: string): string {
  const sections: [id: string, title: string, body: string][] = [
    ['stacks', 'Stacks', renderSummaries(plan)],
    ['stack', 'The stack', readStacks(plan).map(renderStack).join('') + paragraphs(describeReadiness(plan))],
    ['questions', 'Questions that are left', renderQuestions(plan)],
    ['hazards', 'What transaction mode would break', renderHazards(plan)],
    [
      'changes',
      `Changes (${patches.length} files)`,
      patches.map(one => renderChange(one.change, one.patch, plan)).join(''),
    ],
    ['direct', 'What stays direct, and why', renderDirect(plan)],
    ['hand', 'By hand', renderByHand(plan)],
    ['places', 'Every place', renderPlaces(plan)],
  ];
  const shown = sections.filter(([, , body]) => body !== '');
  return renderPage(
    title,
    `<p class="outcome">${toHtml(outcomeOf(plan))}</p>
<ul class="counts">${ACTIONS.map(([action, says]) => `<li><b>${plan.sites.filter(site => site.action === action).length}</b> ${says}</li>`).join('')}</ul>
<nav aria-label="Sections"><ul>${shown.map(([id, says]) => `<li><a href="#${id}">${toHtml(says)}</a></li>`).join('')}</ul></nav>
<main>
${shown.map(([id, says, body]) => `<section><h2 id="${id}">${toHtml(says)}</h2>\n${body}</section>`).join('\n')}
</main>`,
  );
}

function renderSummaries(plan: Plan): string {
  const rows = summarizeStacks(plan).map(({ folder, servers, pooler, mode, port, published, sites }) => {
    const cells = [
      pooler === null ? '–' : `${pooler}:${port}`,
      published ?? '–',
      mode ?? '–',
      sites.pooled,
      sites.direct,
      sites.review,
    ];
    return `<tr><th scope="row"><code>${toHtml(folder)}</code></th><td>${toHtml(servers.join(', '))}</td>${cells.map(one => `<td>${toHtml(String(one))}</td>`).join('')}</tr>`;
  });
  const heads = ['Folder', 'Postgres', 'Pooler', 'On the host', 'Mode', 'Pooled', 'Direct', 'To look at'];
  return rows.length === 0
    ? ''
    : `<table><thead><tr>${heads.map(head => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

const paragraphs = (lines: readonly string[]): string => lines.map(line => `<p>${toHtml(line)}</p>\n`).join('');

function renderQuestions(plan: Plan): string {
  return groupQuestions(plan)
    .map(({ question, sites }) => {
      const answers = question.answers.map(
        ({ says, config }) => `<li>${toHtml(says)}${config === null ? '' : ` <code>${toHtml(config)}</code>`}</li>`,
      );
      return `<h3>${toHtml(question.text)}</h3><p>${toHtml(sites[0]?.reason ?? '')}</p>${renderPlacesOf(sites, plan)}<ul class="answers">${answers.join('')}</ul>\n`;
    })
    .join('');
}

const renderPlacesOf = (sites: readonly Site[], plan: Plan): string =>
  `<p class="dim">${[...new Set(sites.map(site => placeOf(site, plan)))].map(place => `<code>${toHtml(place)}</code>`).join(', ')}</p>`;

/** What has a value of its own, then each reason once, with its places. */
const renderDirect = (plan: Plan): string =>
  paragraphs(describePastThePooler(plan).map(use => `By a value of its own: ${use}`)) +
  [
    ...groupBy(
      plan.sites.filter(({ action }) => action === 'direct'),
      ({ reason }) => reason,
    ).values(),
  ]
    .map(
      sites =>
        `<p>${toHtml(sites[0]?.reason ?? '')} <small>${toHtml(sites[0]?.rule ?? '')}</small></p>${renderPlacesOf(sites, plan)}`,
    )
    .join('\n');

/** Each hazard once, the gravest first. */
function renderHazards({ hazards }: Plan): string {
  const rank = { error: 0, warning: 1, note: 2 };
  const rules = [...groupBy(hazards, ({ rule, isMended }) => `${rule}\0${isMended}`).values()];
  const sorted = rules.toSorted((a, b) => rank[a[0]?.severity ?? 'note'] - rank[b[0]?.severity ?? 'note']);
  const items = sorted.map(found => {
    const [first] = found;
    if (!first) return '';
    const places = found.map(({ file, line }) => `<code>${toHtml(`${file}:${line}`)}</code>`).join(', ');
    const state = first.isMended ? 'mended with what is pooled' : toHtml(first.fix);
    return `<li><span class="${first.severity}">${first.severity}</span> <b>${toHtml(first.rule)}</b>: ${toHtml(first.message)} <span class="dim">${state}</span><br><span class="dim">${places}</span></li>`;
  });
  return items.length === 0 ? '' : `<ul class="places">${items.join('\n')}</ul>`;
}

function renderChange(change: Change, patch: string, plan: Plan): string {
  const lines = patch.split('\n');
  const count = (sign: string) =>
    lines.filter(line => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;
  const reasons = new Set(
    plan.sites.flatMap(({ file, action, reason }) => (file === change.file && action === 'pooled' ? [reason] : [])),
  );
  const isNew = change.kind === 'create';
  const about = isNew ? `new: ${change.about ?? ''}` : '';
  const body = lines
    .filter(line => !/^(?:# |diff |index |new file|--- |\+\+\+ )/.test(line))
    .map(renderDiffLine)
    .join('');
  return `<details${isNew ? '' : ' open'}><summary><code>${toHtml(change.file)}</code> <span class="dim">+${count('+')} −${count('-')} ${toHtml(about)}</span></summary><div class="inside">${[...reasons].map(reason => `<p>${toHtml(reason)}</p>`).join('')}<pre tabindex="0">${body}</pre></div></details>\n`;
}

function renderDiffLine(line: string): string {
  const kind = line.startsWith('@@') ? 'head' : line.startsWith('+') ? 'add' : line.startsWith('-') ? 'cut' : 'same';
  return `<span class="${kind}">${toHtml(line) || ' '}</span>`;
}

function renderByHand(plan: Plan): string {
  const items = whatIsByHand(plan).map(item => `<li>${toHtml(item)}</li>`);
  return items.length === 0 ? '' : `<ul>${items.join('\n')}</ul>`;
}

function renderPlaces(plan: Plan): string {
  if (plan.sites.length === 0) return '';
  const rows = plan.sites.map(site => {
    const change =
      site.action === 'pooled' && site.replacement && site.replacement !== site.text ? ` → ${site.replacement}` : '';
    const safety = site.action === 'pooled' && site.safety === 'unsafe' ? ' (only with --unsafe)' : '';
    return `<li class="${site.action}"><span class="tag">${site.action}${safety}</span> <code>${toHtml(placeOf(site, plan))}</code> <code>${toHtml(site.text + change)}</code><br>${toHtml(site.reason)} <small>${toHtml(site.rule)}</small></li>`;
  });
  return `${renderFilter(ACTIONS)}<ul class="places">${rows.join('\n')}</ul>`;
}
