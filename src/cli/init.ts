/** `init`: a commented configuration with the defaults. */
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RefusedError, UsageError } from '../model/errors.ts';
import type { CliOptions } from './options.ts';

export const TEMPLATE = `# Configuration of pool-migrate. Every value here is the default; delete what you don't change.
# Schema: pool-migrate schema config

pool:
  host: pgbouncer          # name of the service that is added
  port: 6432               # port inside the compose network
  publishedPort: 6432      # port on the host
  mode: transaction        # transaction, session or statement
  version: "1.25"          # PgBouncer that the image ships
  base: alpine             # alpine or debian

direct:
  suffix: _DIRECT          # DATABASE_URL_DIRECT keeps the way past the pooler
  bypass: PGBOUNCER_BYPASS # scripts go direct when this is set to a true value

services: []               # names that are this repository's Postgres, where several could be
keepDirect: []             # variables that stay direct, e.g. [ANALYTICS_URL]
include: []                # globs; all files that git knows without them
exclude: []
annotations: true          # a comment line above engines that are built from a variable

assets:
  directory: pgbouncer
  statusScript: scripts/pgbouncer_status.sh
  runbook: docs/pgbouncer.md
  readme: true
  statsVolume: false

rules: []                  # files with rules of your own, tried before ours
`;

export function runInit({ values }: CliOptions): number {
  const path = join(values.cwd ?? '.', 'pool-migrate.yml');
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats && !stats.isFile()) throw new RefusedError(`${path} is no regular file; move it away first.`);
  if (stats && !values.force) throw new RefusedError(`${path} exists; --force writes it anew.`);
  try {
    writeFileSync(path, TEMPLATE, { flag: stats ? 'w' : 'wx' });
  } catch (error) {
    throw new UsageError(`${path} can't be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
  process.stderr.write(`Wrote ${path}.\n`);
  return 0;
}
