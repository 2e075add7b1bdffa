/** From what each use of a value needs to the way that it goes, and to the mode of the pool that all of them share. */
import { describeCommand, describeNeeds } from '../config/rules.ts';
import type { Action, Need, NeedKind, Process, Route, Safety, Site, Way } from '../model/index.ts';

/** What a rule says of one use. */
export interface Verdict {
  action: Action;
  rule: string;
  reason: string;
  safety: Safety;
  needs: NeedKind | null;
}

export interface UseVerdict extends Verdict {
  process: Process;
}

/** A use with the way that it has to go. `way`: how it gets a value of its own; null: it can't, or need not. */
export interface RoutedUse extends UseVerdict {
  route: Route;
  /** What stands between it and transaction pooling. */
  because: readonly Need[];
  /** What would stand there too, and is mended with the pooled value. */
  mends: readonly Need[];
  way: Way | null;
}

export type Outcome = Omit<Verdict, 'needs'> & Partial<Pick<Site, 'apart' | 'question'>>;

export type Mode = 'session' | 'transaction' | 'statement';

/** PgBouncer refuses these or never carries them, whatever the mode. */
const NEVER: readonly NeedKind[] = ['replicate', 'startup-parameter'];

/** The highest way that a need allows. Source: pgbouncer.org/features.html */
export const routeFor = (kinds: readonly NeedKind[]): Route =>
  kinds.some(kind => NEVER.includes(kind)) ? 'direct' : kinds.length > 0 ? 'session' : 'transaction';

/** True where the need of a command that should be direct is met by a session of the pool too. */
export const bearsSession = ({ because }: RoutedUse): boolean => because.every(({ kind }) => !NEVER.includes(kind));

/**
 * Uses that say something: a gate or a monitor that has the value too says nothing about the others, and what a command leaves in doubt
 * (a prompt of psql in a script) speaks for no application beside it.
 */
export function tellingUses<T extends UseVerdict>(verdicts: readonly T[]): T[] {
  // A container that starts tests is there for them, whatever it prepares before.
  const isTests = ({ process: { service } }: T) =>
    verdicts.some(
      ({ rule, process }) => rule === 'test-command' && process.kind === 'start' && process.service === service,
    );
  const isSure = verdicts.some(one => one.action === 'pooled' && one.process.kind === 'start' && !isTests(one));
  const isDoubt = ({ action, process }: T) => action === 'review' && (isSure || process.kind !== 'start');
  const telling = verdicts.filter(one => (one.action !== 'leave' || one.rule === 'already-pooled') && !isDoubt(one));
  return telling.length > 0 ? telling : [...verdicts];
}

/** Whether the pool takes the use as it is. */
export const isPooled = ({ action, route }: RoutedUse, mode: Mode): boolean =>
  action === 'pooled' && (route === 'transaction' || (route === 'session' && mode === 'session'));

/**
 * One decision from those for every use of a value. `apartServices`: services that go direct as a whole, since transaction mode is
 * not right for them. `hasSession`: the pooler has a session mode to offer.
 */
export function combineUses(
  site: Site,
  uses: readonly RoutedUse[],
  mode: Mode,
  apartServices: ReadonlySet<string>,
  wayOf: (process: Process, whole: boolean) => Way | null,
  hasSession = true,
): Outcome {
  const telling = tellingUses(uses);
  // What leads to a pooler that is there is no matter of those that have a value of their own already.
  const others =
    site.resolution.kind === 'pooler'
      ? telling.filter(use => use.action !== 'direct' || wayOf(use.process, false)?.kind !== 'apart')
      : telling;
  const active = others.length > 0 ? others : telling;
  const first = active[0] as RoutedUse;
  const review = active.find(({ action }) => action === 'review');
  if (active.every(({ action }) => action === first.action) && first.action !== 'pooled' && first.action !== 'direct')
    return pick(first);
  if (review) return pick(review);
  const isWhole = ({ process }: RoutedUse) => process.service !== null && apartServices.has(process.service);
  const pooled = active.filter(use => isPooled(use, mode) && !isWhole(use));
  const direct = active.filter(use => !pooled.includes(use));
  const settings = pooled.flatMap(({ process, way }) => (way ? [{ process, way }] : []));
  if (direct.length === 0 && settings.length === 0)
    return pick(pooled.find(({ safety }) => safety === 'unsafe') ?? (pooled[0] as RoutedUse));
  if (pooled.length === 0)
    return { ...pick(direct.find(({ action }) => action === 'direct') ?? sessionVerdict(direct[0] as RoutedUse)) };
  const apart: Site['apart'] = [...settings];
  const left: RoutedUse[] = [];
  const servicesDirect = new Set(
    direct
      .map(({ process }) => process.service)
      .filter(name => name !== null && !pooled.some(({ process }) => process.service === name)),
  );
  for (const use of direct) {
    // A session of the pool bears what people migrate by hand: their commands stay as they know them.
    if (mode === 'session' && use.process.kind === 'hand' && isMigration(use)) continue;
    const whole = use.process.service !== null && servicesDirect.has(use.process.service);
    const way = wayOf(use.process, whole);
    if (way) apart.push({ process: use.process, way });
    else if (!(mode === 'session' && bearsSession(use))) left.push(use);
  }
  const key = site.key ?? 'The value';
  const [one] = left;
  if (one) {
    return {
      action: 'review',
      rule: 'no-way-apart',
      safety: 'safe',
      reason: `${key} goes to an application and to ${describeUse(one)}, which must stay direct (${one.reason}). No exact place was found to give that a value of its own.`,
      question: {
        text: `How should ${describeUse(one)} get its direct connection?`,
        answers: [
          ...(hasSession
            ? [{ id: 'session' as const, says: 'Pool everything in session mode.', config: 'pool: { mode: session }' }]
            : []),
          { id: 'direct', says: `Keep ${key} direct for all who have it.`, config: `keepDirect: [${site.key ?? ''}]` },
        ],
      },
    };
  }
  apart.push(...gatesBefore(apart, uses, wayOf));
  const wired = apart.filter(({ process, way }) => way.kind !== 'apart' && !isGate(process, uses));
  if (wired.length === 0) return pick(pooled[0] as RoutedUse);
  const reason = direct.find(use => use.action === 'direct') ?? direct[0] ?? pooled.find(({ way }) => way);
  const told = [
    ...new Set(
      wired.map(({ process, way }) =>
        way.kind === 'service'
          ? (process.service ?? '')
          : way.kind === 'connection'
            ? `${process.needs.find(({ kind }) => kind === 'migrate')?.what} inside of it`
            : describeUse({ process }),
      ),
    ),
  ];
  return {
    action: 'pooled',
    rule: wired.every(({ way }) => way.kind === 'service') ? 'split-readers' : 'wired-apart',
    safety: pooled.some(({ safety }) => safety === 'unsafe') ? 'unsafe' : 'safe',
    apart,
    reason: `${key} is pooled for the applications that share it; ${told.slice(0, 4).join(', ')} must stay direct (${reason?.way ? describeNeeds(reason.process.needs) : reason?.reason.replace(/\.$/, '')}) and gets a value of its own.`,
  };
}

const isMigration = ({ because }: RoutedUse): boolean =>
  because.length > 0 && because.every(({ kind }) => kind === 'migrate');

/** What waits for Postgres before a step that goes direct waits for the server too: the pooler answers before it does. */
function gatesBefore(
  apart: Site['apart'],
  uses: readonly RoutedUse[],
  wayOf: (process: Process, whole: boolean) => Way | null,
): Site['apart'] {
  const steps = apart.flatMap(({ way }) => (way.kind === 'step' ? [way.step] : []));
  return uses.flatMap(({ process }) => {
    const { step } = process;
    if (!step || !isGate(process, uses) || !steps.some(({ file, at }) => file === step.file && at > step.at)) return [];
    const way = wayOf(process, false);
    return way?.kind === 'step' ? [{ process, way }] : [];
  });
}

const isGate = (process: Process, uses: readonly RoutedUse[]): boolean =>
  uses.some(use => use.process === process && use.action === 'leave' && use.rule.startsWith('readiness-'));

const pick = ({ action, rule, reason, safety }: Verdict): Outcome => ({ action, rule, reason, safety });

/** A use that the pool's mode does not bear goes direct. */
const sessionVerdict = ({ because, process, safety, needs, rule, reason }: RoutedUse): Verdict => ({
  action: 'direct',
  rule: needs ? rule : 'code-with-session',
  reason: needs
    ? reason
    : because.length > 0
      ? `The code that runs with it needs a session of its own: ${describeNeeds(because)}.`
      : `All of ${process.service ?? 'what runs with it'} goes direct, since its other connections need sessions.`,
  safety,
  needs: because[0]?.kind ?? null,
});

export const describeUse = ({ process }: Pick<RoutedUse, 'process'>): string =>
  [process.service, describeCommand(process.words) || process.place.file].filter(Boolean).join(': ');
