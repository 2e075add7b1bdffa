/** Programs that are run: each with a bound on its time, and none that outlives this process. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

const running = new Set<ChildProcess>();

// Also after Ctrl-C: the program then ends with process.exit(130).
process.once('exit', () => {
  for (const child of running) endGroup(child);
});

/** Each in a process group of its own, so that its end takes along what it started. */
export function startProgram(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { ...options, detached: process.platform !== 'win32' });
  running.add(child);
  child.once('error', () => running.delete(child));
  child.once('close', () => running.delete(child));
  return child;
}

export function endGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

export interface Ended {
  /** Null: it could not be started, or was ended. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, or to `milliseconds`. Never rejects. */
export function runProgram(
  command: string,
  args: readonly string[],
  { cwd, milliseconds }: { cwd: string; milliseconds: number },
): Promise<Ended> {
  return new Promise(resolve => {
    const child = startProgram(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    child.stdout?.on('data', chunk => chunks.stdout.push(chunk));
    child.stderr?.on('data', chunk => chunks.stderr.push(chunk));
    const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(chunks[name]).toString('utf8');
    const timer = setTimeout(() => {
      chunks.stderr.push(Buffer.from(`no answer within ${milliseconds / 1000} s`));
      endGroup(child, 'SIGKILL');
    }, milliseconds);
    const finish = (code: number | null, more = ''): void => {
      clearTimeout(timer);
      resolve({ code, stdout: text('stdout'), stderr: text('stderr') + more });
    };
    child.once('error', error => finish(null, error.message));
    child.once('close', code => finish(code));
  });
}
