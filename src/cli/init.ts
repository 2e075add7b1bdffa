/** `init`: a commented configuration with the defaults. */
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RefusedError, UsageError } from '../model/errors.ts';
import type { CliOptions } from './options.ts';

export const TEMPLATE = `# Configuration of pool-migrate. Every value here is the default; delete what you don't change.
# Schema: pool-migrate schema config

pool:
  kind: pgbouncer          # the only one that is added; another one is there already, at host (docs/guides/existing-pooler.md)
  host: pgbouncer          # name of the service that is added
  enabled: []              # settings of another kind that are on, by what they make it bear, e.g. [listen] of pgdog
  port: auto               # inside the compose network: 6432, or 5432 where a client takes no port
  publishedPort: 6432      # port on the host
  mode: auto               # transaction, session or statement; auto: the strongest that all clients bear
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
  features: []             # what the pooler needs beyond what is seen here: users, databases, auth-query, secret-files,
                           # processes, client-tls, server-tls
  image: null              # a public image instead of one that is built, e.g. edoburu/pgbouncer:v1.25.2-p0

rules: []                  # files with rules of your own, tried before ours
images: []                 # what images of yours do, as in rules/images.yml
folders: {}                # pool (mode, port, publishedPort) and keepDirect of a folder's own (docs/guides/monorepo.md)
answers: {}                # answers to questions, by the id of the place: pooled, direct or leave
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
