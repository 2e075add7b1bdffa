/**
 * Comments that keep a finding quiet, each with a reason:
 * `pool-migrate-ignore RULE: why` on the line, `pool-migrate-ignore-next-line …` above it, `pool-migrate-ignore-file …` anywhere.
 */
import type { Hazard } from '../model.ts';

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

/** What is left, and suppressions that kept nothing quiet or give no reason. */
export function suppress<T extends Hazard>(
  found: readonly T[],
  suppressions: readonly Suppression[],
): { kept: T[]; unused: Suppression[]; unexplained: Suppression[] } {
  const used = new Set<Suppression>();
  const kept = found.filter(finding => {
    const covering = suppressions.find(({ line, scope, rules, reason }) => {
      const isThere = scope === 'file' || (scope === 'line' ? line === finding.line : line + 1 === finding.line);
      return isThere && reason !== '' && (rules.length === 0 || rules.includes(finding.rule));
    });
    if (covering) used.add(covering);
    return !covering;
  });
  const unexplained = suppressions.filter(({ reason }) => reason === '');
  return { kept, unused: suppressions.filter(one => !used.has(one) && one.reason !== ''), unexplained };
}
