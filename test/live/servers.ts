/** `run.ts` for tests: skipped where the servers are missing, ended when a file is through, also when a test failed. */
import { afterAll } from 'vitest';
import { endAll, findMissing } from './run.ts';

export * from './run.ts';

/** False: the tests are skipped, with the reason printed. In CI the absence of a server is a failure instead. */
export const hasServers = checkServers();
afterAll(endAll);

function checkServers(): boolean {
  const missing = findMissing();
  if (missing === null) return true;
  if (process.env.CI === 'true') throw new Error(`${missing} is missing, and CI must have it`);
  process.stdout.write(`${missing} was not found (sh scripts/install-test-tools.sh .cache/tools): tests are skipped\n`);
  return false;
}
