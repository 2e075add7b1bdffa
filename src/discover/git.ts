/** The few questions put to git, hardened: nothing that the scanned repository configures may run. */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { counters } from '../model/counters.ts';
import { UsageError } from '../model/errors.ts';

const HARDENED = [
  '-c',
  'core.fsmonitor=false',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.quotePath=false',
  '--no-optional-locks',
];

/** Nothing of the caller's git settings, and messages that can be told apart. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  return { ...Object.fromEntries(own), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' };
}

function git(cwd: string, args: string[]): { ok: boolean; stdout: string; stderr: string } {
  counters.gitProcesses++;
  const result = spawnSync('git', [...HARDENED, ...args], {
    cwd,
    env: environment(),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { ok: result.status === 0, stdout: result.stdout ?? '', stderr: result.stderr ?? String(result.error ?? '') };
}

/** True where the directory or one above it has a `.git`, so that git is the one to ask. */
export function isInWorkTree(cwd: string): boolean {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    if (existsSync(join(directory, '.git'))) return true;
    if (dirname(directory) === directory) return false;
  }
}

/** `owner/name` of the repository that this is a clone of; null where that is not known. */
export function repositoryName(cwd: string): string | null {
  if (!isInWorkTree(cwd)) return null;
  const { stdout } = git(cwd, ['config', '--local', '--get', 'remote.origin.url']);
  return /[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?\s*$/.exec(stdout)?.[1] ?? null;
}

const LIST = ['ls-files', '--deduplicate', '-z'];
const split = (output: string): string[] => output.split('\0').filter(path => path !== '');

/**
 * Files below `cwd` that git tracks, relative to it. Throws a UsageError where git refuses to answer, because an empty list would
 * look like success.
 */
export function listTracked(cwd: string): string[] {
  const result = git(cwd, LIST);
  if (!result.ok)
    throw new UsageError(`git could not list the files of ${cwd}: ${result.stderr.trim().split('\n')[0]}`);
  return split(result.stdout);
}

/**
 * Settings that take the programs out of all content filters that are configured: to compare a file git may put it through them. As
 * variables, because a filter may have any name.
 */
function withoutFilters(cwd: string): NodeJS.ProcessEnv {
  const { stdout } = git(cwd, [
    'config',
    '-z',
    '--name-only',
    '--get-regexp',
    '^filter\\..*\\.(clean|smudge|process|required)$',
  ]);
  const names = [...new Set(split(stdout))];
  const settings = names.flatMap((name, i) => [
    [`GIT_CONFIG_KEY_${i}`, name],
    [`GIT_CONFIG_VALUE_${i}`, name.endsWith('.required') ? 'false' : ''],
  ]);
  return names.length === 0 ? {} : { ...Object.fromEntries(settings), GIT_CONFIG_COUNT: String(names.length) };
}

/**
 * Tracked files below `cwd` that differ from the index. `isRelative`: their paths are relative to it, not to the top. Submodules are not
 * asked: git would go by what they configure.
 */
export async function askChanged(cwd: string, isRelative: boolean): Promise<Buffer | null> {
  return askGit(
    cwd,
    ['diff-files', '-z', '--name-only', '--ignore-submodules=all', ...(isRelative ? ['--relative'] : [])],
    withoutFilters(cwd),
  );
}

/** What git answers, or null where it refuses. Other work goes on meanwhile. */
export async function askGit(
  cwd: string,
  args: readonly string[],
  variables: NodeJS.ProcessEnv = {},
): Promise<Buffer | null> {
  counters.gitProcesses++;
  const child = spawn('git', [...HARDENED, ...args], {
    cwd,
    env: { ...environment(), ...variables },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>(done => child.on('close', done).on('error', () => done(null)));
  return code === 0 ? Buffer.concat(chunks) : null;
}

/** Files that git neither tracks nor ignores. To find them takes several times as long, so it is done meanwhile. */
export async function listUntracked(cwd: string): Promise<string[]> {
  const output = await askGit(cwd, [...LIST, '-o', '--exclude-standard']);
  if (!output) throw new UsageError(`git could not list the untracked files of ${cwd}.`);
  return split(output.toString('utf8'));
}

/**
 * Files below `cwd` that differ from HEAD, or from where the branch left the commit `since`, those that git does not track among them.
 * Throws a UsageError for a commit that is not there.
 */
export async function changedFiles(cwd: string, since: string | null): Promise<Set<string>> {
  if (!isInWorkTree(cwd)) throw new UsageError('--changed and --since ask git, and this is no git work tree.');
  if (since?.startsWith('-')) throw new UsageError('--since is a commit, a branch or a tag.');
  const base = since === null ? null : git(cwd, ['merge-base', 'HEAD', since, '--']);
  // The index against the commit: no file is read, so nothing that the repository configures runs.
  const staged = git(cwd, [
    'diff-index',
    '--cached',
    '--ignore-submodules=all',
    '-z',
    '--name-only',
    '--relative',
    base?.stdout.trim() || 'HEAD',
    '--',
  ]);
  const fault = [base, staged].find(result => result?.ok === false);
  if (fault)
    throw new UsageError(
      `git does not know what changed since ${since ?? 'HEAD'}: ${fault.stderr.trim().split('\n')[0]}`,
    );
  const [changed, untracked] = await Promise.all([askChanged(cwd, true), listUntracked(cwd)]);
  return new Set([...split(staged.stdout), ...split(changed?.toString('utf8') ?? ''), ...untracked]);
}

/** Those of the paths that git would not add. */
export function ignoredPaths(cwd: string, paths: string[]): string[] {
  if (paths.length === 0 || !isInWorkTree(cwd)) return [];
  return git(cwd, ['check-ignore', '--', ...paths])
    .stdout.split('\n')
    .filter(Boolean);
}

/** Object ids of the index, for the files named. */
export function indexEntries(cwd: string, paths: string[]): Map<string, string> {
  const entries = new Map<string, string>();
  if (paths.length === 0) return entries;
  const result = git(cwd, ['ls-files', '-s', '-z', '--', ...paths.map(path => `:(literal)${path}`)]);
  for (const line of result.stdout.split('\0')) {
    const match = /^\d+ ([0-9a-f]+) \d\t(.*)$/s.exec(line);
    if (match) entries.set(match[2] ?? '', match[1] ?? '');
  }
  return entries;
}

/** Files that a filter, `ident` or an encoding changes between the index and the work tree. */
export function filteredFiles(cwd: string, paths: string[]): Set<string> {
  if (paths.length === 0) return new Set();
  const result = git(cwd, ['check-attr', '-z', 'filter', 'ident', 'working-tree-encoding', '--', ...paths]);
  const fields = result.stdout.split('\0');
  const found = new Set<string>();
  for (let i = 0; i + 2 < fields.length; i += 3) {
    if (!/^(?:unspecified|unset)$/.test(fields[i + 2] ?? '')) found.add(fields[i] ?? '');
  }
  return found;
}

/** The id that git would give to the bytes. `length` of the id tells the hash: 40 SHA-1, 64 SHA-256. */
export function blobId(bytes: Buffer, length: number): string {
  return createHash(length === 64 ? 'sha256' : 'sha1')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex');
}

/** Where a run's journal goes: inside the git directory, a worktree's own one too; null outside git. */
export function gitDirectory(cwd: string): string | null {
  const result = git(cwd, ['rev-parse', '--absolute-git-dir']);
  const path = result.stdout.trim();
  return result.ok && path !== '' && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : null;
}
