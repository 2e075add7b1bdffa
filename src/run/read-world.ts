/** Reads what a plan needs from disk: first what tells the topology, then the files that can hold a site. */

import { isComposeFile, isComposePath, isEnvironmentFile, isOddCompose } from '../../codemods/paths.ts';
import type { Config } from '../config/config.ts';
import { discover, type Filter, LOOK, readSource, type Scanner, startScanner } from '../discover/index.ts';
import { UsageError } from '../model/errors.ts';
import type { Failure, Source, World } from '../model/index.ts';
import { tellProgress } from '../model/progress.ts';
import { AUDIT_LITERALS, auditPurpose, isAudited } from '../routes/index.ts';
import { baseOf, isInside } from '../text/paths.ts';
import { initMounts, readTopology } from '../topology/index.ts';
import { findLocalEnvironments } from './local-env.ts';
import { candidateFilter, isAlwaysRead, siteLiterals } from './prefilter.ts';
export async function readWorld(root: string, config: Config, includeIgnoredEnv: boolean): Promise<World> {
  const { paths: tracked, untracked, select } = await discover(root, config.include, config.exclude);
  const isAsset = ownAssets(config);
  const sources = new Map<string, Source>();
  const failures: Failure[] = [];
  const audited = new Map<string, Source>();
  const written = new Map<string, Source>();
  const callers = new Set<string>();
  const places = { site: sources, audit: audited, call: audited, command: written };
  const read = (path: string, filter: Filter<Purpose> | null): void => {
    const { source, failure, purpose } = readSource(root, path, filter);
    if (source) {
      for (const place of [sources, audited, written]) place.delete(path);
      places[purpose ?? 'site'].set(path, source);
      if (purpose === 'call') callers.add(path);
    }
    if (failure) failures.push(failure);
  };
  const known = select(tracked);
  if (config.include.length > 0 && known.length === 0 && select(await untracked).length === 0)
    throw new UsageError(`No file of the repository is one of those that are included: ${config.include.join(', ')}`);
  const first = known.filter(path => !isAsset(path));
  const tree: Scanned = { paths: first, scanner: startScanner(root, first) };
  /** A compose file that is found on the way can bring names which say something about the files that were passed over. */
  const searchAll = (scanned: Scanned, before: Search | null): Search => {
    let search = prepareSearch(sources, config);
    if (before && before.id !== search.id) searchFiles(tree, search, read, sources);
    for (let known = ''; known !== search.id; search = prepareSearch(sources, config)) {
      known = search.id;
      searchFiles(scanned, search, read, sources);
    }
    return search;
  };
  readNamed(first, read);
  const search = searchAll(tree, null);
  // Git has been looking for these meanwhile.
  const all = await untracked;
  const found = select(all);
  const second = found.filter(path => !isAsset(path));
  readNamed(second, read);
  const added: Scanned = { paths: second, scanner: startScanner(root, second) };
  if (second.length > 0) searchAll(added, search);
  for (const { scanner } of [tree, added]) scanner.close();
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
    callers,
    written: byPath(written),
    read: readOnce(root),
    paths: second.length === 0 ? first : [...new Set([...first, ...second])].sort(),
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

/** What a file is read for: the places in it, the audit, calls of what the repository has to migrate, or the commands. */
type Purpose = 'site' | 'audit' | 'call' | 'command';
type Read = (path: string, filter: Filter<Purpose> | null) => void;

/** A compose file by its content. */
const SERVICES = /^services:/m;
/** Scripts of a package that migrate with the values of an env file. */
const MIGRATES = /"[^"\n]*migrat[^"\n]*"\s*:\s*"/i;

/** What tells the topology, and other files that matter whatever they hold. */
function readNamed(paths: readonly string[], read: Read): void {
  for (const path of paths) if (isComposePath(path) || isEnvironmentFile(path) || isAlwaysRead(path)) read(path, null);
}

/** Documents, scripts, Makefiles, packages, workflows: they may run something in a service, or migrate. */
const COMMAND_FILE =
  /\.(?:md|mdx|markdown|rst|sh|bash|mk|bat|cmd|just)$|(?:^|\/)(?:Makefile|makefile|GNUmakefile|package\.json|composer\.json|Procfile[\w.]*|\.?[Jj]ustfile|[Tt]askfile\.ya?ml|[\w-]+\.txt)$|(?:^|\/)\.(?:github\/workflows|circleci)\/[^/]+\.ya?ml$|(?:^|\/)\.gitlab-ci\.ya?ml$/;
const COMMAND_LITERALS = [
  'compose exec',
  'compose run',
  'compose up',
  'compose start',
  'compose create',
  ' up -d',
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
  // A job that starts with a copy of an env file.
  '.env',
];
const COMMAND_PATTERN =
  /(?:compose|COMPOSE)\w*[)}]?[^\n]{0,300}\s(?:up|create|start)\s|(?:docker|podman)[ -](?:compose\b[^\n]{0,300}\b(?:run|exec)|exec|build|buildx)\b|build-push-action|\bpg_(?:dump|dumpall|restore)\b|\bpsql\b[^\n]{0,300}\s(?:-f|--file)\b|good_job start|procrastinate |graphile-worker|raw\.githubusercontent|\/releases\/(?:latest\/)?download\/|\b(?:alembic|drizzle-kit|prisma|goose|dbmate|flyway|liquibase)\s|migrat\w*|\becto\.\w|\bdb:\w|\b(?:cp|mv|source|ln|cat)\b[^\n]{0,300}\.env\b/;

interface Scanned {
  paths: readonly string[];
  scanner: Scanner;
}

interface Search {
  /** The same for the same search. */
  id: string;
  literals: readonly (readonly string[])[];
  /** What a file of that path is asked for; `groups`: those without which it does not matter. */
  filterFor(path: string): Filter<Purpose>;
  /** What services start tells whether they migrate, so these scripts are read whatever they hold. */
  scripts: ReadonlySet<string>;
  /** Files and folders that a new server runs: they may make roles. */
  mounts: readonly string[];
}

function prepareSearch(sources: ReadonlyMap<string, Source>, config: Config): Search {
  const { topology } = readTopology(sources, config);
  const scripts = namedScripts(sources);
  const mounts = initMounts(topology.composeFiles);
  const sites = siteLiterals(topology, config);
  const hasServer = topology.servers.length + topology.poolers.length > 0;
  return {
    id: [hasServer, ...sites.flat(), ...scripts, ...mounts].join('\0'),
    ...makeFilters(sites, candidateFilter(topology, config), hasServer),
    scripts,
    mounts,
  };
}

/** They tell people what to run. */
const DOCUMENT = /\.(?:md|mdx|markdown|rst|txt)$/;

/**
 * `sites`: groups of literals of places, and what is a place by a text and the groups in it. Where there is no server, nobody's
 * commands lead to it.
 */
function makeFilters(
  sites: readonly (readonly string[])[],
  hasSite: (text: string, groups: number) => boolean,
  hasServer: boolean,
): Pick<Search, 'literals' | 'filterFor'> {
  const isAt = (from: number, count = 1) => ((1 << count) - 1) << from;
  const inSites = isAt(0, sites.length);
  const inCode = isAt(sites.length, AUDIT_LITERALS.length);
  const inServices = isAt(sites.length + AUDIT_LITERALS.length + 1);
  const filter = (groups: number, also: Filter<Purpose>['judge']): Filter<Purpose> => ({
    groups: inSites | groups,
    judge: (text, found) => (hasSite(text, found) ? 'site' : also(text, found)),
  });
  const holdsCommand = (text: string) => (COMMAND_PATTERN.test(text) ? 'command' : null);
  const isService = (text: string, found: number) => (found & inServices) !== 0 && SERVICES.test(text);
  const isAudit = (text: string, found: number) => auditPurpose(text, found >> sites.length);
  const plain = filter(0, () => null);
  const code = filter(inCode, isAudit);
  const settings = filter(inCode | inServices, (text, found) =>
    isService(text, found) ? 'site' : isAudit(text, found),
  );
  const started = (text: string) => (text.startsWith('#!') ? holdsCommand(text) : null);
  const program = filter(-1, (text, found) => isAudit(text, found) ?? started(text));
  const script = filter(-1, started);
  const command = filter(-1, holdsCommand);
  const yaml = filter(inServices, (text, found) => (isService(text, found) ? 'site' : null));
  const packages = filter(-1, text => (MIGRATES.test(text) ? 'site' : holdsCommand(text)));
  return {
    literals: [...sites, ...AUDIT_LITERALS, COMMAND_LITERALS, ['services:']],
    filterFor: path => {
      const isCompose = isOddCompose(path);
      // The first line of a script without an ending tells what it is.
      if (!baseOf(path).includes('.') && !COMMAND_FILE.test(path)) return isAudited(path) ? program : script;
      if (isAudited(path)) return isCompose ? settings : code;
      if (baseOf(path) === 'package.json') return packages;
      if (COMMAND_FILE.test(path)) return hasServer || !DOCUMENT.test(path) ? command : plain;
      return isCompose ? yaml : plain;
    },
  };
}

/** With `POOL_MIGRATE_FILTERS=off` every file is parsed: what the filters leave out must change nothing, and a test asks that. */
const ALL: Filter<Purpose> = { groups: -1, judge: () => 'site' };

/** One look at every file that has not been read. */
function searchFiles(
  { paths, scanner }: Scanned,
  { literals, filterFor, scripts, mounts }: Search,
  read: Read,
  sources: World['sources'],
): void {
  const found = scanner.scan(literals);
  const isFiltered = process.env.POOL_MIGRATE_FILTERS !== 'off';
  for (const [i, path] of paths.entries()) {
    tellProgress('reading', i, paths.length);
    if (sources.has(path)) continue;
    const isRun = scripts.has(baseOf(path)) || mounts.some(mount => path === mount || isInside(mount, path));
    if (isRun) read(path, null);
    if (isRun || (found[i] === 0 && isFiltered)) continue;
    const { groups, judge } = isFiltered ? filterFor(path) : ALL;
    const own = isFiltered && found[i] !== LOOK ? (found[i] as number) & groups : -1;
    if (own !== 0) read(path, { groups: own, judge });
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
