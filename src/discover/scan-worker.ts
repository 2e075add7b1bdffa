/** The second thread of a scan. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Job, scanShare } from './scan-share.ts';

const { root, paths } = workerData as { root: string; paths: string };
const all = paths.split('\0');
parentPort?.on('message', (job: Job) => scanShare(root, all, job));
