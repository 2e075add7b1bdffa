/**
 * Every hazard rule on real PgBouncers: its bad example misbehaves in the modes and versions that the rule names, and
 * in no other; its good one does what it does on Postgres itself. With RECORD_HAZARDS=1 what was seen goes into
 * docs/hazards.json, from which scripts/hazards-doc.mjs makes docs/hazards.md.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hazards } from '../../rules/hazards.generated.ts';
import { type HazardRule, isBefore, type PoolMode } from '../../src/audit/hazard-rules.ts';
import { type Lab, startLab } from './cells.ts';
import { modes, type Proof, REFUSED } from './proof.ts';
import { proofs } from './proofs.ts';
import { silent } from './proofs-silent.ts';
import { hasServers, type Version, versions } from './servers.ts';

let lab: Lab;
beforeAll(async () => {
  if (hasServers) lab = await startLab();
});

interface Seen {
  bad?: string;
  good?: string;
}
type Record_ = { by: string; direct: Seen; pools: Record<string, Seen> };

const recorded = new Map<string, Record_>();
const direct = new Map<object, Promise<Required<Seen>>>();

/** Straight on Postgres, once. */
function observeDirect(proof: Pick<Proof, 'bad' | 'good'>): Promise<Required<Seen>> {
  const before = direct.get(proof);
  if (before) return before;
  const now = (async () => ({ bad: await lab.observe(proof.bad, null), good: await lab.observe(proof.good, null) }))();
  direct.set(proof, now);
  return now;
}

function record(key: string, by: string, straight: Seen, pool: string, seen: Seen): void {
  const entry = recorded.get(key) ?? { by, direct: straight, pools: {} };
  recorded.set(key, { ...entry, pools: { ...entry.pools, [pool]: seen } });
}

const isClaimed = ({ severity, fixedIn }: HazardRule, mode: PoolMode, version: Version): boolean =>
  severity[mode] !== undefined && (fixedIn === undefined || isBefore(version, fixedIn));

async function prove(rule: HazardRule, proof: Proof, number: number, version: Version): Promise<void> {
  const straight = await observeDirect(proof);
  for (const mode of modes) {
    const pool = `${version} ${mode}`;
    const bad = await lab.observe(proof.bad, { version, mode });
    const isHarmless = proof.isHarmless?.(mode, version) ?? false;
    if (isClaimed(rule, mode, version) && !isHarmless) {
      expect.soft(bad, `${pool}: the bad example`).toMatch(proof.shows);
      expect.soft(bad, `${pool}: the bad example`).not.toBe(straight.bad);
    } else if (!(mode === 'statement' && REFUSED.test(bad)))
      expect.soft(bad, `${pool}: the bad example does no harm`).toBe(straight.bad);
    const seen: Seen = { bad };
    if (rule.severity[mode]) {
      seen.good = await lab.observe(proof.good, { version, mode });
      if (mode === 'statement' && proof.refusedInStatement) expect.soft(seen.good, `${pool}: good`).toMatch(REFUSED);
      else expect.soft(seen.good, `${pool}: the good example`).toBe(straight.good);
    }
    record(`${rule.id} ${number}`, proof.by, straight, pool, seen);
  }
}

const CASES = hazards.flatMap(rule =>
  (proofs[rule.id] ?? []).flatMap((proof, number) =>
    versions.map(version => [rule.id, proof.by, version, { rule, proof, number }] as const),
  ),
);

test('every rule has a proof, and every proof a rule', () => {
  expect(Object.keys(proofs).sort()).toEqual(hazards.map(({ id }) => id).sort());
});

describe.skipIf(!hasServers).concurrent('on PgBouncer', () => {
  test.each(CASES)('%s (%s) on %s', async (_, __, version, { rule, proof, number }) => {
    await prove(rule, proof, number, version);
  });

  test.each(silent.flatMap(item => versions.map(version => [item.name, version, item] as const)))(
    'no hazard: %s on %s',
    async (_, version, { name, by, run, since, refusedInStatement }) => {
      const { good } = await observeDirect(onlyGood(run));
      for (const mode of modes) {
        const pool = `${version} ${mode}`;
        const seen = await lab.observe(run, { version, mode });
        record(`silent ${name}`, by, { good }, pool, { good: seen });
        if (since && isBefore(version, since) && mode !== 'session') continue;
        if (mode === 'statement' && refusedInStatement) expect.soft(seen, pool).toMatch(REFUSED);
        else expect.soft(seen, pool).toBe(good);
      }
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
  if (!hasServers) return;
  lab.end();
  if (process.env.RECORD_HAZARDS !== '1') return;
  const entries = [...recorded].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify({ drivers: lab.driverVersions, seen: Object.fromEntries(entries) }, null, 1);
  writeFileSync(new URL('../../docs/hazards.json', import.meta.url), `${text}\n`);
});
