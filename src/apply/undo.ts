/** Takes a run back, byte for byte. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RefusedError, UsageError } from '../model/errors.ts';
import { restore } from './apply.ts';
import { lockJournal, readJournals, saveJournal, sha256 } from './journal.ts';

export interface Undone {
  run: string;
  /** Paths relative to the root: each is as it was, or gone where the run had made it. */
  files: string[];
}

/**
 * Restores the named run, or the last one that was not taken back, byte for byte.
 * Throws a RefusedError, with nothing done, where a file was edited since, and a UsageError where there is no such run.
 * @example
 * applyPlan(await planMigration({ cwd: '.' }));
 * console.log(undo('.').files);
 */
export function undo(cwd: string, run?: string): Undone {
  const root = resolve(cwd);
  const unlock = lockJournal(root);
  try {
    return undoLocked(root, run);
  } finally {
    unlock();
  }
}

function undoLocked(root: string, run: string | undefined): Undone {
  const isHere = (other: string) => other === root || (existsSync(other) && realpathSync(other) === realpathSync(root));
  const journals = readJournals(root).filter(({ journal }) => isHere(journal.root));
  const found =
    run === undefined
      ? journals.findLast(({ journal }) => journal.state !== 'undone')
      : journals.find(({ journal }) => journal.run === run);
  if (!found) {
    const known = journals.map(({ journal }) => `${journal.run} (${journal.state})`).join(', ');
    throw new UsageError(
      run === undefined
        ? 'There is no run to take back here.'
        : `There is no run ${run} here.${known ? ` Runs: ${known}.` : ''}`,
    );
  }
  const { directory, journal } = found;
  if (journal.state === 'undone') throw new UsageError(`Run ${journal.run} was taken back already.`);
  const edited = journal.entries.filter(entry => {
    const path = join(root, entry.file);
    if (!existsSync(path)) return entry.before !== null;
    const digest = sha256(readFileSync(path));
    return digest !== entry.after && digest !== entry.before;
  });
  if (edited.length > 0) {
    throw new RefusedError(
      `Nothing was restored, because these files were edited since:\n${edited.map(({ file }) => `  ${file}`).join('\n')}\nOriginals are in ${directory}.`,
    );
  }
  const failed = restore(root, directory, journal);
  if (failed.length > 0)
    throw new RefusedError(`These files could not be restored: ${failed.join(', ')}. Originals are in ${directory}.`);
  journal.state = 'undone';
  saveJournal(directory, journal);
  return { run: journal.run, files: journal.entries.map(({ file }) => file) };
}
