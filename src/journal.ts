/** Where a run keeps what it replaced: enough to go back, whatever happened in between. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gitDirectory } from './git.ts';

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

/** `<git-dir>/pool-migrate`, outside git `.pool-migrate` in the root. */
export function journalHome(root: string): string {
  const git = gitDirectory(root);
  return git === null ? join(root, '.pool-migrate') : join(git, 'pool-migrate');
}

export function createRun(root: string): { directory: string; run: string } {
  const home = journalHome(root);
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '');
  for (let n = 1; ; n++) {
    const run = `${stamp}-${n}`;
    const directory = join(home, run);
    if (existsSync(directory)) continue;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return { directory, run };
  }
}

export function saveJournal(directory: string, journal: Journal): void {
  writeFileSync(join(directory, 'journal.json'), `${JSON.stringify(journal, null, 2)}\n`, { mode: 0o600, flush: true });
}

export function readJournals(root: string): { directory: string; journal: Journal }[] {
  const home = journalHome(root);
  if (!existsSync(home)) return [];
  return readdirSync(home)
    .sort()
    .filter(run => existsSync(join(home, run, 'journal.json')))
    .map(run => ({
      directory: join(home, run),
      journal: JSON.parse(readFileSync(join(home, run, 'journal.json'), 'utf8')) as Journal,
    }));
}
