/** The last stage, and the only one that writes: all files or none. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { blobId, filteredFiles, indexEntries, isInWorkTree } from '../discover/index.ts';
import { RefusedError } from '../model/errors.ts';
import type { Change } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import {
  createRun,
  type Journal,
  type JournalEntry,
  lockJournal,
  saveJournal,
  sha256,
  writeDurably,
} from './journal.ts';

export interface ApplyOptions {
  /** Also writes files whose content differs from git's index. */
  force?: boolean;
}

export interface Applied {
  /** Names the run for `undo`. */
  run: string;
  /** Paths relative to the root. */
  files: string[];
}

/**
 * Writes the plan's changes, all or none; null where there are none.
 * Throws a RefusedError, with every file as it was, where one of them can't be written.
 * @example
 * const applied = applyPlan(await planMigration({ cwd: '.' }));
 * console.log(applied?.files ?? 'nothing to do');
 */
export function applyPlan(plan: Plan, options: ApplyOptions = {}): Applied | null {
  const { root, changes } = plan;
  if (changes.length === 0) return null;
  const unlock = lockJournal(root);
  try {
    const problems = changes.map(change => problemOf(root, change)).filter(problem => problem !== null);
    if (problems.length > 0)
      throw new RefusedError(`Nothing was written:\n${problems.map(problem => `  ${problem}`).join('\n')}`);
    if (!options.force) refuseDirty(root, changes);
    return commit(root, changes);
  } finally {
    unlock();
  }
}

/** Why a file can't be written, in words; null where it can. */
function problemOf(root: string, change: Change): string | null {
  const path = join(root, change.file);
  const parent = parentProblem(root, dirname(path));
  if (parent) return `${change.file}: ${parent}`;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (change.kind === 'create') {
    if (stats) return `${change.file}: exists already; move it away or set another path in pool-migrate.yml`;
    const twin = caseTwin(root, path);
    return twin ? `${change.file}: ${twin} exists, and some file systems don't tell the two apart` : null;
  }
  if (!stats) return `${change.file}: is gone since the plan was made; run again`;
  if (!stats.isFile()) return `${change.file}: is no regular file`;
  if (stats.nlink > 1) return `${change.file}: has other hard links, which would keep the old content`;
  if ((stats.mode & 0o200) === 0) return `${change.file}: is read-only; make it writable first`;
  if (sha256(readFileSync(path)) !== change.digest) return `${change.file}: changed since the plan was made; run again`;
  return null;
}

/** The nearest directory that exists has to be one, and inside the root with all links resolved. */
function parentProblem(root: string, directory: string): string | null {
  let existing = directory;
  while (!lstatSync(existing, { throwIfNoEntry: false })) existing = dirname(existing);
  if (!statSync(existing, { throwIfNoEntry: false })?.isDirectory()) return `${basename(existing)} is no directory`;
  const real = realpathSync(existing);
  const base = realpathSync(root);
  return real === base || real.startsWith(base + sep) ? null : 'lies behind a link that leaves the repository';
}

/** On the way to the path, a name that differs only in case or in Unicode form. */
function caseTwin(root: string, path: string): string | null {
  const fold = (name: string) => name.normalize('NFC').toLowerCase();
  for (let at = path; at !== root && at !== dirname(at); at = dirname(at)) {
    const directory = dirname(at);
    if (existsSync(at) || !existsSync(directory)) continue;
    const twin = readdirSync(directory).find(other => other !== basename(at) && fold(other) === fold(basename(at)));
    if (twin) return twin;
  }
  return null;
}

/** Files whose content is not what git's index has: the diff of this run could not be told from the user's own. */
function refuseDirty(root: string, changes: readonly Change[]): void {
  if (!isInWorkTree(root)) return;
  const modified = changes.filter(change => change.kind === 'modify').map(change => change.file);
  const entries = indexEntries(root, modified);
  const differs = modified.filter(file => {
    const id = entries.get(file);
    if (id === undefined) return false;
    const bytes = readFileSync(join(root, file));
    if (blobId(bytes, id.length) === id) return false;
    // With autocrlf or a text attribute the index has other newlines than the work tree.
    return blobId(Buffer.from(bytes.toString('latin1').replace(/\r\n/g, '\n'), 'latin1'), id.length) !== id;
  });
  // What a filter makes of a file can't be told without running it.
  const uncertain = filteredFiles(root, differs);
  const dirty = differs.filter(file => !uncertain.has(file));
  for (const file of uncertain)
    process.stderr.write(`${file}: git filters it, so whether it has uncommitted changes is not known.\n`);
  if (dirty.length === 0) return;
  throw new RefusedError(
    `Nothing was written, because these files have changes that are not staged or committed:\n${dirty.map(file => `  ${file}`).join('\n')}\nCommit or stash them, or use --force.`,
  );
}

function commit(root: string, changes: readonly Change[]): Applied {
  const { directory, run } = createRun(root);
  const journal: Journal = { version: 1, run, root, state: 'staged', entries: [], directories: [] };
  try {
    changes.forEach((change, i) => {
      const path = join(root, change.file);
      journal.entries.push(keepOriginal(directory, path, change, i));
      // Staged beside the originals, where nothing scans or commits them.
      const staged = join(directory, `${i}.new`);
      writeDurably(staged, Buffer.from(change.after), change.mode);
      chmodSync(staged, change.mode);
      if (change.kind === 'modify') keepOwner(staged, path);
    });
    journal.directories = missingDirectories(root, changes);
    saveJournal(directory, journal);
    for (const made of journal.directories) mkdirSync(join(root, made));
    changes.forEach((change, i) => {
      putInPlace(join(directory, `${i}.new`), join(root, change.file), change, run);
    });
    journal.state = 'done';
    saveJournal(directory, journal);
    return { run, files: changes.map(change => change.file) };
  } catch (error) {
    throw rollBack(root, directory, journal, error as Error);
  }
}

function rollBack(root: string, directory: string, journal: Journal, error: Error): RefusedError {
  const failures = restore(root, directory, journal);
  journal.state = failures.length === 0 ? 'undone' : 'staged';
  try {
    saveJournal(directory, journal);
  } catch {
    // The disk may be full; what is there still tells how to go back.
  }
  const detail =
    failures.length > 0
      ? ` These could not be put back: ${failures.join(', ')}; originals are in ${directory}, pool-migrate undo tries again.`
      : ' Every file is as it was.';
  return new RefusedError(`Writing failed: ${error.message}.${detail}`);
}

/** A last look at the digest, then the rename; a new file never replaces one that appeared meanwhile. */
function putInPlace(staged: string, path: string, change: Change, run: string): void {
  const isHere = statSync(dirname(staged)).dev === statSync(dirname(path)).dev;
  // A rename works within one file system only.
  const near = isHere ? staged : `${path}.${run}.tmp`;
  try {
    if (!isHere) {
      copyFileSync(staged, near);
      chmodSync(near, change.mode);
    }
    if (change.kind === 'create') {
      linkSync(near, path);
      rmSync(near);
      return;
    }
    if (lstatSync(path).isSymbolicLink() || sha256(readFileSync(path)) !== change.digest)
      throw new Error(`${change.file} changed while it was being written`);
    renameSync(near, path);
  } finally {
    if (!isHere) rmSync(near, { force: true });
  }
}

function keepOriginal(directory: string, path: string, change: Change, i: number): JournalEntry {
  const after = sha256(Buffer.from(change.after));
  if (change.kind === 'create') return { file: change.file, before: null, after, mode: change.mode, original: null };
  const original = `${i}.original`;
  writeDurably(join(directory, original), readFileSync(path), 0o600);
  return { file: change.file, before: change.digest, after, mode: change.mode, original };
}

/** Root writing somebody else's file leaves it theirs. */
function keepOwner(staged: string, path: string): void {
  const { uid, gid } = lstatSync(path);
  if (process.getuid?.() === 0) chownSync(staged, uid, gid);
}

/** Directories that have to be made, relative to the root, outermost first. */
function missingDirectories(root: string, changes: readonly Change[]): string[] {
  const missing = new Set<string>();
  for (const { file } of changes) {
    for (
      let directory = dirname(file);
      directory !== '.' && !existsSync(join(root, directory));
      directory = dirname(directory)
    )
      missing.add(directory);
  }
  return [...missing].sort((a, b) => a.length - b.length);
}

/** Puts every file of the journal back that this run has changed. Returns the files that could not be. */
export function restore(root: string, directory: string, journal: Journal): string[] {
  const failed: string[] = [];
  journal.entries.forEach((entry, i) => {
    const path = join(root, entry.file);
    try {
      rmSync(join(directory, `${i}.new`), { force: true });
      if (parentProblem(root, dirname(path)) !== null) throw new Error('leads outside');
      const exists = existsSync(path);
      if (exists && sha256(readFileSync(path)) !== entry.after) return;
      if (entry.original === null) rmSync(path, { force: true });
      else if (exists) {
        const { mode } = lstatSync(path);
        const staged = join(directory, `${i}.new`);
        writeDurably(staged, readFileSync(join(directory, entry.original)), mode & 0o7777);
        chmodSync(staged, mode & 0o7777);
        keepOwner(staged, path);
        if (statSync(directory).dev === statSync(dirname(path)).dev) renameSync(staged, path);
        else copyFileSync(staged, path);
        rmSync(staged, { force: true });
      }
    } catch {
      failed.push(entry.file);
    }
  });
  for (const made of [...journal.directories].reverse()) {
    try {
      if (!lstatSync(join(root, made)).isSymbolicLink()) rmdirSync(join(root, made));
    } catch {
      // Somebody else keeps a file in it, or it was never made.
    }
  }
  return failed;
}
