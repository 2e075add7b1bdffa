/** What the working tree is, as git knows it: the same state gives the same digest, and no file that git knows unchanged is read. */
import { createHash, type Hash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { askChanged, askGit, blobId, readBytes } from '../discover/index.ts';

export interface TreeState {
  digest: string;
  /** Absolute path of the top of the work tree. */
  top: string;
  /** Whether git tracks the path, or would, relative to the top. */
  knows(path: string): boolean;
}

export interface WorkTree {
  top: string;
  /** Its own git directory. */
  git: string;
  /** That of the repository; another one in a linked work tree. */
  common: string;
}

/** Untracked files are read to be told apart; with more than that it takes too long. */
const MOST_UNTRACKED = 2000;

/** The work tree that a directory is in; null outside git. */
export function findWorkTree(cwd: string): WorkTree | null {
  for (let top = resolve(cwd); ; top = dirname(top)) {
    const place = join(top, '.git');
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return { top, git: place, common: place };
    if (stats?.isFile()) {
      const git = resolve(top, /^gitdir: (.*)$/m.exec(readFileSync(place, 'utf8'))?.[1] ?? '.git');
      const common = join(git, 'commondir');
      return existsSync(git)
        ? { top, git, common: existsSync(common) ? resolve(git, readFileSync(common, 'utf8').trim()) : git }
        : null;
    }
    if (dirname(top) === top) return null;
  }
}

/** With the commit that is compared with. Null where git does not answer, or too much is untracked. */
export async function readTreeState({ top, common }: WorkTree, commit: string): Promise<TreeState | null> {
  const [head, index, changed, untracked] = await Promise.all([
    askGit(top, ['rev-parse', '-q', 'HEAD', commit, '--']),
    askGit(top, ['ls-files', '-s', '-v', '-z']),
    askChanged(top, false),
    askGit(top, ['ls-files', '-z', '-o', '--exclude-standard']),
  ]);
  if (!index || !changed || !untracked) return null;
  const hash = createHash('sha256');
  // Before the first commit there is none.
  hash.update(head ?? '').update(index);
  const loose = [...hiddenFrom(index), ...differing(split(changed), index, top), ...split(untracked)];
  if (loose.length > MOST_UNTRACKED) return null;
  for (const path of loose) addFile(hash, top, path);
  // What git would ignore, and how it checks files out.
  for (const path of ['info/exclude', 'config', 'info/attributes'])
    hash.update(`\0${digestOf(join(common, path)) ?? ''}`);
  let paths: Set<string> | null = null;
  return {
    digest: hash.digest('hex'),
    top,
    knows: path => {
      paths ??= new Set([...split(untracked), ...split(index).map(line => line.slice(line.indexOf('\t') + 1))]);
      return paths.has(path);
    },
  };
}

const split = (output: Buffer): string[] => output.toString('utf8').split('\0').filter(Boolean);

/** Files whose changes git was told not to look for. */
function hiddenFrom(index: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < index.length; ) {
    const end = index.indexOf(0, at);
    if (index[at] !== 0x48 /* H */) found.push(index.toString('utf8', index.indexOf(9, at) + 1, end));
    at = end + 1;
  }
  return found;
}

/** Without those that only look changed, because their times did. */
function differing(paths: readonly string[], index: Buffer, top: string): string[] {
  if (paths.length === 0) return [];
  const ids = new Map(split(index).map(line => [line.slice(line.indexOf('\t') + 1), line.split(' ')[2] ?? '']));
  return paths.filter(path => {
    const bytes = readBytes(join(top, path));
    const id = ids.get(path) ?? '';
    const isExecutable = (lstatSync(join(top, path), { throwIfNoEntry: false })?.mode ?? 0) & 0o100;
    return typeof bytes === 'string' || isExecutable !== 0 || blobId(bytes, id.length) !== id;
  });
}

function addFile(hash: Hash, top: string, path: string): void {
  const mode = lstatSync(join(top, path), { throwIfNoEntry: false })?.mode ?? 0;
  hash.update(`\0${path}\0${mode & 0o111} ${digestOf(join(top, path)) ?? ''}`);
}

/** Of a file's content; of what has none, what it is; null where nothing is. */
export function digestOf(path: string): string | null {
  const bytes = readBytes(path);
  if (typeof bytes !== 'string') return createHash('sha256').update(bytes).digest('hex');
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats ? `${bytes} ${stats.size} ${stats.mtimeMs}` : null;
}
