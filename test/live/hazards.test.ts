/**
 * Every hazard rule on real PgBouncers: its bad example misbehaves in the modes and versions that the rule names, and
 * in no other; its good one does what it does on Postgres itself. With RECORD_HAZARDS=1 what was seen goes into
 * docs/hazards.json, from which scripts/hazards-doc.mjs makes docs/hazards.md.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hazards } from '../../rules/hazards.generated.ts';
import { concernsVersion, type HazardRule, isBefore, type PoolMode } from '../../src/routes/hazard-rules.ts';
import { findMissingDriver, type Lab, startLab } from './cells.ts';
import { modes, type Proof, REFUSED } from './proof.ts';
import { proofs } from './proofs.ts';
import { folklore } from './proofs-folklore.ts';
import { silentFeatures } from './proofs-silent.ts';
import { type Version, versions } from './run.ts';
import { hasServers } from './servers.ts';

const isReady = hasServers && checkDrivers();
let lab: Lab;
beforeAll(async () => {
  if (isReady) lab = await startLab();
});

/** As with the servers: a reason to skip on a laptop, a failure in CI. */
function checkDrivers(): boolean {
  const missing = findMissingDriver();
  if (missing === null) return true;
  if (process.env.CI === 'true') throw new Error(`${missing} is missing, and CI must have it`);
  process.stdout.write(`${missing} was not found (sh scripts/install-test-tools.sh .cache/tools): tests are skipped\n`);
  return false;
}

interface Seen {
  /** The rule warns all the same. */
  harmless?: true;
  bad?: string;
  good?: string;
}
interface Recorded {
  by: string;
  feature?: string | undefined;
  direct: Seen;
  pools: Record<string, Seen>;
}

const recorded = new Map<string, Recorded>();
const direct = new Map<object, Promise<Required<Pick<Seen, 'bad' | 'good'>>>>();

/** Straight on Postgres, once. */
function observeDirect(proof: Pick<Proof, 'bad' | 'good'>): Promise<Required<Pick<Seen, 'bad' | 'good'>>> {
  const before = direct.get(proof);
  if (before) return before;
  const now = (async () => ({ bad: await lab.observe(proof.bad, null), good: await lab.observe(proof.good, null) }))();
  direct.set(proof, now);
  return now;
}

function record(key: string, what: Pick<Recorded, 'by' | 'feature'>, straight: Seen, pool: string, seen: Seen): void {
  const entry = recorded.get(key) ?? { ...what, direct: straight, pools: {} };
  recorded.set(key, { ...entry, pools: { ...entry.pools, [pool]: seen } });
}

const isClaimed = (rule: HazardRule, mode: PoolMode, version: Version): boolean =>
  rule.severity[mode] !== undefined && concernsVersion(rule, version);

/** What is not as the rule says. */
async function prove(rule: HazardRule, proof: Proof, number: number, version: Version): Promise<string[]> {
  const straight = await observeDirect(proof);
  const problems: string[] = [];
  const proveIn = async (mode: PoolMode): Promise<void> => {
    const pool = `${version} ${mode}`;
    const bad = await lab.observe(proof.bad, { version, mode });
    const isHarmless = proof.isHarmless?.(mode, version) ?? false;
    const isAsDirect = bad === straight.bad || (mode === 'statement' && REFUSED.test(bad));
    if (isClaimed(rule, mode, version) && !isHarmless) {
      if (bad === straight.bad || !proof.shows.test(bad)) problems.push(`${pool}: no harm: ${bad}`);
    } else if (!isAsDirect) problems.push(`${pool}: not claimed: ${bad}, on Postgres: ${straight.bad}`);
    const seen: Seen = { bad, ...(isHarmless && isClaimed(rule, mode, version) ? { harmless: true } : {}) };
    if (rule.severity[mode]) {
      seen.good = await lab.observe(proof.good, { version, mode });
      const isRefused = mode === 'statement' && proof.refusedInStatement && REFUSED.test(seen.good);
      if (seen.good !== straight.good && !isRefused)
        problems.push(`${pool}: the good example: ${seen.good}, on Postgres: ${straight.good}`);
    }
    record(`${rule.id} ${number}`, { by: proof.by }, straight, pool, seen);
  };
  await Promise.all(modes.map(proveIn));
  return problems;
}

const CASES = hazards.flatMap(rule =>
  (proofs[rule.id] ?? []).flatMap((proof, number) =>
    versions
      // What an older version does instead is another rule's.
      .filter(version => !rule.since || !isBefore(version, rule.since))
      .map(version => [rule.id, proof.by, version, { rule, proof, number }] as const),
  ),
);

test('every rule has a proof, and every proof a rule', () => {
  expect(Object.keys(proofs).sort()).toEqual(hazards.map(({ id }) => id).sort());
});

describe.skipIf(!isReady).concurrent('on PgBouncer', () => {
  test.for(CASES)('%s (%s) on %s', async ([, , version, { rule, proof, number }], { expect: expectHere }) => {
    expectHere(await prove(rule, proof, number, version)).toEqual([]);
  });

  test.for(
    [...silentFeatures, ...folklore].flatMap(item => versions.map(version => [item.name, version, item] as const)),
  )(
    'no hazard: %s on %s',
    async ([, version, { name, by, feature, run, since, refusedInStatement }], { expect: expectHere }) => {
      const { good } = await observeDirect(onlyGood(run));
      const problems: string[] = [];
      const observeIn = async (mode: PoolMode): Promise<void> => {
        const pool = `${version} ${mode}`;
        const seen = await lab.observe(run, { version, mode });
        record(`silent ${name}`, { by, feature }, { good }, pool, { good: seen });
        const isRefused = mode === 'statement' && refusedInStatement && REFUSED.test(seen);
        const isTooOld = since && isBefore(version, since) && mode !== 'session';
        if (seen !== good && !isRefused && !isTooOld) problems.push(`${pool}: ${seen}, on Postgres: ${good}`);
      };
      await Promise.all(modes.map(observeIn));
      expectHere(problems).toEqual([]);
    },
  );
});

const alone = new Map<Proof['good'], Pick<Proof, 'bad' | 'good'>>();
function onlyGood(run: Proof['good']): Pick<Proof, 'bad' | 'good'> {
  const known = alone.get(run) ?? { bad: async () => '', good: run };
  alone.set(run, known);
  return known;
}

afterAll(() => {
  if (!isReady) return;
  lab.end();
  if (process.env.RECORD_HAZARDS !== '1') return;
  const entries = [...recorded].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const text = `{"drivers": ${JSON.stringify(lab.driverVersions)},\n"seen": {\n${lines.join(',\n')}\n}}\n`;
  writeFileSync(new URL('../../docs/hazards.json', import.meta.url), text);
});
