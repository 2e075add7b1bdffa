/** Reads what a plan needs from disk: first what tells the topology, then the files that can hold a site. */

import { isComposeFile, isComposePath, isOddCompose } from '../codemods/paths.ts';
import { AUDIT_FILTER, AUDIT_LITERALS, isAudited } from './audit/candidates.ts';
import type { Config } from './config.ts';
import { type Discovery, discover, readSource } from './discover.ts';
import { grepFiles, isInWorkTree } from './git.ts';
import { findLocalEnvironments } from './local-env.ts';
import type { Failure, Source } from './model.ts';
import { baseOf } from './paths.ts';
import { candidateFilter, FIRST_LITERALS, furtherLiterals, isAlwaysRead, isEnvironmentFile } from './prefilter.ts';
import { readTopology } from './read-topology.ts';

/** All that was read from disk. */
export interface World {
  sources: Map<string, Source>;
  /** Git-ignored env files: looked at, not part of the plan. */
  local: Map<string, Source>;
  /** Files that only the audit looks at. */
  audited: Map<string, Source>;
  failures: Failure[];
  filesScanned: number;
  filesSkipped: number;
}

export async function readWorld(root: string, config: Config, includeIgnoredEnv: boolean): Promise<World> {
  // Git searches with the other core while we list the files and read the first ones.
  const early = isInWorkTree(root) ? grepFiles(root, [...new Set([...FIRST_LITERALS, ...AUDIT_LITERALS])]) : null;
  const discovery = await discover(root, config.include, config.exclude);
  const { paths, skipped } = discovery;
  const world: World = {
    sources: new Map(),
    local: new Map(),
    audited: new Map(),
    failures: [],
    filesScanned: paths.length,
    filesSkipped: skipped,
  };
  const read = (path: string, filter: RegExp | null) => {
    const { source, failure } = readSource(root, path, filter);
    if (source) world.sources.set(path, source);
    if (failure) world.failures.push(failure);
  };
  const isAsset = ownAssets(config);
  const rest = paths.filter(path => !isAsset(path));
  for (const path of rest.filter(path => isComposePath(path) || isEnvironmentFile(path) || isAlwaysRead(path)))
    read(path, null);
  // Scripts of a package that migrate with the values of an env file.
  for (const path of rest.filter(path => baseOf(path) === 'package.json'))
    read(path, /"[^"\n]*migrat[^"\n]*"\s*:\s*"/i);
  const hits = await early;
  for (const path of rest.filter(path => isOddCompose(path) && !isComposePath(path))) {
    if (hits === null || hits.has(path) || discovery.untracked?.has(path)) read(path, /^services:/m);
  }
  const { topology } = readTopology(world.sources, config);
  const candidates = await findCandidates(root, discovery, hits, furtherLiterals(topology, config));
  const filter = candidateFilter(topology, config);
  // What services start tells whether they migrate, so these scripts are read whatever they hold.
  const scripts = namedScripts(world.sources);
  for (const path of rest) {
    if (world.sources.has(path)) continue;
    if (scripts.has(baseOf(path))) read(path, null);
    else if (candidates.has(path)) {
      read(path, filter);
      if (!world.sources.has(path) && isAudited(path)) {
        const { source } = readSource(root, path, AUDIT_FILTER);
        if (source) world.audited.set(path, source);
      }
    }
  }
  for (const path of findLocalEnvironments(root, world.sources, topology)) {
    const { source } = readSource(root, path, null);
    if (source) (includeIgnoredEnv ? world.sources : world.local).set(path, source);
  }
  return world;
}

/** Base names of scripts that compose files and Dockerfiles start. */
function namedScripts(sources: ReadonlyMap<string, Source>): Set<string> {
  const names = new Set<string>();
  for (const { path, text } of sources.values()) {
    if (!isComposeFile(path, text) && !/Dockerfile/i.test(path)) continue;
    for (const [name] of text.matchAll(/[\w.-]+\.(?:sh|bash)\b|\b(?:docker-)?entrypoint\b|\b(?:pre)?start\b/g))
      names.add(name);
  }
  return names;
}

/** Paths that can hold a site, as git tells; untracked files and all files outside git are candidates. */
async function findCandidates(
  root: string,
  { paths, untracked }: Discovery,
  found: Set<string> | null,
  further: readonly string[],
): Promise<ReadonlySet<string>> {
  const more = found && further.length > 0 ? await grepFiles(root, further) : new Set<string>();
  return found && more && untracked ? new Set([...found, ...more, ...untracked]) : new Set(paths);
}

/** Files that this tool generates are no places to migrate. */
function ownAssets(config: Config): (path: string) => boolean {
  const { directory, statusScript, runbook } = config.assets;
  return path => path.startsWith(`${directory}/`) || path === statusScript || path === runbook;
}
