/** A plan of what concerns some files only: the decisions with a place in them, whole, and what the audit says of them. */
import type { Plan } from '../plan/index.ts';
import { mendUnit } from '../wire/index.ts';

/** `again`: the plan in which only these decisions and mends are edited. */
export async function narrowPlan(
  plan: Plan,
  files: ReadonlySet<string>,
  again: (only: ReadonlySet<string>) => Promise<Plan>,
): Promise<Plan> {
  const isNear = ({ file }: { file?: string | undefined }) => file === undefined || files.has(file);
  const ids = [
    ...plan.sites.filter(isNear).map(({ decision }) => decision),
    ...plan.hazards.filter(isNear).map(mendUnit),
  ].filter(id => plan.only?.has(id) ?? true);
  const only = new Set(ids);
  const narrow = await again(only);
  return {
    ...narrow,
    // What was decided is that of the whole, whatever is edited.
    topology: plan.topology,
    sites: plan.sites.filter(({ decision }) => only.has(decision)),
    hazards: plan.hazards.filter(isNear),
    suppressions: plan.suppressions.filter(isNear),
    // Which services are ready is no matter of some files.
    pools: plan.pools.map(pool => ({ ...pool, ready: [], others: [], unwired: [], isGiven: true, portReason: null })),
    errors: narrow.errors.filter(isNear),
    refused: narrow.refused.filter(isNear),
    localEnv: [],
  };
}
