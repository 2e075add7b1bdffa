/** Finds the endpoints of a block of settings: URLs and DSNs in values, and hosts with their ports in two values. */

import type { Part, RawSite, Span } from '../model/index.ts';
import { type MappedText, mapSlice } from '../text/mapped-text.ts';
import { classifyPart } from '../text/part.ts';
import { findUrlDsns } from './dsn.ts';
import { emptySite, isLocalName, type ScanContext, type Scope, scanValue } from './scan-value.ts';

export interface Setting {
  key: string;
  value: MappedText;
  scope: Scope;
}

/** `block` names the block within its file, so that pairs of different blocks never meet. */
export function scanBlock(
  settings: Setting[],
  block: string,
  context: ScanContext,
  options: { form?: 'argument'; isPostgres?: boolean; beside?: readonly Named[] } = {},
): RawSite[] {
  const found: RawSite[] = [];
  const split: { setting: Setting; part: Part; isHost: boolean }[] = [];
  const { hostKeys = new Map<string, string>() } = context;
  const portKeys = new Set([...hostKeys.values()].filter(name => name !== ''));
  for (const setting of settings) {
    const scope = { ...setting.scope, key: setting.key };
    const isHost = isHostKey(setting.key) || hostKeys.has(setting.key);
    if (isHost || isPortKey(setting.key) || portKeys.has(setting.key)) {
      const part = classifyPart(setting.value, { start: 0, end: setting.value.text.length });
      if (part.kind !== 'hole' && setting.value.text !== '') {
        split.push({ setting, part, isHost });
        continue;
      }
    }
    const user = userBeside(setting.key, settings);
    for (const site of scanValue(setting.value, scope, context)) found.push({ ...site, user: site.user ?? user });
  }
  for (const { setting, part, isHost } of split) {
    const partner = split.find(
      other =>
        other.isHost !== isHost &&
        (isHost ? isPair(setting.key, other.setting.key, context) : isPair(other.setting.key, setting.key, context)),
    );
    const host = isHost ? part : (partner?.part ?? null);
    const port = isHost ? (partner?.part ?? null) : part;
    if (!isRelevant(setting.key, host, port, context, options.isPostgres ?? false)) continue;
    const base = hostBase((isHost ? setting : (partner?.setting ?? setting)).key, isHost || partner !== undefined);
    found.push({
      ...emptySite({ ...setting.scope, key: setting.key }),
      ...readCredentials(options.beside ?? settings.filter(({ scope }) => scope.role === setting.scope.role), base),
      form: options.form ?? (isHost ? 'host' : 'port'),
      span: part.span,
      host: isHost ? part : null,
      port: isHost ? null : part,
      group: `${block}:${base}`,
      portSlot: isHost && !partner && part.kind === 'literal' ? (setting.scope.portSlot ?? null) : null,
    });
  }
  return found;
}

/** `spring.datasource.username` beside `spring.datasource.url`: a JDBC URL names no user. */
function userBeside(key: string, settings: readonly Setting[]): string | null {
  const base = /^(.*?)(?:jdbc[_.-]?)?ur[li]$/is.exec(key)?.[1]?.toLowerCase();
  if (base === undefined) return null;
  const beside = settings.find(
    ({ key: name, value }) =>
      name.toLowerCase().startsWith(base) &&
      /^user(?:_?name)?$/i.test(name.slice(base.length)) &&
      /^[\w.-]+\s*$/.test(value.text),
  );
  return beside?.value.text.trim() ?? null;
}

/** A value with its name, for what only says whose connection it is. */
export type Named = Pick<Setting, 'key' | 'value'>;

type Credentials = Pick<RawSite, 'user' | 'database'>;

/** User and database that stand beside a host, as far as they are literal. `base`: what the names begin with. */
function readCredentials(settings: readonly Named[], base: string): Credentials {
  const find = (ending: RegExp) => {
    const all = settings.filter(({ key, value }) => ending.test(key) && /^[\w.-]+\s*$/.test(value.text));
    const prefixed = all.filter(({ key }) => key.toLowerCase().startsWith(base));
    // `"host": getenv("DB_HOST"), "user": …`
    const own = prefixed.length > 0 ? prefixed : all.filter(({ key }) => /^[a-z]+$/i.test(key));
    const texts = new Set(own.map(({ value }) => value.text.trim()));
    return texts.size === 1 ? ([...texts][0] ?? null) : null;
  };
  return {
    user: find(/(?:^|[_.-]|(?<=[a-z])(?=U))(?:USER(?:_?NAME)?|PGUSER)$/i),
    database: find(/(?:^|[_.-])(?:DB|DATABASE|NAME|DB_?NAME|DATABASE_?NAME|PGDATABASE)$/i),
  };
}

const HOST_KEY = /(?:^|[_.\-:]|(?<=[a-z])(?=H))(?:HOST(?:_?NAME|_?ADDR)?|SERVER(?:_?NAME)?|ADDR(?:ESS)?|ENDPOINT)$/i;
const PORT_KEY = /(?:^|[_.\-:]|(?<=[a-z])(?=P))PORT(?:_NUMBER)?$/i;

export const isHostKey = (key: string): boolean => /^PGHOST(?:ADDR)?$/i.test(key) || HOST_KEY.test(key);
export const isPortKey = (key: string): boolean => /^PGPORT$/i.test(key) || PORT_KEY.test(key);

/**
 * Variables that a value takes its host from, whatever they are called, each with that of the port, as in
 * {@link ScanContext.hostKeys}: `postgres://u:p@${DB_DOMAIN}:${DB_PORT}/d`, and `DB_HOST` of `${DB_DOMAIN}`.
 */
export function hostVariables(key: string, value: string): [host: string, port: string][] {
  const mapped = mapSlice(value, 0, value.length);
  const variablesAt = (span: Span | null): string[] => {
    const part = span && classifyPart(mapped, span);
    return part === null || part.kind === 'hole' ? [] : part.variables;
  };
  const ends = findUrlDsns(value).flatMap(({ engine, hosts }) => (engine === 'postgres' ? hosts : []));
  if (isHostKey(key) && isDatabaseKey(key)) ends.push({ host: { start: 0, end: value.length }, port: null });
  return ends.flatMap(({ host, port }) => {
    const ports = variablesAt(port);
    return variablesAt(host).map((name, i): [string, string] => [name, ports[i] ?? ports.at(-1) ?? '']);
  });
}

/** E.g.: `DB_HOST` → `db`, `PGHOST` → `pg`, `HOST` → ''. */
const hostBase = (key: string, isHost: boolean): string =>
  key
    .replace(
      isHost ? /(?:HOST(?:_?NAME|_?ADDR)?|SERVER(?:_?NAME)?|ADDR(?:ESS)?|ENDPOINT|UR[LI])$/i : /PORT(?:_NUMBER)?$/i,
      '',
    )
    .replace(/[_.\-:]+$/, '')
    .toLowerCase();

const isPair = (host: string, port: string, { hostKeys }: ScanContext): boolean =>
  (hostKeys?.get(host) || null) === port || hostBase(host, true) === hostBase(port, false);

/** Keys that speak of a database that can be Postgres. */
export const isDatabaseKey = (key: string): boolean =>
  /(?:^|[_.-])(?:PG|POSTGRES(?:QL)?|PSQL|DB|DATABASE|SQL|SQLALCHEMY|TYPEORM|DATASOURCE)(?=[_.-]|$|[0-9])|^PG|POSTGRES|(?:^|[_.-])DB(?=[A-Z_])/i.test(
    key,
  ) &&
  !/MYSQL|MSSQL|MARIA|MONGO|REDIS|INFLUX|COUCH|SCYLLA|CASSANDRA|CLICKHOUSE|RABBIT|ELASTIC|NEO4J|VECTOR_?DB_HOST/i.test(
    key,
  );

/** A word like `HOST` says little: a value that is a known name, or a port that leads to a server, says more. */
function isRelevant(
  key: string,
  host: Part | null,
  port: Part | null,
  context: ScanContext,
  isPostgres: boolean,
): boolean {
  if (host?.value && context.names.has(host.value.toLowerCase())) return true;
  const database = isPostgres || isDatabaseKey(key);
  // 0.0.0.0 is where a server listens, not where a client goes.
  if (!database && host?.value === '0.0.0.0') return false;
  if (host?.value && isLocalName(host.value) && port?.value && context.ports.has(port.value)) return true;
  if (!database) return false;
  return (host ?? port)?.value !== null || (host ?? port)?.kind === 'variable';
}
