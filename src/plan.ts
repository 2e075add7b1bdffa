/** The stages in order. Everything here is pure over what was read; nothing is written. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isCiPath } from '../codemods/paths.ts';
import type { Finding } from './audit/audit.ts';
import { type AuditResult, auditCode, auditInput, factsOf, settleHazards } from './audit/audit-plan.ts';
import { type Config, loadConfig, loadRules } from './config.ts';
import { decide } from './decide.ts';
import { type EditResult, planEdits } from './edit.ts';
import { UsageError } from './errors.ts';
import { type Extracted, extractSource } from './extract.ts';
import { type Flow, readFlow } from './flow.ts';
import { ignoredPaths } from './git.ts';
import { isManifest } from './manifests.ts';
import {
  type Action,
  type Change,
  type Extraction,
  type Failure,
  noFacts,
  type Refusal,
  type Site,
  type Source,
  type Variable,
} from './model.ts';
import { isEnvironmentFile } from './prefilter.ts';
import { readTopology } from './read-topology.ts';
import { readWorld, type World } from './read-world.ts';
import type { CompiledRule } from './rules.ts';
import type { ScanContext } from './scan-value.ts';
import { dropOverlaps, splice } from './splice.ts';
import { splitSafety } from './split-readers.ts';
import type { Topology } from './topology.ts';
import { describeVariables } from './variables.ts';
import { verifyPlan } from './verify.ts';

export interface PlanOptions {
  /** Directory to migrate; default the current one. */
  cwd?: string;
  /** Adds the edits of unsafe decisions. */
  unsafe?: boolean;
  /** Path of a configuration file; false: none is read. */
  config?: string | false;
  /** Over the configuration file. */
  overrides?: (config: Config) => Config;
  /** Also plans changes to git-ignored env files. */
  includeIgnoredEnv?: boolean;
  /** Only these decisions and mends are edited, by their ids (`Site.decision`, `mendUnit`). */
  only?: ReadonlySet<string>;
}

export interface Plan {
  root: string;
  config: Config;
  topology: Topology;
  filesScanned: number;
  filesSkipped: number;
  sites: Site[];
  changes: Change[];
  hazards: Finding[];
  /** Comments against hazards that keep nothing quiet, or give no reason. */
  suppressions: AuditResult['suppressions'];
  variables: Variable[];
  /** Keys of git-ignored env files that still lead straight to Postgres. */
  localEnv: { file: string; key: string; action: Action }[];
  /** True where the changes include those of unsafe decisions. */
  unsafe: boolean;
  /** Where a person chose: what is edited; null: all that may be. */
  only: ReadonlySet<string> | null;
  includeIgnoredEnv: boolean;
  refused: Refusal[];
  errors: Failure[];
  notes: string[];
  /** Text of every file that was read, for reports with context. */
  texts: ReadonlyMap<string, string>;
  /** What was found in each of them, and who gets which variable: for the sizing. */
  extractions: ReadonlyMap<string, Extraction>;
  flow: Flow;
}

/** Reads the repository and plans its migration. Throws a UsageError for a wrong directory or configuration. */
export async function planMigration(options: PlanOptions = {}): Promise<Plan> {
  const root = resolve(options.cwd ?? '.');
  if (!existsSync(root)) throw new UsageError(`${root}: there is no such directory`);
  const found = await loadConfig(root, options.config);
  const config = options.overrides ? options.overrides(found) : found;
  const rules = await loadRules(root, config);
  const world = await readWorld(root, config, options.includeIgnoredEnv ?? false);
  const cache = new Map<string, Extracted>();
  const audits = new Map<string, Finding[]>();
  const once = (sources: World, refused: ReadonlySet<string>, isCheck = false) => {
    // What nobody chose stays pending: a check must not take it for an edit that was forgotten.
    const chosen = isCheck && options.only ? { ...options, only: new Set<string>() } : options;
    return planOnce(sources, root, config, rules, chosen, refused, cache, audits);
  };
  const plan = await settle(world, once);
  const hasRunbook = plan.changes.some(({ file, kind }) => file === config.assets.runbook && kind === 'create');
  return hasRunbook ? (await import('./size/fill-runbook.ts')).fillRunbook(plan) : plan;
}

async function planOnce(
  world: World,
  root: string,
  config: Config,
  rules: readonly CompiledRule[],
  options: PlanOptions,
  refused: ReadonlySet<string>,
  cache: Map<string, Extracted>,
  audits: Map<string, Finding[]>,
): Promise<Plan> {
  const { topology, failures } = readTopology(world.sources, config);
  const scan = scanContext(topology, config);
  const extract = async (sources: ReadonlyMap<string, Source>): Promise<Map<string, Extracted>> => {
    const out = new Map<string, Extracted>();
    for (const source of sources.values()) {
      const key = `${source.path}\0${source.digest}`;
      const known = cache.get(key) ?? (await extractSource(source, topology, scan));
      cache.set(key, known);
      out.set(source.path, known);
    }
    return out;
  };
  const all = new Map([...world.audited, ...world.sources]);
  const extracted = await extract(world.sources);
  const input = auditInput(
    config,
    topology,
    [...world.sources.values()].filter(({ path }) => isEnvironmentFile(path)),
  );
  const extractions = new Map<string, Extraction>([...extracted].map(([path, { extraction }]) => [path, extraction]));
  const findings = await auditCode(all.values(), extractions, input, audits);
  for (const [path, found] of findings) {
    const { sites, facts } = extractions.get(path) ?? { sites: [], facts: noFacts() };
    extractions.set(path, { sites, facts: { ...facts, code: [...new Set([...facts.code, ...factsOf(found)])] } });
  }
  const texts = new Map([...all].map(([path, source]) => [path, source.text]));
  const flow = readFlow(topology, extractions, world.sources);
  const ciTexts = [...world.sources.values()].filter(source => isCiPath(source.path)).map(source => source.text);
  const decideAll = (found: ReadonlyMap<string, Extracted>, known: ReadonlyMap<string, string>) =>
    decide({
      sites: [...found].flatMap(([file, { format, extraction }]) =>
        extraction.sites.map(site => ({ file, format, site })),
      ),
      texts: known,
      topology,
      config,
      rules,
      flow,
      ciFiles: flow.readBy(ciTexts),
      splitSafety: (site, services) => splitSafety(site, services, topology, flow.receivers),
    });
  const sites = decideAll(extracted, texts);
  // On their own, so that the plan is the same on every machine.
  const local = decideAll(
    await extract(world.local),
    new Map([...world.local].map(([path, { text }]) => [path, text])),
  );
  const audit = settleHazards(findings, sites, all, input);
  const result = planEdits({
    sites,
    hazards: audit.found,
    sources: all,
    extractions,
    topology,
    config,
    receivers: flow.receivers,
    refused,
    unsafe: options.unsafe ?? false,
    only: options.only ?? null,
    exists: path => existsSync(join(root, path)),
  });
  for (const site of sites) if (site.action === 'pooled' && followsOnly(site)) leaveReader(site);
  const { kept, refusals } = dropOverlaps(result.edits);
  const created = result.created.map(({ path }) => path);
  for (const path of ignoredPaths(root, created))
    result.notes.push(`${path} is ignored by git; add it with git add --force.`);
  const failed = [...extracted.values()].flatMap(({ failure }) => (failure ? [failure] : []));
  const errors = uniqueFailures([...world.failures, ...failures, ...failed]);
  return {
    root,
    config,
    topology,
    filesScanned: world.filesScanned,
    filesSkipped: world.filesSkipped,
    sites: sites.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.span.start - b.span.start)),
    changes: makeChanges({ ...result, edits: kept }, all),
    hazards: audit.hazards,
    suppressions: audit.suppressions,
    variables: describeVariables(sites, flow, extractions),
    localEnv: local
      .filter(
        site =>
          site.key !== null && site.role === 'environment' && (site.action === 'pooled' || site.action === 'direct'),
      )
      .map(({ file, key, action }) => ({ file, key: key as string, action })),
    unsafe: options.unsafe ?? false,
    only: options.only ?? null,
    includeIgnoredEnv: options.includeIgnoredEnv ?? false,
    refused: [...result.refusals, ...refusals, ...errors.flatMap(toRefusal)],
    errors,
    notes: [...new Set(result.notes)],
    texts,
    extractions,
    flow,
  };
}

const followsOnly = ({ host, port, replacement, text, portSlot }: Site): boolean =>
  !host?.value && !port?.value && replacement === text && portSlot === null;

/** It follows its variables to the pooler, so nothing of it is edited. */
function leaveReader(site: Site): void {
  const reason = 'Nothing here names a host; its variables lead to the pooler where they are defined.';
  Object.assign(site, { action: 'leave', rule: 'no-literal', reason, safety: 'safe', replacement: null });
}

/** Text that should have been planned and could not be; data (binary, too large) is only reported. */
const toRefusal = ({ file, code, message }: Failure): Refusal[] =>
  file !== undefined && /^(?:invalid-yaml|too-deep|encoding|extraction)$/.test(code) ? [{ file, reason: message }] : [];

const uniqueFailures = (failures: Failure[]): Failure[] =>
  failures.filter(
    (failure, i) => failures.findIndex(other => other.file === failure.file && other.code === failure.code) === i,
  );

function scanContext(topology: Topology, config: Config): ScanContext {
  const all = [...topology.servers, ...topology.poolers, ...topology.others];
  const published = all.flatMap(server => server.published.map(port => String(port.value)));
  // The pooler's own name and ports are known from the start, so that a second reading finds the same places.
  return {
    names: new Set([...all.flatMap(server => server.names), config.pool.host]),
    ports: new Set([
      ...published,
      ...all.map(server => String(server.port)),
      String(config.pool.port),
      String(config.pool.publishedPort),
    ]),
  };
}

function makeChanges(result: EditResult, sources: ReadonlyMap<string, Source>): Change[] {
  const changes: Change[] = [];
  const edited = new Set(result.edits.map(({ file }) => file));
  for (const source of sources.values()) {
    if (!edited.has(source.path)) continue;
    const edits = result.edits.filter(edit => edit.file === source.path);
    if (edits.length === 0) continue;
    const after = splice(source.text, edits);
    if (after === source.text) continue;
    changes.push({
      file: source.path,
      kind: 'modify',
      before: source.text,
      after,
      edits: edits.length,
      mode: source.mode,
      digest: source.digest,
    });
  }
  for (const { path, text, executable } of result.created) {
    changes.push({
      file: path,
      kind: 'create',
      before: '',
      after: text,
      edits: 1,
      mode: executable ? 0o755 : 0o644,
      digest: null,
    });
  }
  return changes.sort((a, b) => (a.file < b.file ? -1 : 1));
}

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
      place.set(file, { ...(place.get(file) as Source), text: after, digest: `edited:${round}:${file}` });
    }
    // A new manifest is part of what the edited files lead to.
    for (const { file, after, mode } of plan.changes.filter(isNewManifest)) {
      const newline = after.includes('\r\n') ? '\r\n' : '\n';
      sources.set(file, { path: file, text: after, newline, mode, digest: `created:${round}:${file}` });
    }
    const faults =
      modified.length === 0 ? [] : verifyPlan(plan, await once({ ...world, sources, audited }, new Set(), true));
    if (faults.length === 0 || round === 5) {
      return { ...plan, refused: [...plan.refused, ...[...refused].map(([file, reason]) => ({ file, reason }))] };
    }
    for (const { file, reason } of faults) refused.set(file, reason);
  }
}
