/** The stages in order. Everything here is pure over what was read; nothing is written. */

import { join } from 'node:path';
import { isEnvironmentFile } from '../../codemods/paths.ts';
import { type Config, poolPortsOf } from '../config/config.ts';
import type { CompiledRule } from '../config/rules.ts';
import { DEFAULT_PORT, decide, questionFor } from '../decide/index.ts';
import { ignoredPaths, isThere, repositoryName } from '../discover/index.ts';
import { type Extracted, extractSource, readMigrators } from '../extract/index.ts';
import { directSettings, hostSettings, knownImages } from '../images/known.ts';
import { counters } from '../model/counters.ts';
import {
  type Action,
  type Change,
  type Extraction,
  type Failure,
  noFacts,
  type PoolDecision,
  type Refusal,
  type Site,
  type Source,
  type Variable,
  type World,
} from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import { describeVariables, filesOfJobs, makeShelf, type Processes, readProcesses } from '../processes/index.ts';
import { type AuditResult, auditCode, auditInput, type Finding, needsOf, settleHazards } from '../routes/index.ts';
import { hostVariables } from '../scan/scan-block.ts';
import type { ScanContext } from '../scan/scan-value.ts';
import { listEnvironmentFiles, readTopology, type Topology } from '../topology/index.ts';
import { dropOverlaps, type EditResult, followsOnly, planEdits, splice, wayOf } from '../wire/index.ts';
import { weightOf } from './weigh-findings.ts';

export interface PlanOptions {
  /** Directory to migrate; default the current one. */
  cwd?: string;
  /** Adds the edits of unsafe decisions. */
  unsafe?: boolean;
  /** Path of a configuration file; false: none is read. */
  config?: string | false;
  /** Path of a file that answers questions: a piece of a configuration, over the file's. */
  answers?: string;
  /** Over the configuration file. */
  overrides?: (config: Config) => Config;
  /** Also plans changes to git-ignored env files. */
  includeIgnoredEnv?: boolean;
  /** Only these decisions and mends are edited, by their ids (`Site.decision`, `mendUnit`). */
  only?: ReadonlySet<string>;
  /** Only what concerns files that differ from HEAD (true), or from where the branch left that commit. */
  changedSince?: string | true;
}

export interface Plan {
  root: string;
  config: Config;
  /** For which hazards are weighed: the configured one, that of a pooler that is there, else transaction. */
  mode: PoolDecision['mode'];
  /** The version of PgBouncer for which they are weighed: that of a pooler that is there, else the configured one. */
  poolerVersion: string;
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
  processes: Processes;
  /** Mode and port of each pool, and what stands between it and transaction mode. */
  pools: PoolDecision[];
}

/** One look at the sources, edited or not: sites, decisions, edits. */
export async function planOnce(
  world: World,
  root: string,
  config: Config,
  rules: readonly CompiledRule[],
  options: PlanOptions,
  refused: ReadonlySet<string>,
  cache: Map<string, Extracted>,
  audits: Map<string, Finding[]>,
): Promise<Plan> {
  counters.rounds++;
  const { topology, failures } = readTopology(world.sources, config);
  const scan = scanContext(topology, config);
  const extract = async (sources: ReadonlyMap<string, Source>): Promise<Map<string, Extracted>> => {
    const out = new Map<string, Extracted>();
    for (const source of sources.values()) {
      tellProgress('extracting', out.size, sources.size);
      const key = `${source.path}\0${source.digest}`;
      const known = cache.get(key) ?? (await extractSource(source, scan));
      cache.set(key, known);
      out.set(source.path, known);
    }
    return out;
  };
  const all = new Map([...world.audited, ...world.sources]);
  const extracted = await extract(world.sources);
  const extractions = new Map<string, Extraction>([...extracted].map(([path, { extraction }]) => [path, extraction]));
  const input = auditInput(
    config,
    topology,
    [...world.sources.values()].filter(({ path }) => isEnvironmentFile(path)),
    readMigrators(
      [...extractions.values()].flatMap(({ facts }) => facts.needs),
      new Map([...all].map(([path, { text }]) => [path, text])),
    ),
  );
  const commanded = new Map([...world.written, ...all]);
  // What stands between a process and transaction mode is asked whatever the mode is.
  const findings = await auditCode(
    [...commanded.values()],
    extractions,
    { ...input, mode: input.mode === 'statement' ? 'statement' : 'transaction' },
    world,
    audits,
  );
  for (const [path, found] of findings) {
    const { sites, facts } = extractions.get(path) ?? { sites: [], facts: noFacts() };
    if (!all.has(path)) continue;
    const needs = [...facts.needs, ...needsOf(found, all.get(path)?.text ?? '')];
    extractions.set(path, { sites, facts: { ...facts, needs } });
  }
  const texts = new Map([...all].map(([path, source]) => [path, source.text]));
  const written = new Map([...world.written].map(([path, { text }]) => [path, text]));
  const readable = new Map([...texts, ...written]);
  const textOf = (path: string) => texts.get(path) ?? written.get(path) ?? world.read(path)?.text ?? null;
  const shelf = makeShelf(world.paths, textOf);
  const images = knownImages(config.images);
  const processes = await readProcesses({
    topology,
    extractions,
    sources: world.sources,
    texts: readable,
    shelf,
    images,
    directSuffix: config.direct.suffix,
  });
  const ways = { topology, config, processes, shelf, images, extractions, refused };
  const ciFiles = filesOfJobs(
    [...world.sources.values(), ...world.written.values()],
    new Map([...extractions].filter(([path]) => world.sources.has(path))),
    shelf,
    topology.servers.map(({ service }) => service),
  );
  const decideAll = (found: ReadonlyMap<string, Extracted>, known: ReadonlyMap<string, string>) =>
    decide({
      sites: [...found].flatMap(([file, { format, extraction }]) =>
        extraction.sites.map(site => ({ file, format, site })),
      ),
      texts: known,
      topology,
      config,
      rules,
      processes,
      ciFiles,
      directSettings: directSettings(config.images),
      refused,
      wayOf: (site, process, whole) => wayOf(site, process, whole, ways),
    });
  const { sites, pools } = decideAll(extracted, texts);
  // What only a way edits, or the start of the pooler, is read as a source of the plan too.
  for (const file of [...editedByWays(sites), ...processes.named.map(one => one.file)]) {
    const source = all.get(file) ?? world.written.get(file) ?? world.read(file);
    if (source) all.set(file, source);
  }
  // On their own, so that the plan is the same on every machine.
  const local = decideAll(
    await extract(world.local),
    new Map([...world.local].map(([path, { text }]) => [path, text])),
  ).sites;
  const audit = settleHazards(findings, sites, commanded, input, weightOf(sites, processes, texts, config));
  const result = planEdits({
    sites,
    hazards: audit.found,
    sources: all,
    texts: readable,
    extractions,
    topology,
    config,
    processes,
    decisions: pools,
    refused,
    unsafe: options.unsafe ?? false,
    only: options.only ?? null,
    repository: repositoryName(root),
    exists: path => isThere(join(root, path)),
  });
  for (const site of sites) if (site.action === 'pooled' && followsOnly(site)) leaveReader(site);
  for (const site of sites) site.question = questionFor(site, topology);
  const { kept, refusals } = dropOverlaps(result.edits);
  const created = result.created.map(({ path }) => path);
  for (const path of ignoredPaths(root, created))
    result.notes.push(`${path} is ignored by git; add it with git add --force.`);
  const failed = [...extracted.values()].flatMap(({ failure }) => (failure ? [failure] : []));
  const errors = uniqueFailures([...world.failures, ...failures, ...failed]);
  return {
    root,
    config,
    mode: input.mode,
    poolerVersion: input.version,
    topology,
    filesScanned: world.filesScanned,
    filesSkipped: world.filesSkipped,
    sites: sites.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.span.start - b.span.start)),
    changes: makeChanges({ ...result, edits: kept }, all),
    hazards: audit.hazards,
    suppressions: audit.suppressions,
    variables: describeVariables(sites, processes.receivers, extractions),
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
    texts: new Map([...all].map(([path, source]) => [path, source.text])),
    extractions,
    processes,
    pools,
  };
}

/** Files that only the way of some process edits. */
const editedByWays = (sites: readonly Site[]): Set<string> =>
  new Set(
    sites.flatMap(({ apart }) =>
      apart.flatMap(({ way }) =>
        way.kind === 'step'
          ? [way.step.file, ...(way.setting ? [way.setting.file] : [])]
          : way.kind === 'file' || way.kind === 'connection'
            ? [way.file]
            : way.kind === 'bypass'
              ? [way.step.file, way.code.file]
              : [],
      ),
    ),
  );

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
      ...poolPortsOf(config, DEFAULT_PORT).map(String),
    ]),
    hostKeys: new Map([
      ...[...hostSettings(config.images)].map((name): [string, string] => [name, '']),
      ...topology.composeFiles
        .flatMap(({ services }) => services.flatMap(({ environment }) => environment))
        .flatMap(({ key, value }) => hostVariables(key, value ?? '')),
    ]),
    environmentFiles: [...new Set(listEnvironmentFiles(topology.composeFiles))],
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
      about: null,
      before: source.text,
      after,
      edits: edits.length,
      mode: source.mode,
      digest: source.digest,
    });
  }
  for (const { path, about, text, executable } of result.created) {
    changes.push({
      file: path,
      kind: 'create',
      about,
      before: '',
      after: text,
      edits: 1,
      mode: executable ? 0o755 : 0o644,
      digest: null,
    });
  }
  return changes.sort((a, b) => (a.file < b.file ? -1 : 1));
}
