/** Markdown for the text of a pull request: of a plan in the order of the HTML page, of an audit its findings. */
import type { Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { groupBy } from '../text/group-by.ts';
import { cell, code, plain } from './escape-markdown.ts';
import { describeMends, groupQuestions, outcomeOf, whatIsByHand } from './outcome.ts';
import { describePastThePooler } from './past-the-pooler.ts';
import { readStacks, SAYS } from './picture.ts';
import { placeOf } from './place.ts';
import { describeReadiness } from './readiness.ts';
import type { Result } from './results.ts';
import { summarizeStacks } from './stacks.ts';

export function renderMarkdown(title: string, plan: Plan, results: readonly Result[], isAudit: boolean): string {
  const readiness = describeReadiness(plan).map(line => `${plain(line)}\n\n`);
  if (isAudit) return `## ${title}\n\n${readiness.join('')}${renderResults(results) || 'Nothing was found.\n'}`;
  const sections: [title: string, body: string][] = [
    ['Stacks', renderSummaries(plan)],
    ['The stack', renderStacks(plan) + readiness.join('')],
    ['Questions that are left', renderQuestions(plan)],
    ['Changes', renderChanges(plan)],
    ['What stays direct, and why', renderDirect(plan)],
    [
      'By hand',
      whatIsByHand(plan)
        .map(line => `- ${plain(line)}\n`)
        .join(''),
    ],
    [
      'Mended with what is pooled',
      describeMends(plan)
        .map(line => `- ${plain(line)}\n`)
        .join(''),
    ],
    ['Findings', renderResults(results.filter(({ isSettled }) => !isSettled))],
  ];
  const shown = sections.flatMap(([name, body]) => (body === '' ? [] : [`### ${name}\n\n${body.trimEnd()}\n`]));
  return `## ${title}\n\n${plain(outcomeOf(plan))}\n\n${shown.join('\n')}`;
}

function renderResults(results: readonly Result[]): string {
  const rows = results.map(
    ({ file, line, level, rule, message, fix }) =>
      `| ${level} | ${code(`${file}:${line}`)} | ${rule} | ${cell(plain(message))} ${cell(plain(fix))} |`,
  );
  return rows.length === 0 ? '' : `| | Place | Rule | What and what to do |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

const renderStacks = (plan: Plan): string =>
  readStacks(plan)
    .map(({ server, file, poolerAfter, clients }) => {
      const way = poolerAfter === null ? code(server) : `${code(poolerAfter)} → ${code(server)}`;
      return `${way} in ${code(file)}\n\n${clients.map(({ name, after }) => `- ${code(name)}: ${after.map(line => SAYS[line]).join(', ')}\n`).join('')}\n`;
    })
    .join('');

const renderSummaries = (plan: Plan): string => {
  const rows = summarizeStacks(plan).map(({ folder, servers, pooler, mode, port, published, sites }) => {
    const way = pooler === null ? '–' : code(`${pooler}:${port}`);
    return `| ${code(folder)} | ${servers.map(code).join(', ')} | ${way} | ${published ?? '–'} | ${mode ?? '–'} | ${sites.pooled} | ${sites.direct} | ${sites.review} |`;
  });
  return rows.length === 0
    ? ''
    : `| Folder | Postgres | Pooler | On the host | Mode | Pooled | Direct | To look at |\n|---|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`;
};

const placesOf = (sites: readonly Site[], plan: Plan): string =>
  [...new Set(sites.map(site => code(placeOf(site, plan))))].join(', ');

const renderQuestions = (plan: Plan): string =>
  groupQuestions(plan)
    .map(({ question, sites }) => {
      const answers = question.answers.map(
        ({ says, config }) => `  - ${plain(says)}${config === null ? '' : ` ${code(config)}`}\n`,
      );
      return `- **${plain(question.text)}** ${plain(sites[0]?.reason ?? '')} (${placesOf(sites, plan)})\n${answers.join('')}`;
    })
    .join('');

/** Each file with the reasons of what is edited in it. */
const renderChanges = (plan: Plan): string =>
  plan.changes
    .map(({ file, kind, about, edits }) => {
      const reasons = plan.sites.flatMap(one => (one.file === file && one.action === 'pooled' ? [one.reason] : []));
      const what = kind === 'create' ? `new: ${about ?? ''}` : `${edits} edit${edits === 1 ? '' : 's'}`;
      return `- ${code(file)} (${plain(what)})${[...new Set(reasons)].map(reason => ` ${plain(reason)}`).join('')}\n`;
    })
    .join('');

const renderDirect = (plan: Plan): string =>
  [
    ...describePastThePooler(plan).map(use => `- By a value of its own: ${plain(use)}\n`),
    ...[
      ...groupBy(
        plan.sites.filter(({ action }) => action === 'direct'),
        ({ reason }) => reason,
      ).values(),
    ].map(sites => `- ${plain(sites[0]?.reason ?? '')} (${placesOf(sites, plan)})\n`),
  ].join('');
