/** `explain ID`: a rule, a hazard, or a place of this repository with who reads it. */

import { loadConfig, loadRules } from '../config/config.ts';
import { type CompiledRule, describeCommand, type Rule } from '../config/rules.ts';
import { UsageError } from '../model/errors.ts';
import type { Need, Way } from '../model/index.ts';
import { print, type ReportSite, startProgress, toReport, VERSION } from '../render/index.ts';
import type { HazardRule } from '../routes/index.ts';
import { planMigration } from '../run/index.ts';
import { escapeControls } from '../text/controls.ts';
import type { CliOptions } from './options.ts';
import { toPlanOptions } from './plan-options.ts';

/** What is known of an id. */
export type Explanation =
  | { kind: 'rule'; rule: Rule }
  | { kind: 'hazard'; hazard: HazardRule }
  | { kind: 'decision'; id: string; reason: string }
  | { kind: 'place'; site: ReportSite; uses: PlaceUse[] };

/** What `--json` prints. */
export interface ExplainReport {
  version: 1;
  tool: { name: 'pool-migrate'; version: string };
  explanations: Explanation[];
}

/** A process that reads the place. `way`: how it gets a value of its own, where it does. */
interface PlaceUse {
  service: string | null;
  command: string;
  file: string;
  line: number;
  needs: { kind: Need['kind']; what: string; file: string; line: number }[];
  way: Way['kind'] | null;
}

/** Ids of places are 12 hexadecimal digits. */
const SITE_ID = /^[0-9a-f]{12}$/;

/** Decisions that the program takes over several sites, after the rules. */
const OVER_SITES: Record<string, string> = {
  'wired-apart':
    'The value is pooled, and what must stay direct (a migration step, a listener) gets a value of its own in the same edit: a setting of the program, an assignment before the command, or the file with which its tool is set up.',
  'split-readers':
    'Services share the value; those that must stay direct get it as it was, in their own environment, in the same edit.',
  'no-way-apart':
    'The value goes to an application and to something that must stay direct, and there is no exact place to give that one its own. The question names the answers.',
  'code-with-session':
    'The code that every process with this value loads needs a session of its own (LISTEN, session locks, startup parameters), beside applications that do not.',
  'startup-parameter':
    'The connection asks for a parameter that PgBouncer refuses, and there is no exact edit that takes it away.',
  'machine-port':
    'The port that Postgres publishes on the machine stays as it is; only containers go through the pooler.',
  'through-pooler':
    'It leads to a pooler that is there, and must not: a migration, a listener or a dump. The audit counts it as an error. Give it the address of the server itself.',
  answered: 'The configuration answers the question (answers: in pool-migrate.yml).',
  'group-disagrees': 'Host and port, or a variable and its reader, belong together, and one of them is not pooled.',
  'no-place-for-pooler':
    'The pooler can not be put beside this server automatically, so nothing that would need it is changed.',
  'pooler-not-published': 'The value is used on the host, where the pooler that exists is not published.',
  'documents-only':
    'A document, script or smoke test goes with the applications, and none of those is pooled in this run. It follows when one is.',
  suppressed:
    'A comment `pool-migrate-ignore: why` on the line (pool-migrate-ignore-next-line above it, pool-migrate-ignore-file anywhere) keeps the place as it is.',
  'file-refused': 'A file with a part of this decision could not be changed safely, so none of it is.',
};

/** Some ids name a decision and a hazard: both are shown. */
export async function runExplain(options: CliOptions): Promise<number> {
  const {
    arguments: [id],
    values,
  } = options;
  if (id === undefined)
    throw new UsageError(
      'Which rule, or which place? The id of a rule stands in brackets behind each decision of the report, that of a place in --json.',
    );
  const found = SITE_ID.test(id) ? await explainPlace(id, options) : await explainRule(id, options);
  const report: ExplainReport = { version: 1, tool: { name: 'pool-migrate', version: VERSION }, explanations: found };
  await print(values.json ? `${JSON.stringify(report, null, 2)}\n` : escapeControls(found.map(describe).join('\n')));
  return 0;
}

async function explainRule(id: string, { values }: CliOptions): Promise<Explanation[]> {
  const root = values.cwd ?? '.';
  const rules = await loadRules(root, await loadConfig(root, values['no-config'] ? false : values.config));
  const rule = rules.find(candidate => candidate.id === id);
  const { hazards } = await import('../../rules/hazards.generated.ts');
  const hazard = hazards.find(candidate => candidate.id === id);
  const decision = OVER_SITES[id];
  const found: Explanation[] = [
    ...(rule ? [{ kind: 'rule' as const, rule: withoutMatcher(rule) }] : []),
    ...(hazard ? [{ kind: 'hazard' as const, hazard }] : []),
    ...(decision ? [{ kind: 'decision' as const, id, reason: decision }] : []),
  ];
  if (found.length > 0) return found;
  const all = [...rules.map(known => known.id), ...hazards.map(known => known.id), ...Object.keys(OVER_SITES)];
  const words = id.split('-').filter(word => word.length > 2);
  const near = [...new Set(all)].filter(known => words.some(word => known.includes(word))).slice(0, 8);
  const hint =
    near.length > 0 ? `Near it: ${near.join(', ')}.` : 'The id stands in brackets behind each decision of the report.';
  throw new UsageError(`There is no rule ${id}. ${hint}`);
}

function withoutMatcher({ matches: _, ...rule }: CompiledRule): Rule {
  return rule;
}

async function explainPlace(id: string, options: CliOptions): Promise<Explanation[]> {
  const stop = startProgress(options.values);
  const plan = await planMigration(toPlanOptions(options)).finally(stop);
  const site = plan.sites.find(candidate => candidate.id === id);
  if (!site)
    throw new UsageError(
      `There is no place ${id} in this repository. The ids of all places are in --json, as sites[].id.`,
    );
  const report = toReport(plan).sites.find(candidate => candidate.id === id) as ReportSite;
  const ways = new Map(site.apart.map(({ process, way }) => [process, way.kind]));
  return [
    {
      kind: 'place',
      site: report,
      uses: site.uses.map(use => ({
        service: use.service,
        command: describeCommand(use.words),
        file: use.place.file,
        line: use.place.line,
        needs: use.needs.map(({ kind, what, place }) => ({ kind, what, file: place.file, line: place.line })),
        way: ways.get(use) ?? null,
      })),
    },
  ];
}

function describe(one: Explanation): string {
  switch (one.kind) {
    case 'rule':
      return describeRule(one.rule);
    case 'hazard':
      return describeHazard(one.hazard);
    case 'decision':
      return `${one.id}\n\n${one.reason}\n`;
    case 'place':
      return describePlace(one);
  }
}

function describePlace({ site, uses }: Extract<Explanation, { kind: 'place' }>): string {
  const { id, file, line, text, key, action, safety, rule, replacement, reason, question } = site;
  const decided = `${action}${safety === 'unsafe' ? ' (unsafe)' : ''}${replacement ? `: ${replacement}` : ''} [${rule}]`;
  return [
    `${id} → ${decided}`,
    '',
    `${file}:${line}  ${key ? `${key}: ` : ''}${text}`,
    reason,
    '',
    uses.length > 0 ? 'Who reads it' : 'Nothing that runs was found to read it.',
    ...uses.flatMap(use => [
      `  ${[use.service, use.command].filter(Boolean).join(': ') || use.file}  (${use.file}:${use.line})${use.way ? `  ${WAYS[use.way]}` : ''}`,
      ...use.needs.map(need => `    needs ${need.kind}: ${need.what} at ${need.file}:${need.line}`),
    ]),
    '',
    ...(question
      ? [
          question.text,
          ...question.answers.map(({ id: name, says, config }) => `  ${name}: ${says}${config ? `  ${config}` : ''}`),
          '',
        ]
      : []),
  ].join('\n');
}

const WAYS: Record<Way['kind'], string> = {
  apart: 'has a variable of its own',
  setting: 'gets a setting of its own',
  service: 'gets an entry in the environment of its service',
  step: 'gets an assignment before its command',
  bypass: 'runs with the bypass',
  connection: 'its settings file connects its migrations by themselves',
  file: 'its file takes the direct variable first',
};

function describeHazard({ id, severity, since, fixedIn, message, why, fix, source, examples }: HazardRule): string {
  const modes = Object.entries(severity).map(([mode, level]) => `${level} with ${mode} pooling`);
  return [
    `${id}: ${modes.join(', ')}${since ? `, since PgBouncer ${since}` : ''}${fixedIn ? `, before PgBouncer ${fixedIn}` : ''}`,
    '',
    message,
    why,
    `Fix: ${fix}`,
    `Source: ${source}`,
    '',
    ...examples.flatMap(({ bad, good }) =>
      (
        [
          ['breaks', bad],
          ['does not', good],
        ] as const
      ).flatMap(([label, example]) =>
        example ? [`${label} (${example.file}):`, example.text.replace(/^/gm, '    ')] : [],
      ),
    ),
    '',
    `To keep one place quiet: a comment \`pool-migrate-ignore ${id}: why\` on its line, or pool-migrate-ignore-next-line above it.`,
    '',
  ].join('\n');
}

/** Lists as sentences: `one of the words alembic, flask db upgrade, …`. */
function showCondition(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([kind, words]) => `${kind} ${showCondition(words)}`)
    .join('; ');
}

function describeRule(rule: Rule): string {
  const show = (condition: Rule['when']) =>
    Object.entries(condition)
      .map(([name, value]) => `  ${name}: ${showCondition(value)}`)
      .join('\n');
  const examples = rule.examples.flatMap(({ match, noMatch }) =>
    (
      [
        ['matches', match],
        ['does not match', noMatch],
      ] as const
    ).flatMap(([label, example]) =>
      example === undefined
        ? []
        : [
            `${label}${typeof example === 'string' ? '' : ` (${example.file ?? 'compose'})`}:\n${(typeof example === 'string' ? example : example.text).replace(/^/gm, '    ')}`,
          ],
    ),
  );
  return [
    `${rule.id} → ${rule.then}${rule.safety === 'unsafe' ? ' (unsafe)' : ''}`,
    '',
    rule.reason,
    ...(rule.source ? [`Source: ${rule.source}`] : []),
    '',
    'When',
    show(rule.when) || '  always (no rule before it matched)',
    ...(rule.not ? ['and not', show(rule.not)] : []),
    '',
    ...examples,
    '',
    'To decide otherwise, put a rule of your own before it: `rules:` in pool-migrate.yml.',
    '',
  ].join('\n');
}
