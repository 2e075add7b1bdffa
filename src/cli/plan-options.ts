/** What the command line asks of a plan. */

import type { Config } from '../config/config.ts';
import { UsageError } from '../model/errors.ts';
import type { PlanOptions } from '../plan/index.ts';
import { faultOfGlob } from '../text/glob.ts';
import type { CliOptions } from './options.ts';
/** Options of the command line, over those of the configuration file. */
export function toPlanOptions({ values }: CliOptions): PlanOptions {
  const port = readPort(values['pool-port']);
  if (values['pgbouncer-version'] !== undefined && !/^\d+\.\d+$/.test(values['pgbouncer-version'])) {
    throw new UsageError('--pgbouncer-version is a version such as 1.26.');
  }
  const oneOf = (name: 'pool-mode' | 'base', allowed: string[]) => {
    if (values[name] !== undefined && !allowed.includes(values[name]))
      throw new UsageError(`--${name} is ${allowed.join(', ')}.`);
    return values[name];
  };
  const mode = oneOf('pool-mode', ['auto', 'transaction', 'session', 'statement']) as
    | Config['pool']['mode']
    | undefined;
  const base = oneOf('base', ['alpine', 'debian']) as Config['pool']['base'] | undefined;
  if (values['pool-host'] !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(values['pool-host']))
    throw new UsageError('--pool-host is a host name.');
  for (const name of ['include', 'exclude'] as const)
    for (const glob of values[name] ?? []) {
      const fault = faultOfGlob(glob);
      if (fault) throw new UsageError(`--${name} ${glob}: ${fault}.`);
    }
  return {
    cwd: values.cwd ?? '.',
    ...(values.unsafe ? { unsafe: true } : {}),
    ...(values['no-config']
      ? { config: false as const }
      : values.config === undefined
        ? {}
        : { config: values.config }),
    ...(values.answers === undefined ? {} : { answers: values.answers }),
    ...(values['include-ignored-env'] ? { includeIgnoredEnv: true } : {}),
    ...(values.changed ? { changedSince: true as const } : values.since ? { changedSince: values.since } : {}),
    overrides: config => ({
      ...config,
      pool: {
        ...config.pool,
        ...(values['pool-host'] ? { host: values['pool-host'] } : {}),
        ...(port ? { port } : {}),
        ...(mode ? { mode } : {}),
        ...(base ? { base } : {}),
        ...(values['pgbouncer-version'] ? { version: values['pgbouncer-version'] } : {}),
      },
      services: values.service ?? config.services,
      keepDirect: [...config.keepDirect, ...(values['keep-direct'] ?? [])],
      include: values.include ?? config.include,
      exclude: [...config.exclude, ...(values.exclude ?? [])],
    }),
  };
}

function readPort(text: string | undefined): Config['pool']['port'] | undefined {
  if (text === undefined || text === 'auto') return text;
  const port = /^\d+$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new UsageError('--pool-port is a number from 1 to 65535, or auto.');
  return port;
}
