/** The audit as a stage of the plan: findings of the code first, because they decide; those of connection strings after. */

import { holdsCommands } from '../../codemods/command-events.ts';
import { isAsidePath } from '../../codemods/paths.ts';
import { hazards } from '../../rules/hazards.generated.ts';
import type { Config } from '../config/config.ts';
import { isElsewhere } from '../config/pool-kind.ts';
import { environmentReads } from '../extract/index.ts';
import { poolerOf } from '../images/poolers.ts';
import {
  type Extraction,
  type Need,
  type NeedKind,
  noFacts,
  type Site,
  type Source,
  type World,
} from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import { lineAt, lineStarts, positionAt } from '../text/lines.ts';
import type { Topology } from '../topology/index.ts';
import { type AuditInput, auditSites, auditSource, type Finding } from './audit.ts';
import { auditPurpose } from './candidates.ts';
import { type CompiledHazardRule, compileHazardRule, isBefore } from './hazard-rules.ts';
import { behind } from './other-pooler.ts';
import { readSuppressions, type Suppression, suppress } from './suppressions.ts';

let compiled: CompiledHazardRule[] | null = null;

/** `environments`: env files and templates; Laravel names its driver there. */
export function auditInput(
  { pool }: Config,
  { servers, poolers }: Topology,
  environments: readonly Source[],
  migrators: AuditInput['migrators'],
): AuditInput {
  compiled ??= hazards.map(compileHazardRule);
  const settings = poolers.flatMap(({ pooler }) => pooler ?? []);
  const version = oldest(settings.flatMap(one => one.version ?? [])) ?? pool.version;
  const isNamed = environments.some(({ text }) => /^DB_CONNECTION=["']?pgsql/m.test(text));
  return {
    rules: isElsewhere(pool) ? compiled.flatMap(rule => behind(rule, poolerOf(pool.kind), pool.enabled)) : compiled,
    mode: pool.mode !== 'auto' ? pool.mode : (settings.find(({ mode }) => mode)?.mode ?? 'transaction'),
    version,
    keepsPrepared: isElsewhere(pool) || !settings.some(({ maxPreparedStatements }) => maxPreparedStatements === 0),
    hasServer: servers.length + poolers.length > 0 || isNamed || isElsewhere(pool),
    migrators,
  };
}

const oldest = (versions: readonly string[]): string | null =>
  versions.toSorted((a, b) => (isBefore(a, b) ? -1 : 1))[0] ?? null;

/** By path. Sources are told apart by their digest, so that the edited ones of a second look are read again. */
export async function auditCode(
  sources: readonly Source[],
  extractions: ReadonlyMap<string, Extraction>,
  input: AuditInput,
  { audited, callers }: Pick<World, 'audited' | 'callers'>,
  cache: Map<string, Finding[]>,
): Promise<Map<string, Finding[]>> {
  const found = new Map<string, Finding[]>();
  const auditOnce = async (source: Source): Promise<Finding[]> => {
    const { path, text } = source;
    const extraction = extractions.get(path) ?? { sites: [], facts: noFacts() };
    // The search has looked at those that are for the audit alone.
    const purpose = callers.has(path) ? 'call' : audited.has(path) ? 'audit' : auditPurpose(text);
    const isWorthIt =
      purpose === 'audit' ||
      (purpose === 'call' && input.migrators.size > 0) ||
      extraction.facts.needs.length > 0 ||
      holdsCommands(path, text);
    return isWorthIt ? auditSource(source, input, extraction) : [];
  };
  for (const [i, source] of sources.entries()) {
    tellProgress('auditing', i, sources.length);
    const key = `${source.path}\0${source.digest}`;
    const findings = cache.get(key) ?? (await auditOnce(source));
    cache.set(key, findings);
    if (findings.length > 0) found.set(source.path, findings);
  }
  return found;
}

/** What the processes that run this need: told at each place, whatever its file is called. */
export const needsOf = (findings: readonly Finding[], text: string): Need[] => {
  const telling = findings.filter(
    ({ need, isNeedKnown, grave }) => need !== null && !isNeedKnown && grave.transaction === 'error',
  );
  const reads = telling.length > 0 ? environmentReads(text) : [];
  return telling.map(({ need, rule, file, line, mend, goesWithPool }) => ({
    kind: need as NeedKind,
    what: rule,
    place: { file, line },
    reads,
    ...(goesWithPool && mend ? { mend } : {}),
  }));
};

export interface AuditResult {
  hazards: Finding[];
  /** Those that are told and all that say the same as one of them: each is mended. */
  found: Finding[];
  /** Comments that keep nothing quiet, or give no reason. */
  suppressions: { file: string; line: number; problem: 'unused' | 'no reason' }[];
}

/** Of rules that are told once, the first finding in each folder at the top. */
function tellOnce(hazards: readonly Finding[], { rules }: AuditInput): Finding[] {
  const once = new Set(rules.flatMap(rule => (rule.once ? [rule.id] : [])));
  const seen = new Set<string>();
  return hazards.filter(({ rule, file, severity }) => {
    if (!once.has(rule)) return true;
    const key = `${rule}\0${severity}\0${file.includes('/') ? file.slice(0, file.indexOf('/')) : ''}`;
    return seen.size < seen.add(key).size;
  });
}

/** By what its own connection goes to: pooled, or direct by its process, or by a variable of its own, or nobody knows. */
export type Weight = 'pooled' | 'direct' | 'own-variable' | 'unknown';

/** What the endpoint decides: the name of the file counts only where no program is known that loads it. */
function weigh(finding: Finding, weight: Weight, mode: AuditInput['mode']): Finding[] {
  const severity = finding.grave[mode];
  if (weight === 'own-variable' || severity === undefined) return [];
  const isQuiet = weight === 'direct' || (finding.isAside && weight !== 'pooled');
  return [{ ...finding, severity: isQuiet ? 'note' : severity }];
}

/** What has to be direct and leads to a pooler that is there. */
function throughPooler({ rule, span, reason, file }: Site, { text }: Source): Finding[] {
  if (rule !== 'through-pooler') return [];
  return [
    {
      file,
      ...positionAt(lineStarts(text), span.start),
      rule,
      severity: 'error',
      modes: ['transaction', 'statement'],
      message: reason,
      fix: 'Give it the address of the server itself, in a variable of its own.',
      need: null,
      isNeedKnown: false,
      grave: { transaction: 'error', statement: 'error' },
      isAside: false,
      isCommand: false,
      mend: null,
      goesWithPool: false,
      isMended: false,
    },
  ];
}

/** `NAME: True` or `NAME = True` somewhere. */
function isSet(name: string, sources: ReadonlyMap<string, Source>): boolean {
  const set = new RegExp(`${name}['"]?\\]?\\s*[:=]\\s*True`);
  return [...sources.values()].some(({ path, text }) => !isAsidePath(path) && text.includes(name) && set.test(text));
}

/** Sorted by file and line. Connection strings count where they lead to this repository's server or pooler. */
export function settleHazards(
  code: ReadonlyMap<string, Finding[]>,
  sites: readonly Site[],
  sources: ReadonlyMap<string, Source>,
  input: AuditInput,
  weightOf: (finding: Finding) => Weight,
): AuditResult {
  // Without a server of its own a repository connects to one elsewhere, which may get a pooler as well.
  const kinds = input.hasServer ? /^(?:server|published|pooler|none|local|several)$/ : /^(?!other|placeholder)/;
  const isOurs = ({ resolution, action }: Site) =>
    action !== 'direct' &&
    kinds.test(resolution.kind) &&
    (action !== 'leave' || resolution.kind === 'pooler' || !input.hasServer);
  const marked = sites.filter(({ rule }) => rule === 'suppressed');
  const commented = [...sources.values()].filter(({ text }) => text.includes('pool-migrate-ignore'));
  const files = new Set([
    ...code.keys(),
    ...sites.filter(isOurs).map(site => site.file),
    ...commented.map(({ path }) => path),
  ]);
  const mends = new Set(sites.flatMap(site => site.mends.map(({ mend }) => mend)));
  const rulesWith = (holds: (setting: string) => boolean) =>
    new Set(input.rules.flatMap(({ id, settledBy }) => (settledBy !== undefined && holds(settledBy) ? [id] : [])));
  const settled = rulesWith(name => isSet(name, sources));
  const mending = rulesWith(name => [...mends].some(mend => mend?.edits.some(({ text }) => text.includes(name))));
  const result: AuditResult = { hazards: [], found: [], suppressions: [] };
  for (const file of [...files].sort()) {
    const source = sources.get(file);
    if (!source) continue;
    const own = sites.filter(site => site.file === file && isOurs(site));
    const found = [
      ...(code.get(file) ?? []).flatMap(one => {
        const isMended = mending.has(one.rule) || (one.mend !== null && mends.has(one.mend));
        return settled.has(one.rule) ? [] : weigh({ ...one, isMended }, weightOf(one), input.mode);
      }),
      ...auditSites(source, own, input),
      ...own.flatMap(site => throughPooler(site, source)),
    ];
    const { kept, unused, unexplained } = suppress(
      found,
      readSuppressions(source.text),
      marked.filter(site => site.file === file).map(site => lineAt(source.text, site.span.start)),
    );
    result.found.push(...kept);
    const note = (list: readonly Suppression[], problem: 'unused' | 'no reason') =>
      result.suppressions.push(...list.map(({ line }) => ({ file, line, problem })));
    note(unused, 'unused');
    note(unexplained, 'no reason');
  }
  result.found.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
  result.hazards = tellOnce(result.found, input);
  return result;
}
