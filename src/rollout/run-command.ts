/** The user's own command, run by a shell. Its output goes to stderr, passwords masked: stdout is the checklist's. */
import { createInterface } from 'node:readline';
import { failed, passed, type Verdict, warning } from './check.ts';
import { endGroup, startProgram } from './processes.ts';

export interface CommandResult {
  /** Null: it was ended by a signal, or could not be started. */
  code: number | null;
  signal: string | null;
  seconds: number;
  /** Last line that it printed, masked. */
  lastLine: string;
}

/** Longer than any test suite; a command that hangs must end all the same. */
const LONGEST_MS = 60 * 60_000;

export function runCommand(
  command: string,
  environment: NodeJS.ProcessEnv,
  { cwd, mask, print }: { cwd: string; mask: (text: string) => string; print: (line: string) => void },
): Promise<CommandResult> {
  return new Promise(resolve => {
    const began = Date.now();
    const [shell, ...args] = process.platform === 'win32' ? ['cmd', '/d', '/s', '/c'] : ['/bin/sh', '-c'];
    const child = startProgram(shell as string, [...args, command], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let lastLine = '';
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', line => {
        const masked = mask(line);
        if (masked.trim() !== '') lastLine = masked.trim();
        print(masked);
      });
    }
    const timer = setTimeout(() => endGroup(child, 'SIGKILL'), LONGEST_MS);
    const finish = (code: number | null, signal: string | null): void => {
      clearTimeout(timer);
      resolve({ code, signal, seconds: (Date.now() - began) / 1000, lastLine });
    };
    child.once('error', error => {
      lastLine = error.message;
      finish(null, null);
    });
    child.once('close', finish);
  });
}

const showEnd = ({ code, signal, seconds, lastLine }: CommandResult): string => {
  const end = `${code === null ? `ended by ${signal ?? 'an error'}` : `exit ${code}`} in ${seconds.toFixed(1)} s`;
  return code === 0 || lastLine === '' ? end : `${end}: ${lastLine.slice(0, 200)}`;
};

export interface Runs {
  pooled: CommandResult;
  direct: CommandResult;
  /** Transactions that PgBouncer counted during the pooled run; null: not known. */
  transactions: number | null;
}

export function judgeRuns({ pooled, direct, transactions }: Runs): { pooled: Verdict; direct: Verdict } {
  const count =
    transactions === null ? '' : `; PgBouncer counted ${transactions} transaction${transactions === 1 ? '' : 's'}`;
  const how = `${showEnd(pooled)}${count}`;
  const judgePooled = (): Verdict => {
    if (pooled.code !== 0) {
      return failed(
        how,
        direct.code === 0
          ? 'It works past the pool, so pooling breaks it: sessions, temporary tables, advisory locks, LISTEN, prepared statements.'
          : 'It fails past the pool as well: the pool is not the cause.',
      );
    }
    if (transactions === 0) {
      return warning(
        how,
        'The command did not use the pool: does it read one of the variables, and does a .env file override them?',
      );
    }
    return passed(how);
  };
  const judgeDirect = (): Verdict => {
    if (direct.code === 0) return passed(showEnd(direct));
    const next =
      pooled.code === 0
        ? 'It works through the pool: look at the direct address.'
        : 'Make it pass past the pool first.';
    return failed(showEnd(direct), next);
  };
  return { pooled: judgePooled(), direct: judgeDirect() };
}
