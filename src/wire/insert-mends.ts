/** Edits that mend what breaks behind the pool. All are unsafe: they change what the code does. */

import type { Mend, Site } from '../model/index.ts';
import type { Finding } from '../routes/index.ts';
import { type EditState, leadsTo } from './state.ts';
/** What a mend is called among the units of a plan. */
export const mendUnit = ({ file, line, rule }: Finding): string => `hazard:${file}:${line}:${rule}`;

export function insertMends(state: EditState): void {
  // Without a pooler nothing breaks yet.
  if (!state.unsafe || (state.pooled.length === 0 && state.topology.poolers.length === 0)) return;
  const mended = state.hazards.filter(({ severity, mend }) => severity !== 'note' && mend !== null);
  for (const finding of mended) {
    const { edits, connectQuery } = finding.mend as Mend;
    if (state.refused.has(finding.file)) continue;
    const unit = mendUnit(finding);
    if (state.only && !state.only.has(unit)) continue;
    if (connectQuery !== undefined && !moveToPooler(finding, connectQuery, state)) continue;
    for (const { span, text } of edits) state.edits.push({ file: finding.file, span, text, unit, safety: 'unsafe' });
  }
}

/** What the pooler sets holds for all of its clients, so all of them have to ask for the same. */
function moveToPooler(finding: Finding, query: string, state: EditState): boolean {
  const pool = [...new Set(state.pools.values())].find(
    candidate =>
      !candidate.existing && state.pooled.some(site => isIn(site, finding) && leadsTo(candidate, site, state)),
  );
  if (!pool) return false;
  const clients = state.pooled.filter(
    site => site.role !== 'docs' && site.role !== 'prose' && site.form !== 'port' && leadsTo(pool, site, state),
  );
  const queryOf = (site: Site) =>
    state.hazards.find(other => isIn(site, other) && other.mend?.connectQuery)?.mend?.connectQuery;
  if (!clients.every(site => queryOf(site) === query)) return false;
  state.connectQueries.set(pool, query);
  return true;
}

const isIn = ({ file, extent }: Site, { file: other, mend }: Finding): boolean =>
  file === other &&
  extent !== null &&
  (mend?.edits ?? []).some(({ span }) => extent.start <= span.start && span.end <= extent.end);
