/** One decision from those for every use of a value: all agree, or the value is shared, split, or left to a person. */

import { describeCommand } from '../config/rules.ts';
import type { Action, Safety, Site, Use } from '../model/index.ts';

/** What a rule says of one use. */
export interface Verdict {
  action: Action;
  rule: string;
  reason: string;
  safety: Safety;
}

export type Outcome = Verdict & Partial<Pick<Site, 'directUses' | 'splitServices'>>;

type UseVerdict = Verdict & { use: Use | null };

/** `splitSafety`: how safe it is to give each of these services a value of its own; null where that is impossible. */
export function combineUses(
  site: Site,
  verdicts: readonly UseVerdict[],
  splitSafety: (site: Site, services: readonly string[]) => Safety | null,
): Outcome {
  // What a gate or a monitor does with the value says nothing about the others who use it.
  const telling = verdicts.filter(({ action, use }) => action !== 'leave' && !(use?.derived && action === 'review'));
  const active = telling.length > 0 ? telling : verdicts;
  const first = active[0] as UseVerdict;
  const review = active.find(({ action }) => action === 'review');
  if (active.every(({ action }) => action === first.action))
    return pick(active.find(({ safety }) => safety === 'unsafe') ?? first);
  if (review) return pick(review);
  const direct = active.filter(({ action }) => action === 'direct');
  const apart = servicesApart(active);
  const isApart = ({ use }: UseVerdict) => use?.service != null && apart.includes(use.service);
  if (active.every(isApart)) return pick(direct[0] as UseVerdict);
  const shared = direct.filter(verdict => !isApart(verdict)).flatMap(({ use }) => use ?? []);
  const key = site.key ?? 'The value';
  const safety = apart.length === 0 ? 'safe' : splitSafety(site, apart);
  if (safety === null) {
    return {
      action: 'review',
      rule: 'readers-disagree',
      safety: 'safe',
      reason: `${key} goes to an application and to ${apart.join(', ')}, which must stay direct (${describeUse(direct.find(isApart)?.use)}). Give each its own variable.`,
    };
  }
  const [command] = shared;
  if (command) {
    // Only a command that stands in compose beside its variable is changed: see insertDirectCommands.
    const uses = [...new Set(shared.map(describeUse))].slice(0, 3).join('; ');
    const isChanged = site.format === 'compose' && !command.derived;
    return {
      action: 'pooled',
      rule: 'shared-with-direct-command',
      directUses: shared,
      splitServices: apart,
      safety: 'unsafe',
      reason: `The application and a command that needs a session of its own share ${site.key ?? 'this value'} (${uses}). ${isChanged ? '--unsafe gives that command the direct variable.' : 'Give that command the direct variable by hand first.'}`,
    };
  }
  return {
    action: 'pooled',
    rule: 'split-readers',
    splitServices: apart,
    safety,
    reason: `${key} is pooled for the applications that share it; ${apart.join(', ')} must stay direct (${describeUse(direct[0]?.use)}) and gets a value of its own.`,
  };
}

const pick = ({ action, rule, reason, safety }: Verdict): Outcome => ({ action, rule, reason, safety });

/** Services all of whose uses are direct, or whose own code listens or locks: pooled, that would fail silently. */
function servicesApart(verdicts: readonly UseVerdict[]): string[] {
  const names = new Set(verdicts.flatMap(({ use }) => use?.service ?? []));
  return [...names].filter(name => {
    const own = verdicts.filter(({ use }) => use?.service === name);
    return (
      own.every(({ action }) => action === 'direct') || own.some(({ action, use }) => action === 'direct' && use?.own)
    );
  });
}

const describeUse = (use: Use | null | undefined): string =>
  [use?.service, describeCommand(use?.words ?? [])].filter(Boolean).join(': ');
