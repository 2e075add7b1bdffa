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
  /** It said that a database can't be created or dropped because somebody is connected: the pool is, for a while. */
  findsDatabaseInUse: boolean;
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
    let findsDatabaseInUse = false;
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', line => {
        const masked = mask(line);
        if (masked.trim() !== '') lastLine = masked.trim();
        findsDatabaseInUse ||= /database "[^"]*" is being accessed by other users/.test(masked);
        print(masked);
      });
    }
    const timer = setTimeout(() => endGroup(child, 'SIGKILL'), LONGEST_MS);
    const finish = (code: number | null, signal: string | null): void => {
      clearTimeout(timer);
      resolve({ code, signal, seconds: (Date.now() - began) / 1000, lastLine, findsDatabaseInUse });
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

/** The direct run comes first, so that what the pool keeps open stands in no way of it. */
export interface Runs {
  direct: CommandResult;
  pooled: CommandResult;
  /** What PgBouncer counted during each; null: not known. */
  transactions: { direct: number; pooled: number } | null;
}

const showCount = (count: number | undefined): string =>
  count === undefined ? '' : `; PgBouncer counted ${count} transaction${count === 1 ? '' : 's'}`;

export function judgeRuns({ pooled, direct, transactions }: Runs): { pooled: Verdict; direct: Verdict } {
  const how = `${showEnd(pooled)}${showCount(transactions?.pooled)}`;
  const judgePooled = (): Verdict => {
    if (pooled.code !== 0 && pooled.findsDatabaseInUse)
      return failed(
        how,
        'It creates and drops databases, to which the pool stays connected for a while: run such tests past the pool (pool-migrate explain create-database-in-pool).',
      );
    if (pooled.code !== 0) {
      return failed(
        how,
        direct.code === 0
          ? 'It works past the pool, so pooling breaks it: sessions, temporary tables, advisory locks, LISTEN, prepared statements.'
          : 'It fails past the pool as well: the pool is not the cause.',
      );
    }
    if (transactions?.pooled === 0) {
      return warning(
        how,
        'The command did not use the pool: does it read one of the variables, and does a .env file override them?',
      );
    }
    return passed(how);
  };
  const judgeDirect = (): Verdict => {
    // The application's own traffic is little beside a run's.
    if (direct.code === 0 && transactions && transactions.pooled > 0 && transactions.direct * 2 >= transactions.pooled)
      return warning(
        `${showEnd(direct)}${showCount(transactions.direct)}`,
        'This run used the pool as well: it does not read the variables. docker compose run and exec hand them on with -e NAME.',
      );
    if (direct.code === 0) return passed(showEnd(direct));
    const next =
      pooled.code === 0
        ? 'It works through the pool: look at the direct address.'
        : 'Make it pass past the pool first.';
    return failed(showEnd(direct), next);
  };
  return { pooled: judgePooled(), direct: judgeDirect() };
}
