/** Reads what a plan needs from disk: first what tells the topology, then the files that can hold a site. */

import { isComposeFile, isComposePath, isEnvironmentFile, isOddCompose } from '../../codemods/paths.ts';
import type { Config } from '../config/config.ts';
import { buildMatcher, discover, type Filter, type Matcher, readSource } from '../discover/index.ts';
import type { Failure, Source, World } from '../model/index.ts';
import { AUDIT_FILTER, AUDIT_LITERALS, isAudited } from '../routes/index.ts';
import { baseOf, isInside } from '../text/paths.ts';
import { initMounts, readTopology } from '../topology/index.ts';
import { findLocalEnvironments } from './local-env.ts';
import { candidateFilter, FIRST_LITERALS, furtherLiterals, isAlwaysRead } from './prefilter.ts';
export async function readWorld(root: string, config: Config, includeIgnoredEnv: boolean): Promise<World> {
  const { paths: tracked, untracked, select } = await discover(root, config.include, config.exclude);
  const isAsset = ownAssets(config);
  const sources = new Map<string, Source>();
  const failures: Failure[] = [];
  const audited = new Map<string, Source>();
  const written = new Map<string, Source>();
  const read = (path: string, filter: Filter | null): void => {
    if (sources.has(path)) return;
    const { source, failure } = readSource(root, path, filter);
    if (source) sources.set(path, source);
    if (failure) failures.push(failure);
  };
  const known = select(tracked);
  const first = known.filter(path => !isAsset(path));
  readNamed(first, read);
  let search = prepareSearch(sources, config);
  searchFiles(first, search, read, { sources, audited, written });
  // Git has been looking for these meanwhile.
  const all = await untracked;
  const found = select(all);
  const second = found.filter(path => !isAsset(path));
  readNamed(second, read);
  const whole = prepareSearch(sources, config);
  // A new compose file can bring names that say something about the files that were passed over.
  if (whole.id !== search.id) searchFiles(first, whole, read, { sources, audited, written });
  search = whole;
  searchFiles(second, search, read, { sources, audited, written });
  const { topology } = readTopology(sources, config);
  const local = new Map<string, Source>();
  for (const path of findLocalEnvironments(root, sources, topology)) {
    const { source } = readSource(root, path, null);
    if (source) (includeIgnoredEnv ? sources : local).set(path, source);
  }
  const byPath = (sources: Map<string, Source>) => new Map([...sources].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    sources: byPath(sources),
    local,
    audited: byPath(audited),
    written: byPath(written),
    read: readOnce(root),
    paths: [...new Set([...first, ...second])].sort(),
    failures,
    filesScanned: known.length + found.length,
    filesSkipped: tracked.length + all.length - known.length - found.length,
  };
}

/** Files that are followed by name, each read once. */
function readOnce(root: string): World['read'] {
  const known = new Map<string, Source | null>();
  return path => {
    const cached = known.get(path);
    if (cached !== undefined) return cached;
    const { source } = readSource(root, path, null);
    known.set(path, source);
    return source;
  };
}

type Read = (path: string, filter: Filter | null) => void;

const SERVICES: Filter = { bytes: buildMatcher(['services:']), text: [/^services:/m] };
/** Scripts of a package that migrate with the values of an env file. */
const MIGRATES: Filter = { bytes: null, text: [/"[^"\n]*migrat[^"\n]*"\s*:\s*"/i] };

/** What tells the topology, and other files that matter whatever they hold. */
function readNamed(paths: readonly string[], read: Read): void {
  for (const path of paths) {
    if (isComposePath(path) || isEnvironmentFile(path) || isAlwaysRead(path)) read(path, null);
    else if (baseOf(path) === 'package.json') read(path, MIGRATES);
    else if (isOddCompose(path)) read(path, SERVICES);
  }
}

/** Documents, scripts, Makefiles, packages, workflows: they may run something in a service, or migrate. */
const COMMAND_FILE =
  /\.(?:md|mdx|markdown|rst|sh|bash|mk)$|(?:^|\/)(?:Makefile|makefile|GNUmakefile|package\.json|composer\.json|Procfile[\w.]*|\.?[Jj]ustfile|[Tt]askfile\.ya?ml|[\w-]+\.txt)$|(?:^|\/)\.(?:github\/workflows|circleci)\/[^/]+\.ya?ml$|(?:^|\/)\.gitlab-ci\.ya?ml$/;
const COMMAND_LITERALS = [
  'compose exec',
  'compose run',
  'docker exec',
  'migrat',
  'alembic',
  'drizzle-kit',
  'prisma',
  'ecto.',
  'db:',
  'pg_dump',
  'psql',
  'good_job',
  'procrastinate',
  'graphile-worker',
  'docker build',
  'build-push-action',
  'raw.githubusercontent',
  '/releases/',
];
const COMMAND_PATTERN =
  /(?:docker|podman)[ -](?:compose\b[^\n]*\b(?:run|exec)|exec|build|buildx)\b|build-push-action|\bpg_(?:dump|dumpall|restore)\b|\bpsql\b[^\n]*\s(?:-f|--file)\b|good_job start|procrastinate |graphile-worker|raw\.githubusercontent|\/releases\/(?:latest\/)?download\/|\b(?:alembic|drizzle-kit|prisma|goose|dbmate|flyway|liquibase)\s|migrat\w*|\becto\.\w|\bdb:\w/;

interface Search {
  /** The same for the same search. */
  id: string;
  bytes: Matcher;
  /** For files that hold commands too. */
  commands: Matcher;
  site: RegExp;
  /** What services start tells whether they migrate, so these scripts are read whatever they hold. */
  scripts: ReadonlySet<string>;
  /** Files and folders that a new server runs: they may make roles. */
  mounts: readonly string[];
}

function prepareSearch(sources: ReadonlyMap<string, Source>, config: Config): Search {
  const { topology } = readTopology(sources, config);
  const literals = [...new Set([...FIRST_LITERALS, ...AUDIT_LITERALS, ...furtherLiterals(topology, config)])];
  const scripts = namedScripts(sources);
  const mounts = initMounts(topology.composeFiles);
  return {
    mounts,
    id: [...literals, ...scripts, ...mounts].join('\0'),
    bytes: buildMatcher(literals),
    commands: buildMatcher([...new Set([...literals, ...COMMAND_LITERALS])]),
    site: candidateFilter(topology, config),
    scripts,
  };
}

/** One look at every file: those that can hold a site are sources, others that do something to a session are for the audit. */
function searchFiles(
  paths: readonly string[],
  { bytes, commands, site, scripts, mounts }: Search,
  read: Read,
  { sources, audited, written }: Pick<World, 'sources' | 'audited' | 'written'>,
): void {
  const plain: Filter = { bytes, text: [site] };
  const code: Filter = { bytes, text: [site, AUDIT_FILTER] };
  const command: Filter = { bytes: commands, text: [site, COMMAND_PATTERN] };
  for (const path of paths) {
    if (sources.has(path)) continue;
    if (scripts.has(baseOf(path)) || mounts.some(mount => path === mount || isInside(mount, path))) {
      read(path, null);
      continue;
    }
    const isCode = isAudited(path);
    const isWritten = !isCode && COMMAND_FILE.test(path);
    read(path, isCode ? code : isWritten ? command : plain);
    const source = isCode || isWritten ? sources.get(path) : undefined;
    if (!source || site.test(source.text)) continue;
    sources.delete(path);
    (isCode ? audited : written).set(path, source);
  }
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

/** Files that this tool generates are no places to migrate. */
function ownAssets(config: Config): (path: string) => boolean {
  const { directory, statusScript, runbook } = config.assets;
  return path => path.startsWith(`${directory}/`) || path === statusScript || path === runbook;
}
