/** Which files there are, and which of them can hold a site: a look at the bytes, before anything is parsed. */

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, fstatSync, openSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { counters } from '../model/counters.ts';
import type { Failure, Source } from '../model/index.ts';
import { observe } from '../model/observed.ts';
import { baseOf } from '../text/paths.ts';
import { headOf, isUtf16, LIMIT, readBytes } from './bytes.ts';
import { isInWorkTree, listTracked, listUntracked } from './git.ts';

const BINARY =
  /\.(?:png|jpe?g|gif|webp|avif|ico|bmp|tiff?|psd|svg|pdf|zip|gz|tgz|bz2|xz|zst|7z|rar|jar|war|class|so|dylib|dll|exe|bin|o|a|pyc|wasm|woff2?|ttf|otf|eot|mp[34]|mov|avi|webm|ogg|wav|flac|sqlite3?|db|parquet|pack|idx|map|lock|sum|snap|po|mo|csv|tsv|jsonl|ndjson|geojson|pem|crt|key|p12)$/i;
const GENERATED =
  /(?:^|\/)(?:package-lock\.json|pnpm-lock\.yaml|npm-shrinkwrap\.json|bun\.lockb?|composer\.lock)$|\.min\.(?:js|css)$/i;
/** What was, under its old names. */
const HISTORY = /(?:^|\/)(?:change(?:s|log)|history|release[-_]?notes)(?:\.(?:md|rst|txt))?$/i;
const VENDORED = /(?:^|\/)(?:node_modules|vendor|third_party|bower_components|\.yarn|\.pool-migrate|site-packages)\//;

export interface Discovery {
  /** Those that git tracks; outside git all. */
  paths: string[];
  untracked: Promise<string[]>;
  /** Paths without those that are left out by name: vendored, generated, binary or the repository's own history. */
  select(paths: readonly string[]): string[];
}

export async function discover(
  root: string,
  include: readonly string[],
  exclude: readonly string[],
): Promise<Discovery> {
  const { matchGlob } = await import('../text/glob.ts');
  const isIncluded = include.map(matchGlob);
  const isExcluded = exclude.map(matchGlob);
  const select = (paths: readonly string[]) =>
    paths
      .filter(path => !BINARY.test(path) && !GENERATED.test(path) && !HISTORY.test(path) && !VENDORED.test(path))
      .filter(
        path => (include.length === 0 || isIncluded.some(test => test(path))) && !isExcluded.some(test => test(path)),
      )
      .sort();
  if (!isInWorkTree(root)) return { paths: await walk(root), untracked: Promise.resolve([]), select };
  const untracked = listUntracked(root);
  // Whoever waits for it learns of a failure; until then it is no unhandled one.
  untracked.catch(() => {});
  return { paths: listTracked(root), untracked, select };
}

/** Outside git: nested .gitignore files are honoured, links are never followed. */
async function walk(root: string): Promise<string[]> {
  const { default: glob } = await import('fast-glob');
  const { default: ignore } = await import('ignore');
  const options = { cwd: root, dot: true, followSymbolicLinks: false, onlyFiles: true, suppressErrors: true };
  const paths = await glob('**', { ...options, ignore: ['**/.git/**', '**/node_modules/**'] });
  const rules = paths
    .filter(path => baseOf(path) === '.gitignore')
    .map(path => ({ directory: path.slice(0, -'.gitignore'.length), rule: ignore() }));
  for (const { directory, rule } of rules) {
    const bytes = readBytes(join(root, directory, '.gitignore'));
    if (Buffer.isBuffer(bytes)) rule.add(bytes.toString('utf8'));
  }
  return paths.filter(
    path =>
      !rules.some(({ directory, rule }) => path.startsWith(directory) && rule.ignores(path.slice(directory.length))),
  );
}

/** Whether something has that absolute path; what the answer was belongs to what the run says. */
export function isThere(path: string): boolean {
  observe(path);
  return existsSync(path);
}

export interface Reading<Purpose> {
  source: Source | null;
  failure: Failure | null;
  /** What the filter says that the source is for. */
  purpose: Purpose | null;
}

/** What has to be in a file for it to be read. */
export interface Filter<Purpose> {
  /** The groups of literals that stand in it. */
  groups: number;
  /** Of its text, as Latin-1, and those groups. Null: nothing. */
  judge(text: string, groups: number): Purpose | null;
}

const URL = /postgres(?:ql)?(?:\+\w+)?:\/\/[\w.:@-]+/;

/** Reads one file and applies the filter to it. Neither source nor failure: the file does not matter. */
export function readSource<Purpose>(root: string, path: string, filter: Filter<Purpose> | null): Reading<Purpose> {
  const absolute = join(root, path);
  observe(absolute);
  const bytes = readBytes(absolute);
  const nothing = { source: null, failure: null, purpose: null };
  const fail = (code: string, message: string) => ({ ...nothing, failure: { file: path, code, message } });
  if (!Buffer.isBuffer(bytes)) {
    if (bytes === 'unreadable') return fail('unreadable', 'the file could not be opened');
    if (bytes === 'too-large' && filter && filter.judge(headOf(), -1) !== null)
      return fail('too-large', `larger than ${LIMIT / 1024 / 1024} MiB, so it was not analysed`);
    return nothing;
  }
  const wide = decodeUtf16(bytes);
  if (leavesRoot(root, path)) return nothing;
  if (wide !== null) {
    // What a build printed, as PowerShell writes it, is no setting of anything.
    return !/\.(?:txt|log|out)$/i.test(path) && /postgres|5432/i.test(wide)
      ? fail('encoding', 'UTF-16 text, so it was not analysed; convert it to UTF-8')
      : nothing;
  }
  if (filter) counters.judged++;
  const purpose = filter ? filter.judge(bytes.toString('latin1'), filter.groups) : null;
  if (filter && purpose === null) return nothing;
  if (bytes.includes(0)) {
    const holds = URL.test(bytes.toString('latin1'));
    return holds ? fail('binary', 'binary content that holds a Postgres URL: it can only be changed by hand') : nothing;
  }
  if (!isUtf8(bytes))
    return /\.(?:json|xml|csv|txt|log|out)$/i.test(path) && !URL.test(bytes.toString('latin1'))
      ? nothing
      : fail('encoding', 'not UTF-8 text, so it was not analysed; convert it or change it by hand');
  counters.read++;
  return { source: toSource(absolute, path, Buffer.from(bytes)), failure: null, purpose };
}

/** Text of a file that starts with a byte order mark of UTF-16, as Windows shells write it; else null. */
function decodeUtf16(bytes: Buffer): string | null {
  if (!isUtf16(bytes)) return null;
  if (bytes[0] === 0xff) return bytes.toString('utf16le');
  return Buffer.from(bytes)
    .subarray(0, bytes.length & ~1)
    .swap16()
    .toString('utf16le');
}

const directories = new Map<string, boolean>();

/** A directory on the way is a link that git does not know of: what lies behind it is not of this repository. */
function leavesRoot(root: string, path: string): boolean {
  const directory = join(root, dirname(path));
  const known = directories.get(directory);
  if (known !== undefined) return known;
  const leaves = realpathSync.native(directory) !== join(realpathSync.native(root), dirname(path));
  directories.set(directory, leaves);
  return leaves;
}

function toSource(absolute: string, path: string, bytes: Buffer): Source {
  const text = bytes.toString('utf8');
  const handle = openSync(absolute, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { mode } = fstatSync(handle);
  closeSync(handle);
  return {
    path,
    text,
    newline: newlineOf(text),
    mode: mode & 0o7777,
    digest: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** The newline that most lines have. */
export function newlineOf(text: string): Source['newline'] {
  let crlf = 0;
  let lf = 0;
  for (let at = text.indexOf('\n'); at !== -1 && crlf + lf < 1000; at = text.indexOf('\n', at + 1)) {
    if (text[at - 1] === '\r') crlf++;
    else lf++;
  }
  return crlf > lf ? '\r\n' : '\n';
}
