/** One look at the bytes of many files: which groups of literals stand in each. Two threads where there are many files. */

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { counters } from '../model/counters.ts';
import { type Job, LOOK, type Paths, scanShare, UNSEEN } from './scan-share.ts';

export { LOOK };

export interface Scanner {
  /** For each path bit i of its number is set where a literal of group i stands in the file; `LOOK`: it has to be looked at by itself. */
  scan(groups: readonly (readonly string[])[]): Uint32Array;
  close(): void;
}

/** Below it a second thread takes longer to start than it saves. */
const MANY = 5000;
/** How long a share of the other thread is waited for, in ms, before this one does it. */
const PATIENCE = 5000;

export function startScanner(root: string, paths: readonly string[]): Scanner {
  const pathAt = (i: number) => paths[i] as string;
  const program = fileURLToPath(new URL('./scan-worker.js', import.meta.url));
  const isWorthIt = paths.length >= MANY && availableParallelism() > 1 && existsSync(program);
  const worker = isWorthIt
    ? new Worker(program, {
        workerData: { root, ...pack(paths) },
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
      })
    : null;
  worker?.unref();
  // Whatever becomes of it: its shares are done here then.
  worker?.on('error', () => {});
  return {
    scan: groups => {
      const job: Job = {
        groups,
        control: new Int32Array(new SharedArrayBuffer(8)),
        found: new Uint32Array(new SharedArrayBuffer(paths.length * 4)).fill(UNSEEN),
      };
      counters.scanned += paths.length;
      worker?.postMessage(job);
      scanShare(root, paths.length, pathAt, job);
      if (worker) awaitOthers(paths.length, job);
      if (job.found.includes(UNSEEN))
        scanShare(root, paths.length, pathAt, { ...job, control: new Int32Array(2) }, true);
      return job.found;
    },
    close: () => void worker?.terminate(),
  };
}

/** One text for both threads, so that there are not two lists of strings. */
function pack(paths: readonly string[]): Paths {
  const bytes = Buffer.from(paths.join(''));
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const ends = new Uint32Array(new SharedArrayBuffer(paths.length * 4));
  let at = 0;
  for (const [i, path] of paths.entries()) ends[i] = at += Buffer.byteLength(path);
  return { bytes: shared, ends };
}

function awaitOthers(count: number, { control }: Job): void {
  const until = Date.now() + PATIENCE;
  for (let done = Atomics.load(control, 1); done < count; done = Atomics.load(control, 1))
    if (Date.now() > until || Atomics.wait(control, 1, done, until - Date.now()) === 'timed-out') return;
}
