/** What a person wants to know first of a plan: what it comes to, what is asked, what is left to do by hand. */
import type { Action, Question, Safety, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { groupBy } from '../text/group-by.ts';

/** Whether one run finishes a repository, the worst first. */
export const FINISHES = [
  'refused',
  'questions',
  'nothing-found',
  'no-server',
  'all-direct',
  'pooled-already',
  'finished',
] as const;
export type Finish = (typeof FINISHES)[number];

/** What `finishOf` goes by: the same in a plan and in its JSON report. */
export interface FinishFacts {
  sites: readonly { action: Action; safety: Safety; question?: Question | null | undefined }[];
  refused: readonly unknown[];
  topology: { servers: readonly unknown[]; poolers: readonly unknown[] };
}

/** Finished: every process has its route, no file was refused, and nobody is asked anything. */
export function finishOf({ sites, refused, topology }: FinishFacts): Finish {
  if (refused.length > 0) return 'refused';
  if (topology.servers.length === 0) return 'no-server';
  if (sites.some(isAsked)) return 'questions';
  if (sites.some(({ action }) => action === 'pooled')) return 'finished';
  if (topology.poolers.length > 0) return 'pooled-already';
  return sites.some(({ action }) => action === 'direct') ? 'all-direct' : 'nothing-found';
}

/** Left for a person: a question, or an edit that is made with `--unsafe` only. */
export const isAsked = ({ action, safety, question }: FinishFacts['sites'][number]): boolean =>
  (question !== undefined && question !== null) || (action === 'pooled' && safety === 'unsafe');

/** One sentence: what is left to do. */
export function outcomeOf(plan: Plan): string {
  const files = plan.changes.length;
  const questions = groupQuestions(plan).length;
  const left =
    questions === 0 ? 'no question is left' : `${questions} question${questions === 1 ? ' is' : 's are'} left`;
  if (plan.topology.servers.length === 0) return 'No Postgres server of this repository was found.';
  return files === 0 ? `Nothing to write; ${left}.` : `${files} file${files === 1 ? ' changes' : 's change'}; ${left}.`;
}

/** One question for all places that ask the same. */
export const groupQuestions = <
  Asking extends Pick<Site, 'action' | 'rule' | 'reason'> & { question?: Question | null | undefined },
>({
  sites,
}: {
  sites: readonly Asking[];
}): { question: Question; sites: Asking[] }[] =>
  [
    ...groupBy(
      sites.filter(({ action }) => action === 'review'),
      ({ rule, reason }) => `${rule}\0${reason}`,
    ).values(),
  ].flatMap(own => {
    const question = own.find(site => site.question)?.question;
    return question ? [{ question, sites: own }] : [];
  });

/** Sentences: what no edit does. */
export const whatIsByHand = ({ localEnv, refused, errors, notes }: Plan): string[] => [
  ...localEnv.map(
    ({ file, key, action }) => `${file} is ignored by git and overrides the new defaults: ${key} (${action}).`,
  ),
  ...refused.map(({ file, reason }) => `${file} was not changed: ${reason}`),
  ...errors.map(({ file, line, message }) => `${[file, line].filter(Boolean).join(':')}: ${message}`),
  ...notes,
];

/** What the code needs that transaction mode does not bear, and the edit after which it does. */
export const describeMends = ({ hazards }: Plan): string[] => [
  ...new Set(
    hazards.flatMap(({ isMended, mend, file, line, fix }) => (isMended && mend ? [`${file}:${line}  ${fix}`] : [])),
  ),
];
