/**
 * A run over a tree in which nothing has changed says what the last one said. What it said, with its secrets masked, is kept in the
 * git directory under a digest of the program, of what was asked, and of the tree; nothing else is kept, and any of it can be deleted.
 */
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { observedPaths } from '../model/observed.ts';
import { digestOf, findWorkTree, readTreeState, type TreeState } from './tree-state.ts';

interface Entry {
  /** Paths that git does not know, as they were: digests, or null where there was nothing. */
  beside: Record<string, string | null>;
  stdout: string;
  stderr: string;
  code: number;
}

/** So many runs are remembered. */
const KEPT = 12;

/** `since`: the commit that it may compare with; `request`: all that is asked of it. `run` does it, and writes to the streams. */
export async function replay(
  { cwd = '.', since }: { cwd?: string | undefined; since?: string | undefined },
  request: unknown,
  run: () => Promise<number>,
): Promise<number> {
  const tree = findWorkTree(cwd);
  const program = programDigest();
  if (!tree || program === null) return run();
  const folder = join(tree.git, 'pool-migrate', 'cache');
  const started = Date.now();
  const reading = readTreeState(tree, since ?? 'HEAD').catch(() => null);
  const keyOf = ({ digest }: TreeState) =>
    sha256([program, process.version, resolve(cwd), JSON.stringify(request), digest]);
  if (entriesOf(folder).length > 0) {
    const state = await reading;
    const place = state && join(folder, `${keyOf(state)}.json`);
    const entry = place && readEntry(place);
    if (entry && Object.entries(entry.beside).every(([path, digest]) => digestOf(path) === digest)) {
      utimesSync(place, new Date(), new Date());
      process.stdout.write(entry.stdout);
      process.stderr.write(entry.stderr);
      return entry.code;
    }
  }
  const heard = listen();
  const code = await run().finally(heard.stop);
  const state = code <= 1 ? await reading : null;
  const beside = state && whatElse(state, started);
  if (state && beside)
    writeEntry(folder, keyOf(state), { beside, stdout: heard.stdout(), stderr: heard.stderr(), code });
  return code;
}

/** The files of the program have names by their content; null where it is not built. */
function programDigest(): string | null {
  const folder = dirname(fileURLToPath(import.meta.url));
  if (!/[\\/]bin$/.test(folder)) return null;
  return sha256([...readdirSync(folder).sort(), readFileSync(join(folder, 'cli.js'), 'utf8')]);
}

function sha256(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** What the run looked at beside the files that git knows. Null: one of all of them changed since it started, so nothing is certain. */
function whatElse({ top, knows }: TreeState, started: number): Entry['beside'] | null {
  const beside: Entry['beside'] = {};
  for (const path of observedPaths()) {
    if ((lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= started) return null;
    if (!knows(relative(top, path))) beside[path] = digestOf(path);
  }
  return beside;
}

function listen(): { stdout(): string; stderr(): string; stop(): void } {
  const streams = [process.stdout, process.stderr].map(stream => {
    const chunks: string[] = [];
    const write = stream.write;
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      chunks.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
      return (write as (...args: unknown[]) => boolean).call(stream, chunk, ...rest);
    }) as typeof stream.write;
    return { text: () => chunks.join(''), stop: () => Object.assign(stream, { write }) };
  });
  return {
    stdout: () => streams[0]?.text() ?? '',
    stderr: () => streams[1]?.text() ?? '',
    stop: () => {
      for (const { stop } of streams) stop();
    },
  };
}

const entriesOf = (folder: string): string[] => {
  try {
    return readdirSync(folder).filter(name => name.endsWith('.json'));
  } catch {
    return [];
  }
};

/** Null where there is none, or it is none of ours. */
function readEntry(place: string): Entry | null {
  try {
    const entry = JSON.parse(readFileSync(place, 'utf8')) as Entry;
    return typeof entry.stdout === 'string' && typeof entry.stderr === 'string' && typeof entry.beside === 'object'
      ? entry
      : null;
  } catch {
    return null;
  }
}

/** A tree that can't be written to is no reason to fail. */
function writeEntry(folder: string, key: string, entry: Entry): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const place = join(folder, `${key}.json`);
    writeFileSync(`${place}.${process.pid}`, JSON.stringify(entry), { mode: 0o600 });
    renameSync(`${place}.${process.pid}`, place);
    const byAge = entriesOf(folder)
      .map(name => ({ name, at: statSync(join(folder, name)).mtimeMs }))
      .sort((a, b) => b.at - a.at);
    for (const { name } of byAge.slice(KEPT)) rmSync(join(folder, name), { force: true });
  } catch {
    // The next run reads the tree again.
  }
}
