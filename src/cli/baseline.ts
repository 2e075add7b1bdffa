/** Known findings by file and rule, with counts, so that lines may move. */
import type { Hazard } from '../model/index.ts';

export interface Baseline {
  version: 1;
  /** `file: rule` → how many. */
  findings: Record<string, number>;
}

const keyOf = ({ file, rule }: Hazard): string => `${file}: ${rule}`;

export function countFindings(hazards: readonly Hazard[]): Baseline {
  const findings: Record<string, number> = {};
  for (const hazard of hazards) findings[keyOf(hazard)] = (findings[keyOf(hazard)] ?? 0) + 1;
  return { version: 1, findings };
}

/** Findings beyond the counts (the last ones of a file and rule), and entries of which fewer are left. */
export function compareBaseline<T extends Hazard>(
  hazards: readonly T[],
  known: Baseline | null,
): { fresh: T[]; gone: string[] } {
  if (!known) return { fresh: [...hazards], gone: [] };
  const seen = new Map<string, number>();
  const fresh = hazards.filter(hazard => {
    const key = keyOf(hazard);
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count > (known.findings[key] ?? 0);
  });
  const gone = Object.entries(known.findings).flatMap(([key, count]) => ((seen.get(key) ?? 0) < count ? [key] : []));
  return { fresh, gone };
}
