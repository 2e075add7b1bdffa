import { expect } from 'vitest';
import type { Environment } from './run.ts';
import type { Result } from './servers.ts';

/** One line in the end, that says what and what to do; nothing on stdout; no secret; exit code 1. */
export function expectRefusal(result: Result, reason: string, env: Environment): void {
  const lines = result.stderr.trimEnd().split('\n');
  expect(result.code, result.stderr).toBe(1);
  expect(result.stdout).toBe('');
  expect(lines.at(-1)).toContain(`pgbouncer entrypoint: refused: `);
  expect(lines.at(-1)).toContain(reason);
  expect(lines.at(-1)).toMatch(/\. [A-Z].*[.)]$/);
  expect(lines.filter(line => !/^pgbouncer entrypoint: (?:warning|refused): /.test(line))).toEqual([]);
  const password = env.POSTGRES_PASSWORD ?? '';
  if (password.length > 4) expect(result.stderr).not.toContain(password);
}
