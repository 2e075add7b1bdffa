/**
 * Comments that keep a finding quiet, or a place as it is, each with a reason:
 * `pool-migrate-ignore RULE: why` on the line, `pool-migrate-ignore-next-line …` above it, `pool-migrate-ignore-file …` anywhere.
 */
import type { Hazard } from '../model/index.ts';

export interface Suppression {
  line: number;
  scope: 'line' | 'next-line' | 'file';
  /** Rule ids; empty: any. */
  rules: string[];
  reason: string;
}

const COMMENT = /pool-migrate-ignore(-next-line|-file)?((?:[ \t,]+[a-z][a-z0-9-]*)*)[ \t]*(?::|--)?[ \t]*(.*)$/;

export function readSuppressions(text: string): Suppression[] {
  if (!text.includes('pool-migrate-ignore')) return [];
  return text.split('\n').flatMap((content, i) => {
    const match = COMMENT.exec(content.replace(/\s*(?:\*\/|-->)?\s*$/, ''));
    if (!match) return [];
    const [, scope = '', names = '', reason = ''] = match;
    return [
      {
        line: i + 1,
        scope: scope === '-file' ? 'file' : scope === '-next-line' ? 'next-line' : 'line',
        rules: names.split(/[ \t,]+/).filter(Boolean),
        reason: reason.trim(),
      },
    ];
  });
}

/** The comment that speaks for a finding or a decision of that rule on that line. */
export const findSuppression = (all: readonly Suppression[], line: number, rule: string): Suppression | undefined =>
  all.find(one => {
    const isThere = one.scope === 'file' || (one.scope === 'line' ? one.line === line : one.line + 1 === line);
    return isThere && one.reason !== '' && (one.rules.length === 0 || one.rules.includes(rule));
  });

/** What is left, and suppressions that kept nothing quiet or give no reason. `quiet`: lines of decisions that some of them took. */
export function suppress<T extends Hazard>(
  found: readonly T[],
  suppressions: readonly Suppression[],
  quiet: readonly number[],
): { kept: T[]; unused: Suppression[]; unexplained: Suppression[] } {
  const used = new Set<Suppression>();
  const kept = found.filter(finding => {
    const covering = findSuppression(suppressions, finding.line, finding.rule);
    if (covering) used.add(covering);
    return !covering;
  });
  for (const one of suppressions)
    if (quiet.some(line => findSuppression([{ ...one, rules: [] }], line, ''))) used.add(one);
  const unexplained = suppressions.filter(({ reason }) => reason === '');
  return { kept, unused: suppressions.filter(one => !used.has(one) && one.reason !== ''), unexplained };
}
