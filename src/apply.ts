/** The last stage, and the only one that writes: all files or none. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { RefusedError } from './errors.ts';
import { blobId, indexEntries, isInWorkTree } from './git.ts';
import { createRun, type Journal, type JournalEntry, saveJournal, sha256 } from './journal.ts';
import type { Change } from './model.ts';
import type { Plan } from './plan.ts';

export interface ApplyOptions {
  /** Also writes files whose content differs from git's index. */
  force?: boolean;
}

export interface Applied {
  run: string;
  files: string[];
}

/** Writes the plan's changes. Throws a RefusedError, with every file as it was, where one of them can't be written. */
export function applyPlan(plan: Plan, options: ApplyOptions = {}): Applied | null {
  const { root, changes } = plan;
  if (changes.length === 0) return null;
  const problems = changes.map(change => problemOf(root, change)).filter(problem => problem !== null);
  if (problems.length > 0)
    throw new RefusedError(`Nothing was written:\n${problems.map(problem => `  ${problem}`).join('\n')}`);
  if (!options.force) refuseDirty(root, changes);
  return commit(root, changes);
}

/** Why a file can't be written, in words; null where it can. */
function problemOf(root: string, change: Change): string | null {
  const path = join(root, change.file);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const outside = isOutside(root, path);
  if (outside) return `${change.file}: lies behind a link that leaves the repository`;
  if (change.kind === 'create') {
    if (stats) return `${change.file}: exists already; move it away or set another path in pool-migrate.yml`;
    const twin = caseTwin(path);
    return twin ? `${change.file}: ${twin} exists, and some file systems don't tell the two apart` : null;
  }
  if (!stats) return `${change.file}: is gone since the plan was made; run again`;
  if (!stats.isFile()) return `${change.file}: is no regular file`;
  if (stats.nlink > 1) return `${change.file}: has other hard links, which would keep the old content`;
  if ((stats.mode & 0o200) === 0) return `${change.file}: is read-only; make it writable first`;
  if (sha256(readFileSync(path)) !== change.digest) return `${change.file}: changed since the plan was made; run again`;
  return null;
}

function isOutside(root: string, path: string): boolean {
  let directory = dirname(path);
  while (!existsSync(directory)) directory = dirname(directory);
  const real = realpathSync(directory);
  const base = realpathSync(root);
  return real !== base && !real.startsWith(base + sep);
}

/** A name in the same directory that differs only in case or in Unicode form. */
function caseTwin(path: string): string | null {
  const directory = dirname(path);
  if (!existsSync(directory)) return null;
  const fold = (name: string) => name.normalize('NFC').toLowerCase();
  const name = path.slice(directory.length + 1);
  return readdirSync(directory).find(other => other !== name && fold(other) === fold(name)) ?? null;
}

/** Files whose content is not what git's index has: the diff of this run could not be told from the user's own. */
function refuseDirty(root: string, changes: readonly Change[]): void {
  if (!isInWorkTree(root)) return;
  const modified = changes.filter(change => change.kind === 'modify').map(change => change.file);
  const entries = indexEntries(root, modified);
  const dirty = modified.filter(file => {
    const id = entries.get(file);
    if (id === undefined) return false;
    const bytes = readFileSync(join(root, file));
    if (blobId(bytes, id.length) === id) return false;
    // With autocrlf or a text attribute the index has other newlines than the work tree.
    return blobId(Buffer.from(bytes.toString('latin1').replace(/\r\n/g, '\n'), 'latin1'), id.length) !== id;
  });
  if (dirty.length === 0) return;
  throw new RefusedError(
    `Nothing was written, because these files have changes that are not staged or committed:\n${dirty.map(file => `  ${file}`).join('\n')}\nCommit or stash them, or use --force.`,
  );
}

function commit(root: string, changes: readonly Change[]): Applied {
  const { directory, run } = createRun(root);
  const journal: Journal = { version: 1, run, root, state: 'staged', entries: [], directories: [] };
  const temporary: string[] = [];
  try {
    for (const [i, change] of changes.entries()) {
      const path = join(root, change.file);
      makeDirectories(root, dirname(path), journal.directories);
      const staged = `${dirname(path)}/.pool-migrate-${run}-${i}.tmp`;
      temporary.push(staged);
      writeDurably(staged, change.after, change.mode);
      journal.entries.push(keepOriginal(directory, path, change, i));
    }
    saveJournal(directory, journal);
    for (const [i, change] of changes.entries()) putInPlace(temporary[i] as string, join(root, change.file), change);
    journal.state = 'done';
    saveJournal(directory, journal);
    return { run, files: changes.map(change => change.file) };
  } catch (error) {
    for (const path of temporary) rmSync(path, { force: true });
    const failures = restore(root, directory, journal);
    journal.state = failures.length === 0 ? 'undone' : 'staged';
    saveJournal(directory, journal);
    const detail =
      failures.length > 0
        ? ` These could not be put back: ${failures.join(', ')}; originals are in ${directory}.`
        : ' Every file is as it was.';
    throw new RefusedError(`Writing failed: ${(error as Error).message}.${detail}`);
  }
}

/** A last look at the digest, then the rename; a new file never replaces one that appeared meanwhile. */
function putInPlace(staged: string, path: string, change: Change): void {
  if (change.kind === 'create') {
    linkSync(staged, path);
    unlinkSync(staged);
    return;
  }
  if (lstatSync(path).isSymbolicLink() || sha256(readFileSync(path)) !== change.digest)
    throw new Error(`${change.file} changed while it was being written`);
  renameSync(staged, path);
}

function keepOriginal(directory: string, path: string, change: Change, i: number): JournalEntry {
  const after = sha256(Buffer.from(change.after));
  if (change.kind === 'create') return { file: change.file, before: null, after, mode: change.mode, original: null };
  const original = `${i}.original`;
  writeFileSync(join(directory, original), readFileSync(path), { mode: 0o600, flush: true });
  return { file: change.file, before: change.digest, after, mode: change.mode, original };
}

function writeDurably(path: string, text: string, mode: number): void {
  const handle = openSync(path, 'wx', mode);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  chmodSync(path, mode);
}

function makeDirectories(root: string, directory: string, made: string[]): void {
  if (existsSync(directory)) return;
  makeDirectories(root, dirname(directory), made);
  mkdirSync(directory);
  made.push(directory.slice(root.length + 1));
}

/** Puts every file of the journal back that this run has changed. Returns the files that could not be. */
export function restore(root: string, directory: string, journal: Journal): string[] {
  const failed: string[] = [];
  for (const entry of journal.entries) {
    const path = join(root, entry.file);
    try {
      const exists = existsSync(path);
      if (exists && sha256(readFileSync(path)) !== entry.after) continue;
      if (entry.original === null) rmSync(path, { force: true });
      else if (exists) {
        const staged = `${dirname(path)}/.pool-migrate-${journal.run}-undo.tmp`;
        rmSync(staged, { force: true });
        writeDurably(staged, readFileSync(join(directory, entry.original), 'utf8'), entry.mode);
        renameSync(staged, path);
      }
    } catch {
      failed.push(entry.file);
    }
  }
  for (const made of [...journal.directories].reverse()) {
    try {
      rmdirSync(join(root, made));
    } catch {
      // Somebody else keeps a file in it.
    }
  }
  return failed;
}
