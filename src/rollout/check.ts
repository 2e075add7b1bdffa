/** The rows of the checklist. Their order is the order in which one failure explains the next. */

export type Status = 'passed' | 'failed' | 'warning' | 'skipped';

export interface Check {
  id: CheckId;
  title: string;
  status: Status;
  /** What was seen. Passwords are masked before it is shown. */
  evidence: string;
  /** What to do about it; null where nothing has to be done. */
  next: string | null;
}

export interface VerifyReport {
  version: 1;
  checks: Check[];
}

export const titles = {
  'compose-valid': 'Compose files are valid',
  'services-healthy': 'Services run and are healthy',
  'pooled-login': 'Login through the pool',
  'direct-login': 'Login past the pool',
  'pooled-path': 'The pooled way leads through PgBouncer',
  'direct-path': 'The direct way leads straight to Postgres',
  'same-database': 'Both ways reach the same database',
  'pool-settings': 'PgBouncer runs as configured',
  'pgbouncer-version': 'PgBouncer has no known holes',
  'pool-load': 'The pool holds under a short load',
  'pool-write': 'A transaction writes and rolls back',
  traffic: 'Applications use the pool',
  'run-pooled': 'Your command, through the pool',
  'run-direct': 'Your command, past the pool',
} as const;

export type CheckId = keyof typeof titles;
export const checkIds = Object.keys(titles) as [CheckId, ...CheckId[]];

/** What a decision says; the id and the title come from where it was asked for. */
export type Verdict = Omit<Check, 'id' | 'title'>;

export const passed = (evidence: string): Verdict => ({ status: 'passed', evidence, next: null });
export const failed = (evidence: string, next: string): Verdict => ({ status: 'failed', evidence, next });
export const warning = (evidence: string, next: string): Verdict => ({ status: 'warning', evidence, next });
export const skipped = (evidence: string, next: string | null = null): Verdict => ({
  status: 'skipped',
  evidence,
  next,
});

export const toCheck = (id: CheckId, verdict: Verdict): Check => ({ id, title: titles[id], ...verdict });

/** 1 where a check failed: a warning or a skipped check is for a person to weigh. */
export const exitCode = (checks: readonly Check[]): 0 | 1 => (checks.some(check => check.status === 'failed') ? 1 : 0);
