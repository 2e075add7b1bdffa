/** Many reports as one: a row for each repository, the worst first. */
import type { Refusal, Severity } from '../model/index.ts';
import { FINISHES, type Finish, finishOf, groupQuestions } from './outcome.ts';
import type { Report, ReportSite } from './report.ts';

/** `unreadable`: the file is no report, for the reason given. */
export type OverviewRow = { name: string; file: string } & ({ outcome: 'unreadable'; reason: string } | ReadRow);

export interface ReadRow {
  outcome: Finish;
  /** Of the pools that something goes through. */
  modes: Report['pools'][number]['mode'][];
  questions: number;
  /** Edits that are made with `--unsafe` only. */
  unsafe: number;
  hazards: Record<Severity, number>;
  refused: Refusal[];
  /** Files that could not be analysed, the refused ones among them. */
  errors: number;
  files: number;
  edits: number;
}

export interface Overview {
  version: 1;
  tool: { name: 'pool-migrate'; version: string };
  repositories: OverviewRow[];
}

/** Of a report, what a row is made of. */
export interface MergedReport {
  summary: Pick<Report['summary'], 'hazards'>;
  topology: { servers: readonly unknown[]; poolers: readonly unknown[] };
  pools: readonly Pick<Report['pools'][number], 'mode'>[];
  sites: readonly (Pick<ReportSite, 'action' | 'safety' | 'rule' | 'reason'> & {
    question?: ReportSite['question'] | undefined;
  })[];
  changes: readonly { edits: number }[];
  refused: readonly Refusal[];
  errors: readonly unknown[];
}

export function readRow(report: MergedReport): ReadRow {
  const pooled = report.sites.filter(({ action }) => action === 'pooled');
  const isPooled = pooled.length > 0 || report.topology.poolers.length > 0;
  return {
    outcome: finishOf(report),
    modes: isPooled ? [...new Set(report.pools.map(({ mode }) => mode))] : [],
    questions: groupQuestions(report).length,
    unsafe: pooled.filter(({ safety }) => safety === 'unsafe').length,
    hazards: report.summary.hazards,
    refused: [...report.refused],
    errors: report.errors.length,
    files: report.changes.length,
    edits: report.changes.reduce((sum, { edits }) => sum + edits, 0),
  };
}

export type Outcome = OverviewRow['outcome'];

export const SAYS: Record<Outcome, string> = {
  unreadable: 'could not be read',
  refused: 'with a refused file',
  questions: 'with questions',
  'nothing-found': 'nothing found',
  'no-server': 'without a server',
  'all-direct': 'all direct',
  'pooled-already': 'pooled already',
  finished: 'finished',
};

/** With the words for them, the worst first. */
export const OUTCOMES = (['unreadable', ...FINISHES] as const).map(outcome => [outcome, SAYS[outcome]] as const);

/** The outcome first, then what a person has most to do with. Names decide last, so that the order is always the same. */
export function sortRows(rows: readonly OverviewRow[]): OverviewRow[] {
  const rank = new Map(OUTCOMES.map(([outcome], i) => [outcome, i]));
  const keys = (row: OverviewRow): number[] =>
    row.outcome === 'unreadable'
      ? [0]
      : [
          rank.get(row.outcome) ?? 0,
          -row.refused.length,
          -row.questions,
          -row.unsafe,
          -row.hazards.error,
          -row.hazards.warning,
          -row.errors,
        ];
  return rows.toSorted((a, b) => {
    const [left, right] = [keys(a), keys(b)];
    const differing = left.findIndex((key, i) => key !== right[i]);
    if (differing !== -1) return (left[differing] ?? 0) - (right[differing] ?? 0);
    return a.name < b.name ? -1 : a.name > b.name ? 1 : a.file < b.file ? -1 : 1;
  });
}

/** E.g.: `50 repositories: 3 with questions, 47 finished` */
export function describeOutcomes(rows: readonly OverviewRow[]): string {
  const counts = OUTCOMES.map(([outcome, says]) => [rows.filter(row => row.outcome === outcome).length, says] as const);
  const parts = counts.flatMap(([count, says]) => (count > 0 ? [`${count} ${says}`] : []));
  return `${rows.length} ${rows.length === 1 ? 'repository' : 'repositories'}: ${parts.join(', ')}`;
}

export const COLUMNS = ['Pool', 'Questions', 'Unsafe', 'Hazards', 'Refused', 'Failed', 'Files', 'Edits'] as const;

/** A cell for each column. */
export const cellsOf = (row: ReadRow): string[] => [
  row.modes.join(', '),
  String(row.questions),
  String(row.unsafe),
  describeHazards(row.hazards),
  String(row.refused.length),
  String(row.errors),
  String(row.files),
  String(row.edits),
];

/** E.g.: `2 errors, 1 note`; `0` where there is none. */
function describeHazards(hazards: Record<Severity, number>): string {
  const parts = (['error', 'warning', 'note'] as const).flatMap(severity =>
    hazards[severity] > 0 ? [`${hazards[severity]} ${severity}${hazards[severity] === 1 ? '' : 's'}`] : [],
  );
  return parts.join(', ') || '0';
}
