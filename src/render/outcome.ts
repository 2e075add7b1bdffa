/** What a person wants to know first of a plan: what it comes to, what is asked, what is left to do by hand. */
import type { Question, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { groupBy } from '../text/group-by.ts';

/** One sentence: what is left to do. */
export function outcomeOf(plan: Plan): string {
  const files = plan.changes.length;
  const questions = groupQuestions(plan).length;
  const left =
    questions === 0 ? 'no question is left' : `${questions} question${questions === 1 ? ' is' : 's are'} left`;
  if (plan.topology.servers.length === 0) return 'No Postgres server of this repository was found.';
  return files === 0
    ? `Nothing would be written; ${left}.`
    : `${files} file${files === 1 ? '' : 's'} would change; ${left}.`;
}

/** One question for all places that ask the same. */
export const groupQuestions = ({ sites }: Plan): { question: Question; sites: Site[] }[] =>
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
