/** What reports for code hosts show of a plan: hazards, places that still go past the pooler, and places for a person. */

import type { Mend, Severity, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import type { Finding } from '../routes/index.ts';
import { lineStarts, positionAt } from '../text/lines.ts';

export interface Result {
  file: string;
  line: number;
  column: number;
  /** Id of the rule behind it. */
  rule: string;
  level: Severity;
  message: string;
  /** What to do. */
  fix: string;
  mend: Mend | null;
  /** The plan's own edits settle it. */
  isSettled: boolean;
}

export const hazardResults = (hazards: readonly Finding[]): Result[] =>
  hazards.map(({ file, line, column, rule, severity, message, fix, mend, isMended }) => ({
    file,
    line,
    column,
    rule,
    level: severity,
    message,
    fix,
    mend,
    isSettled: isMended,
  }));

/** In the order of files and lines. */
export function planResults(plan: Plan): Result[] {
  const starts = new Map<string, number[]>();
  const place = ({ file, span }: Site) => {
    const known = starts.get(file) ?? lineStarts(plan.texts.get(file) ?? '');
    starts.set(file, known);
    return positionAt(known, span.start);
  };
  const sites = plan.sites.flatMap((site): Result[] => {
    const isSettled = site.action === 'pooled' && (site.safety === 'safe' || plan.unsafe);
    const common = { file: site.file, ...place(site), rule: site.rule, mend: null, isSettled };
    if (site.action === 'review')
      return [
        {
          ...common,
          level: 'note',
          message: `${site.text}: ${site.reason}`,
          fix: 'Decide it by hand, or by a rule of your own.',
        },
      ];
    if (site.action !== 'pooled') return [];
    const how =
      site.safety === 'safe' ? 'pool-migrate --write' : 'pool-migrate --write --unsafe, after a look at the reason,';
    return [
      {
        ...common,
        level: 'warning',
        message: `${site.text} goes past the pooler. ${site.reason}`,
        fix: `${how} makes it ${site.replacement}.`,
      },
    ];
  });
  return [...hazardResults(plan.hazards), ...sites].sort((a, b) =>
    a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column,
  );
}
