/** Where a run keeps what it replaced: enough to go back, whatever happened in between. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gitDirectory } from '../discover/index.ts';
import { RefusedError } from '../model/errors.ts';

export interface JournalEntry {
  file: string;
  /** SHA-256 of the content before; null for a file that the run created. */
  before: string | null;
  after: string;
  mode: number;
  /** Name of the kept original in the run's directory. */
  original: string | null;
}

export interface Journal {
  version: 1;
  run: string;
  root: string;
  /** `staged`: nothing or only part may have been renamed. `done`: all was. `undone`: all was put back. */
  state: 'staged' | 'done' | 'undone';
  entries: JournalEntry[];
  /** Directories that the run created, outermost first. */
  directories: string[];
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `<git-dir>/pool-migrate`, outside git `.pool-migrate` in the root. A link in its place would lead out, so it is refused. */
export function journalHome(root: string): string {
  const git = gitDirectory(root);
  const home = git === null ? join(root, '.pool-migrate') : join(git, 'pool-migrate');
  const stats = lstatSync(home, { throwIfNoEntry: false });
  if (stats && !stats.isDirectory())
    throw new RefusedError(`${home} is no directory; move it away, the journal goes there.`);
  return home;
}

/** A new directory of its own for the run. */
export function createRun(root: string): { directory: string; run: string } {
  const home = journalHome(root);
  // Another run may be making it.
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '');
  const run = `${stamp}-${randomBytes(3).toString('hex')}`;
  const directory = join(home, run);
  mkdirSync(directory, { mode: 0o700 });
  return { directory, run };
}

/** Only one run writes at a time; the lock of a process that is gone is taken over. */
export function lockJournal(root: string): () => void {
  const home = journalHome(root);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, 'lock');
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(path, 'wx', 0o600);
      writeSync(handle, String(process.pid));
      closeSync(handle);
      return () => {
        try {
          rmSync(path, { force: true });
        } catch {
          // The next run takes over the lock of a process that is gone.
        }
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(readFileSync(path, 'utf8'));
      if (attempt > 0 || isRunning(owner))
        throw new RefusedError(`Another run (process ${owner}) is writing here. If it is not, remove ${path}.`);
      rmSync(path, { force: true });
    }
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** In one step, so that a crash leaves the old journal or the new one. */
export function saveJournal(directory: string, journal: Journal): void {
  const staged = join(directory, 'journal.tmp');
  writeDurably(staged, Buffer.from(`${JSON.stringify(journal, null, 2)}\n`), 0o600);
  renameSync(staged, join(directory, 'journal.json'));
}

/** Writes and syncs a new file, one that is there already is replaced. */
export function writeDurably(path: string, bytes: Buffer, mode: number): void {
  rmSync(path, { force: true });
  const handle = openSync(path, 'wx', mode);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The journals of a root, oldest first. What is no journal of ours is passed over. */
export function readJournals(root: string): { directory: string; journal: Journal }[] {
  const home = journalHome(root);
  if (!existsSync(home)) return [];
  return readdirSync(home, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort()
    .flatMap(run => {
      const journal = readJournal(join(home, run, 'journal.json'));
      return journal ? [{ directory: join(home, run), journal }] : [];
    });
}

function readJournal(path: string): Journal | null {
  try {
    if (!lstatSync(path).isFile()) return null;
    const value = JSON.parse(readFileSync(path, 'utf8')) as Journal;
    return isJournal(value) ? value : null;
  } catch {
    return null;
  }
}

/** Outside git the journal lies where anyone can put one: every path in it has to stay inside the root. */
const isInside = (path: unknown): boolean =>
  typeof path === 'string' &&
  path !== '' &&
  !/^(?:[\\/]|[A-Za-z]:)|(?:^|[\\/])\.\.?(?:[\\/]|$)|(?:^|[\\/])\.git(?:[\\/]|$)|\0/.test(path);

const isJournal = (value: Journal | null): value is Journal =>
  value?.version === 1 &&
  typeof value.run === 'string' &&
  typeof value.root === 'string' &&
  ['staged', 'done', 'undone'].includes(value.state) &&
  Array.isArray(value.directories) &&
  value.directories.every(isInside) &&
  Array.isArray(value.entries) &&
  value.entries.every(
    entry =>
      isInside(entry.file) &&
      typeof entry.after === 'string' &&
      (entry.original === null || /^\d+\.original$/.test(entry.original)),
  );
