/** What a pooler that is there is set up as: from its image, its environment, and the pgbouncer.ini that is mounted or copied into it. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { bases } from '../../pgbouncer/bases.ts';
import type { Place, PoolerSettings, Server } from '../model/index.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import { readBuild } from './read-build.ts';
import { resolveText } from './resolve-text.ts';

/** `read`: the text of a file of the repository, or null. `environment`: what compose interpolates. */
export function readPoolerSettings(
  service: ComposeService,
  file: ComposeFile,
  read: (path: string) => string | null,
  environment: ReadonlyMap<string, string>,
): PoolerSettings {
  const settings = new Map<string, { value: string; place: Place }>();
  for (const path of iniFiles(service, file)) {
    for (const [key, value, line] of readIni(read(path) ?? '', /\/custom\.ini$/.test(path) ? 'pgbouncer' : ''))
      settings.set(key, { value, place: { file: path, line } });
  }
  for (const { key, value } of service.environment) {
    const name = /^(?:PGBOUNCER_)?([A-Z_]+)$/.exec(key)?.[1]?.toLowerCase();
    const text = resolveText(value ?? '', environment);
    if (name && text && SETTINGS.has(name) && !settings.has(name))
      settings.set(name, { value: text, place: { file: file.path, line: service.line } });
  }
  const get = (name: string) => settings.get(name)?.value ?? null;
  const version =
    versionOf(resolveText(service.image ?? '', environment) ?? '') ??
    versionIn(readBuild(service, file, read)?.image ?? '');
  const mode = get('pool_mode');
  const prepared = get('max_prepared_statements');
  return {
    mode: mode === 'session' || mode === 'transaction' || mode === 'statement' ? mode : null,
    version,
    isGenerated: service.build !== null && service.environment.some(({ key }) => key === 'PGBOUNCER_UPSTREAM_HOST'),
    maxPreparedStatements:
      prepared !== null && /^\d+$/.test(prepared) && !ignoresPrepared(service.image ?? '')
        ? Number(prepared)
        : defaultPrepared(version),
    ignored: (get('ignore_startup_parameters') ?? '').split(/\s*,\s*/).filter(Boolean),
    places: Object.fromEntries([...settings].map(([name, { place }]) => [name, place])),
    values: Object.fromEntries([...settings].map(([name, { value }]) => [name, value])),
  };
}

const versionOf = (image: string): string | null => /pgbouncer[^:]*:v?(\d+\.\d+(?:\.\d+)?)/i.exec(image)?.[1] ?? null;

/** Of PgBouncer's image, or of its package in a known distribution: `Debian trixie` is `debian:trixie-slim`. */
const versionIn = (image: string): string | null =>
  versionOf(image) ??
  Object.values(bases).find(({ name }) => image.startsWith(name.toLowerCase().replace(' ', ':')))?.pgbouncer ??
  null;

const SETTINGS = new Set([
  'pool_mode',
  'max_prepared_statements',
  'ignore_startup_parameters',
  'default_pool_size',
  'reserve_pool_size',
  'max_client_conn',
  'max_db_connections',
  'server_reset_query_always',
]);

/** Source: pgbouncer.org/config.html#max_prepared_statements and its changelog: 0 until 1.23, 200 from 1.24 on. */
function defaultPrepared(version: string | null): number | null {
  if (version === null) return null;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || minor >= 24 ? 200 : 0;
}

/** These builds read no MAX_PREPARED_STATEMENTS. Source: github.com/edoburu/docker-pgbouncer/pull/87 */
const ignoresPrepared = (image: string): boolean =>
  /edoburu\/pgbouncer:v?(?:1\.(?:\d|1\d|20)\.|1\.21\.0-p[01]$)/.test(image);

/** Files of the repository that are mounted as, or built into, its configuration. */
function iniFiles({ volumes, build }: ComposeService, { path }: ComposeFile): string[] {
  const mounted = volumes.flatMap(volume => {
    const [source = '', target = ''] = volume.split(':');
    if (!/^\.{0,2}\//.test(source) && !/^[\w.-]+\//.test(source)) return [];
    const own = joinPath(dirOf(path), source);
    if (/\.ini$/.test(target)) return [own];
    return /\/pgbouncer\/?$|\/conf\/?$/.test(target) ? [joinPath(own, 'pgbouncer.ini')] : [];
  });
  return [...mounted, ...(build === null ? [] : [joinPath(joinPath(dirOf(path), build), 'pgbouncer.ini')])];
}

/** Keys of the section `[pgbouncer]`, with their lines. `first`: the section before any line names one. */
function readIni(text: string, first: string): [key: string, value: string, line: number][] {
  let section = first;
  return text.split(/\r?\n/).flatMap((line, i): [string, string, number][] => {
    section = /^\s*\[(\w+)\]/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    return section === 'pgbouncer' && key && value !== undefined ? [[key, value, i + 1]] : [];
  });
}

/** The one server of its stack that the settings of a pooler's service name; undefined where they name none, or several. */
export function targetOf(
  pooler: Server,
  servers: readonly Server[],
  files: readonly ComposeFile[],
): string | undefined {
  const values = files.flatMap(file =>
    pooler.definitions.some(({ file: path }) => path === file.path)
      ? file.services.flatMap(({ name, environment }) =>
          name === pooler.service ? environment.map(({ value }) => value ?? '') : [],
        )
      : [],
  );
  const words = new Set(
    values
      .join(' ')
      .toLowerCase()
      .split(/[^\w.-]+/),
  );
  const named = servers.filter(({ stack, names }) => stack === pooler.stack && names.some(name => words.has(name)));
  return named.length === 1 ? named[0]?.service : undefined;
}
