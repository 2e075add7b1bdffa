/** The second thread of a scan. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Job, type Paths, scanShare } from './scan-share.ts';

const { root, bytes, ends } = workerData as { root: string } & Paths;
const text = Buffer.from(bytes.buffer);
const pathAt = (i: number) => text.toString('utf8', i === 0 ? 0 : ends[i - 1], ends[i]);
parentPort?.on('message', (job: Job) => scanShare(root, ends.length, pathAt, job));
