/** Edits that mend what breaks behind the pool. All are unsafe: they change what the code does. */

import { isElsewhere as isPoolElsewhere } from '../config/pool-kind.ts';
import type { Mend, Site } from '../model/index.ts';
import type { Finding } from '../routes/index.ts';
import { lineAt, lineStarts, positionAt } from '../text/lines.ts';
import { publicImageOf } from './features.ts';
import { type EditState, leadsTo } from './state.ts';
import type { Pool } from './target.ts';
/** What a mend is called among the units of a plan. */
export const mendUnit = ({ file, line, rule }: Finding): string => `hazard:${file}:${line}:${rule}`;

/**
 * Startup parameters that PgBouncer refuses: the unit that pools the place mends it too, or the place stays direct. Whatever else is
 * unsafe, a connection that can not be made is none of the choices.
 */
export function settleRefused(state: EditState): void {
  const places = state.sites
    .filter(({ action, role }) => action === 'pooled' && !/^(?:docs|prose)$/.test(role))
    .flatMap(site => {
      const findings = refusedAt(site, state);
      const canMend = ({ mend }: Finding) =>
        mend !== null && (mend.connectQuery === undefined || poolThatCanSet(site, mend.connectQuery, state) !== null);
      return findings.length === 0
        ? []
        : [{ site, findings, isMended: state.pooled.includes(site) && findings.every(canMend) }];
    });
  // All are asked before any changes, because those that stay direct ask the pooler for nothing.
  for (const { site, findings, isMended } of places) {
    if (isMended) mendRefused(site, findings, state);
    else keepRefused(site, findings, state);
  }
}

function mendRefused(site: Site, findings: readonly Finding[], state: EditState): void {
  for (const { mend } of findings) {
    const pool = mend?.connectQuery === undefined ? null : poolThatCanSet(site, mend.connectQuery, state);
    if (pool) state.connectQueries.set(pool, mend?.connectQuery as string);
    for (const { span, text } of mend?.edits ?? [])
      state.edits.push({ file: site.file, span, text, unit: site.decision, safety: site.safety });
  }
}

function keepRefused({ decision }: Site, [first]: readonly Finding[], state: EditState): void {
  for (const site of state.sites.filter(other => other.decision === decision && other.action === 'pooled')) {
    Object.assign(site, { action: 'direct', rule: 'startup-parameter', replacement: null, apart: [], safety: 'safe' });
    site.reason = isPoolElsewhere(state.config.pool)
      ? `${first?.message} (${first?.rule}) ${first?.fix}`
      : `PgBouncer refuses what this connection asks for when it starts (${first?.rule}): ${first?.fix}`;
  }
  state.pooled = state.pooled.filter(site => site.decision !== decision);
}

/** What the connection string itself asks for. */
function refusedAt(site: Site, { hazards, sources }: EditState): Finding[] {
  const text = sources.get(site.file)?.text;
  if (text === undefined) return [];
  const { line, column } = positionAt(lineStarts(text), site.span.start);
  return hazards.filter(
    finding =>
      finding.need === 'startup-parameter' &&
      finding.file === site.file &&
      finding.line === line &&
      finding.column === column,
  );
}

/** What stands between the pooled programs and transaction mode, and is mended with them. */
export function mendNeeds(state: EditState): void {
  const done = new Set<Mend>();
  for (const { mends, decision: unit, safety } of state.pooled) {
    for (const { mend, place } of mends) {
      if (!mend || done.has(mend)) continue;
      done.add(mend);
      for (const { span, text } of mend.edits) state.edits.push({ file: place.file, span, text, unit, safety });
    }
  }
}

export function insertMends(state: EditState): void {
  // Without a pooler nothing breaks yet.
  if (
    !state.unsafe ||
    (state.pooled.length === 0 && state.topology.poolers.length === 0 && !isPoolElsewhere(state.config.pool))
  )
    return;
  const done = new Set(state.pooled.flatMap(({ mends }) => mends.map(({ mend }) => mend)));
  const mended = state.hazards.filter(({ severity, mend }) => severity !== 'note' && mend !== null && !done.has(mend));
  for (const finding of mended) {
    const { edits, connectQuery } = finding.mend as Mend;
    if (state.refused.has(finding.file)) continue;
    const unit = mendUnit(finding);
    if (state.only && !state.only.has(unit)) continue;
    // These are settled with the place that they belong to.
    if (connectQuery !== undefined || finding.need === 'startup-parameter') continue;
    // Nor is a connection string touched that leads to no pooler.
    if (isElsewhere(finding, edits, state)) continue;
    for (const { span, text } of edits) state.edits.push({ file: finding.file, span, text, unit, safety: 'unsafe' });
  }
}

/** A host stands in the edited string, or beside it in one line, and none there leads to a pooler. */
function isElsewhere({ file, line }: Finding, edits: Mend['edits'], { sites, sources }: EditState): boolean {
  const text = sources.get(file)?.text ?? '';
  const around = sites.filter(
    site =>
      site.file === file &&
      site.host !== null &&
      (lineAt(text, site.span.start) === line ||
        edits.some(({ span }) => site.extent && span.start >= site.extent.start && span.end <= site.extent.end)),
  );
  return (
    around.length > 0 && around.every(({ action, resolution }) => action !== 'pooled' && resolution.kind !== 'pooler')
  );
}

/** The pooler of the place, where it can run the query: that holds for all of its clients, so all have to ask for the same. */
function poolThatCanSet(site: Site, query: string, state: EditState): Pool | null {
  const pool = [...new Set(state.pools.values())].find(
    candidate => candidate.isGenerated && leadsTo(candidate, site, state),
  );
  const image = publicImageOf(state);
  if (!pool || (image && !image.settings.PGBOUNCER_CONNECT_QUERY)) return null;
  const clients = state.pooled.filter(
    site => site.role !== 'docs' && site.role !== 'prose' && site.form !== 'port' && leadsTo(pool, site, state),
  );
  const queryOf = (one: Site) => refusedAt(one, state).find(({ mend }) => mend?.connectQuery)?.mend?.connectQuery;
  return clients.every(one => queryOf(one) === query) ? pool : null;
}
