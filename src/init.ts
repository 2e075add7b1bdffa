/** `init`: a commented configuration with the defaults. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RefusedError } from './errors.ts';
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
  if (existsSync(path) && !values.force) throw new RefusedError(`${path} exists; --force writes it anew.`);
  writeFileSync(path, TEMPLATE);
  process.stderr.write(`Wrote ${path}.\n`);
  return 0;
}
