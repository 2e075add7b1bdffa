/** Compares a plan with the plan of its own result. */

import type { Refusal, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { goesApart } from '../wire/index.ts';

/** Faults by file; empty where the first plan holds. */
export function verifyPlan(first: Plan, second: Plan): Refusal[] {
  const faults: Refusal[] = [];
  const edited = new Set(first.changes.filter(change => change.kind === 'modify').map(change => change.file));
  for (const change of second.changes) {
    if (change.kind === 'modify')
      faults.push({ file: change.file, reason: 'a second run would change the file again' });
  }
  for (const failure of second.errors) {
    if (failure.file && edited.has(failure.file) && !first.errors.some(known => known.file === failure.file)) {
      faults.push({ file: failure.file, reason: `the edited file could not be read: ${failure.message}` });
    }
  }
  const after = indexByText(second.sites);
  for (const site of first.sites) {
    if (!edited.has(site.file)) continue;
    if (isReplacedReader(site, first.sites)) continue;
    const isPooled = site.replacement !== null && isApplied(site, first);
    const text = isPooled ? (site.replacement as string) : site.text;
    const twins = after.get(`${site.file}\0${site.key}\0${site.form}\0${text}`);
    // A pooled place leads to the pooler now; what a migration that shares it should have is still said.
    const holds = (twin: Site) =>
      isPooled ? leadsToPool(twin) : (twin.action === 'pooled') === (site.action === 'pooled');
    const at = twins?.findIndex(holds) ?? -1;
    const [twin] = twins?.splice(Math.max(at, 0), 1) ?? [];
    if (!twin) faults.push({ file: site.file, reason: `${text} could not be found again after the edit` });
    else if (!holds(twin)) {
      faults.push({
        file: site.file,
        reason: `${text} would be decided ${twin.action} (${twin.rule}) after the edit`,
      });
    }
  }
  return faults.filter((fault, i) => faults.findIndex(other => other.file === fault.file) === i);
}

/** A service that got a value of its own no longer reads the shared variable, nor does a command whose words were made to read another. */
const isReplacedReader = ({ file, span, decision, service, host, port }: Site, sites: readonly Site[]): boolean =>
  sites.some(
    site =>
      (!host?.value &&
        service !== null &&
        (site.decision === decision || [host, port].some(part => part?.variables.includes(site.key ?? ''))) &&
        goesApart(site, service)) ||
      site.apart.some(
        ({ way }) =>
          way.kind === 'step' && way.step.file === file && way.step.at <= span.start && span.end <= way.step.end,
      ),
  );

/** `none` is a value put together from variables, each of which is a place of its own. */
const leadsToPool = (site: Site): boolean =>
  site.action !== 'pooled' && (site.resolution.kind === 'pooler' || site.resolution.kind === 'none');

const isApplied = (site: Site, plan: Plan): boolean => {
  const change = plan.changes.find(candidate => candidate.file === site.file);
  const isChosen = plan.only?.has(site.decision) ?? true;
  return change !== undefined && site.action === 'pooled' && (site.safety === 'safe' || plan.unsafe) && isChosen;
};

function indexByText(sites: readonly Site[]): Map<string, Site[]> {
  const index = new Map<string, Site[]>();
  for (const site of sites) {
    const key = `${site.file}\0${site.key}\0${site.form}\0${site.text}`;
    index.set(key, [...(index.get(key) ?? []), site]);
  }
  return index;
}
