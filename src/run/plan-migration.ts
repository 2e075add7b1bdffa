/** The stages in order, from the directory to a plan that holds. Nothing is written. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Config, loadConfig, loadRules, withAnswers } from '../config/config.ts';
import { settleKind } from '../config/pool-kind.ts';
import { changedFiles } from '../discover/index.ts';
import type { Extracted } from '../extract/index.ts';
import { UsageError } from '../model/errors.ts';
import type { Change, Source, World } from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import { type Plan, type PlanOptions, planOnce } from '../plan/index.ts';
import type { Finding } from '../routes/index.ts';
import { baseOf, dirOf, joinPath } from '../text/paths.ts';
import { isManifest } from '../topology/index.ts';
import { verifyPlan } from '../verify/index.ts';
import { narrowPlan } from './narrow.ts';
import { readWorld } from './read-world.ts';
/**
 * Reads the repository and plans its migration. Nothing is written.
 * Throws a UsageError for a wrong directory or configuration.
 * @example
 * const plan = await planMigration({ cwd: '.' });
 * console.log(plan.changes.map(({ file }) => file));
 */
export async function planMigration(options: PlanOptions = {}): Promise<Plan> {
  const root = resolve(options.cwd ?? '.');
  if (!existsSync(root)) throw new UsageError(`${root}: there is no such directory`);
  const configured = await loadConfig(root, options.config);
  const found = options.answers === undefined ? configured : await withAnswers(configured, options.answers);
  const wanted = settleKind(options.overrides ? options.overrides(found) : found);
  const rules = await loadRules(root, wanted);
  const world = await readWorld(root, wanted, options.includeIgnoredEnv ?? false);
  const config = withFolders(wanted, world.paths);
  const cache = new Map<string, Extracted>();
  const audits = new Map<string, Finding[]>();
  const look =
    (own: PlanOptions) =>
    (sources: World, refused: ReadonlySet<string>, isCheck = false) => {
      // What nobody chose stays pending: a check must not take it for an edit that was forgotten.
      const chosen = isCheck && own.only ? { ...own, only: new Set<string>() } : own;
      return planOnce(sources, root, config, rules, chosen, refused, cache, audits);
    };
  const whole = await settle(world, look(options));
  const { changedSince } = options;
  const plan =
    changedSince === undefined
      ? whole
      : await narrowPlan(whole, await changedFiles(root, changedSince === true ? null : changedSince), only =>
          settle(world, look({ ...options, only })),
        );
  const hasRunbook = plan.changes.some(({ file, kind }) => file === config.assets.runbook && kind === 'create');
  return hasRunbook ? (await import('../size/fill-runbook.ts')).fillRunbook(plan) : plan;
}

/** `docs/pgbouncer.md` goes into `Docs/` where the repository calls it so. */
function withFolders(config: Config, paths: readonly string[]): Config {
  const inCase = (path: string): string => {
    const folder = dirOf(path);
    const lead = `${folder}/`;
    const length = lead.length;
    const isTwin = (other: string) =>
      other[length - 1] === '/' && other.slice(0, length).toLowerCase() === lead.toLowerCase();
    if (folder === '' || paths.some(other => other.startsWith(lead))) return path;
    const twin = paths.find(isTwin);
    return twin === undefined ? path : joinPath(twin.slice(0, length - 1), baseOf(path));
  };
  const { assets } = config;
  return {
    ...config,
    assets: { ...assets, runbook: inCase(assets.runbook), statusScript: inCase(assets.statusScript) },
  };
}

/** Of a text that is not on disk: what was made of it is known by its content. */
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const isNewManifest = ({ kind, file, after }: Change): boolean =>
  kind === 'create' && /\.ya?ml$/.test(file) && isManifest(after);

/**
 * The post-condition of every edit: a plan over the edited texts is empty, and untouched sites decide as before. A file
 * that fails is refused, and what depends on it is planned again without it.
 */
async function settle(
  world: World,
  once: (sources: World, refused: ReadonlySet<string>, isCheck?: boolean) => Promise<Plan>,
): Promise<Plan> {
  const refused = new Map<string, string>();
  for (let round = 0; ; round++) {
    const plan = await once(world, new Set(refused.keys()));
    const modified = plan.changes.filter(change => change.kind === 'modify');
    const sources = new Map(world.sources);
    const audited = new Map(world.audited);
    for (const { file, after } of modified) {
      const place = sources.has(file) ? sources : audited;
      const source = place.get(file) ?? world.written.get(file) ?? world.read(file);
      place.set(file, { ...(source as Source), text: after, digest: digestOf(after) });
    }
    // A new manifest is part of what the edited files lead to.
    for (const { file, after, mode } of plan.changes.filter(isNewManifest)) {
      const newline = after.includes('\r\n') ? '\r\n' : '\n';
      sources.set(file, { path: file, text: after, newline, mode, digest: digestOf(after) });
    }
    tellProgress('checking', 0, modified.length);
    const faults =
      modified.length === 0 ? [] : verifyPlan(plan, await once({ ...world, sources, audited }, new Set(), true));
    if (faults.length === 0 || round === 5) {
      return { ...plan, refused: [...plan.refused, ...[...refused].map(([file, reason]) => ({ file, reason }))] };
    }
    for (const { file, reason } of faults) refused.set(file, reason);
  }
}
