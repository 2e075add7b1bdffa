/** Runs `pool-migrate verify` as a user does, and reads what it tells. */
import { spawn } from 'node:child_process';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { jsonSchema } from '../../src/cli/schema.ts';
import type { Check, CheckId, Status, VerifyReport } from '../../src/rollout/check.ts';
import { CLI, makeDirectory } from '../repository.ts';
import { credentials, type PoolerOptions, withPooler } from './pooler.ts';
import type { Postgres } from './postgres.ts';
import { POSTGRES_BIN } from './run.ts';

/** Without docker: what compose finds is said by each test. */
export const PATH = `${POSTGRES_BIN}:/usr/bin:/bin`;
export const PASSWORD = credentials.POSTGRES_PASSWORD;
export const url = (port: number, { password = PASSWORD, database = 'app', user = 'app', query = '' } = {}) =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/${database}${query}`;

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Verified extends Run {
  checks: Record<CheckId, Check>;
}

export function runVerify(args: string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [CLI, 'verify', '-C', makeDirectory(), ...args], {
      env: { PATH, HOME: '/nonexistent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.once('close', code => resolve({ code, stdout, stderr }));
  });
}

/** With `--json`; the exit code fits the rows, the schema holds, and no password is in any output. */
export async function verify(args: string[], env: Record<string, string> = {}): Promise<Verified> {
  const run = await runVerify([...args, '--json'], env);
  expect(run.stdout, run.stderr).toMatch(/^\{/);
  const report = JSON.parse(run.stdout) as VerifyReport;
  const ajv = new Ajv2020();
  const isValid = ajv.validate(await jsonSchema('verify'), report);
  expect(ajv.errors).toBeNull();
  expect(isValid).toBe(true);
  expect(run.code, run.stdout).toBe(report.checks.some(({ status }) => status === 'failed') ? 1 : 0);
  expect(run.stdout + run.stderr).not.toContain(PASSWORD);
  for (const { status, next } of report.checks) if (status === 'failed') expect(next).toMatch(/\w{4}/);
  return { ...run, checks: Object.fromEntries(report.checks.map(check => [check.id, check])) as Verified['checks'] };
}

export const statuses = ({ checks }: Verified): Partial<Record<CheckId, Status>> =>
  Object.fromEntries(Object.values(checks).map(({ id, status }) => [id, status]));
export const failures = (verified: Verified): string[] =>
  Object.values(verified.checks).flatMap(({ id, status }) => (status === 'failed' ? [id] : []));

/** Verifies a pooler in front of a server, both by URL. */
export const verifyPooler = (
  postgres: Postgres,
  options: PoolerOptions,
  args: string[] = [],
  env: Record<string, string> = {},
) =>
  withPooler(postgres, options, pooler =>
    verify(['--pooled-url', url(pooler.port), '--direct-url', url(postgres.port), ...args], env),
  );
