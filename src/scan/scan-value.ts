/** Finds the endpoints in one value, whatever the format that holds it. */

import type { Entry, PortSlot, RawSite, Role, Span, Use } from '../model/index.ts';
import { type MappedText, toSource } from '../text/mapped-text.ts';
import { classifyPart } from '../text/part.ts';
import { findUrlDsns, type Keyword, readKeywordDsn, splitHostPort, type UrlDsn } from './dsn.ts';

/** What extraction may know of the topology: only enough to tell that a bare word can be an endpoint. */
export interface ScanContext {
  /** Names of servers and poolers, in lower case. */
  names: ReadonlySet<string>;
  /** Ports that lead to a server or a pooler, on the host or inside. */
  ports: ReadonlySet<string>;
  /**
   * Variables that hold a host though their names need not say so, each with that of its port, '' where none is known:
   * settings of known images (`POSTGRES_SEEDS`), and what a URL or a host is put together from.
   */
  hostKeys?: ReadonlyMap<string, string>;
  /** Paths of files that compose gives to services as env files; they or their templates are there. */
  environmentFiles?: readonly string[];
}

export interface Scope {
  role: Role;
  key?: string | null;
  service?: string | null;
  call?: string | null;
  section?: readonly string[];
  uses?: Use[];
  facts?: string[];
  entry?: Entry | null;
  group?: string | null;
  portSlot?: PortSlot | null;
  local?: string | null;
}

/** URLs first; a keyword DSN or a bare host:port only where the whole value is one. */
export function scanValue(mapped: MappedText, scope: Scope, context: ScanContext): RawSite[] {
  const urls = scanUrls(mapped, scope, context);
  if (urls.length > 0) return urls;
  const keywords = readKeywordDsn(mapped.text);
  if (keywords) return keywordSites(mapped, keywords, scope);
  const pair = scanHostPort(mapped, 0, mapped.text.length, scope, context) ?? scanBareUrl(mapped, scope, context);
  return pair ? [pair] : [];
}

/** `app:secret@db:5432/app`, a URL without its scheme. */
function scanBareUrl(mapped: MappedText, scope: Scope, context: ScanContext): RawSite | null {
  const [, lead = '', user = '', authority = '', database = ''] =
    /^(([\w.-]+):[^\s@/]*@)([^\s@/?]+)\/([\w-]+)(?:\?\S*)?$/.exec(mapped.text) ?? [];
  if (lead === '') return null;
  const site = scanHostPort(mapped, lead.length, lead.length + authority.length, scope, context);
  return site && { ...site, user, database };
}

/** URLs of Postgres, and those of other schemes that name one of our servers. */
export function scanUrls(mapped: MappedText, scope: Scope, context: ScanContext): RawSite[] {
  return (
    findUrlDsns(mapped.text)
      .map(dsn => urlSite(mapped, dsn, scope))
      // `postgresql://` as a prefix to compare with, and socket URLs: no endpoint is named.
      .filter(site => site.host !== null)
      .filter(site => isPostgresScheme(site) || context.names.has(site.host?.value?.toLowerCase() ?? ''))
      .flatMap(withScattered)
  );
}

/** Host and port of a URL that is put together may stand at two places: two sites of one group. */
function withScattered(site: RawSite): RawSite[] {
  const { host, port, facts } = site;
  const isScattered = facts.includes('not-verbatim') && !facts.includes('several-hosts') && host?.exact && port?.exact;
  if (!isScattered || host.value === null || port.value === null) return [site];
  const one: RawSite = {
    ...site,
    form: 'host',
    span: host.span,
    port: null,
    role: site.role === 'argument' ? 'setting' : site.role,
    facts: site.facts.filter(fact => fact !== 'not-verbatim'),
    group: site.group ?? `url@${site.span.start}`,
  };
  return [one, { ...one, form: 'port', span: port.span, extent: null, host: null, port }];
}

const isPostgresScheme = (site: RawSite): boolean => !site.facts.includes('other-scheme');

function urlSite(mapped: MappedText, dsn: UrlDsn, scope: Scope): RawSite {
  const { text } = mapped;
  const first = dsn.hosts[0] as { host: Span; port: Span | null };
  const last = dsn.hosts.at(-1) ?? first;
  const read = (span: Span | null) => (span ? text.slice(span.start, span.end) : null);
  const facts = [...(scope.facts ?? [])];
  if (dsn.engine === 'other') facts.push('other-scheme');
  if (dsn.hosts.length > 1) facts.push('several-hosts');
  if (dsn.ambiguous) facts.push('ambiguous');
  const whole = toSource(mapped, first.host.start, (last.port ?? last.host).end);
  if (!whole.exact) facts.push('not-verbatim');
  return {
    ...emptySite(scope, facts),
    form: 'url',
    span: whole.span,
    extent: extentOf(mapped, dsn.span),
    host: first.host.end > first.host.start ? classifyPart(mapped, first.host) : null,
    port: first.port ? classifyPart(mapped, first.port) : null,
    scheme: dsn.scheme,
    user: read(dsn.user),
    database: read(dsn.path),
    params: (read(dsn.query) ?? '')
      .split('&')
      .filter(param => param !== '' && !/^(?:password|pwd|sslpassword)=/i.test(param))
      .map(param => param.toLowerCase()),
  };
}

/** The whole string, or of one that is put together the piece that begins it. */
function extentOf(mapped: MappedText, { start, end }: Span): Span {
  const whole = toSource(mapped, start, end);
  const first = mapped.runs.find(run => start >= run.at && start < run.at + run.length);
  if (whole.exact || !first) return whole.span;
  const isOrdered = mapped.runs.every((run, i) => i === 0 || run.from >= (mapped.runs[i - 1]?.from ?? 0));
  return isOrdered ? whole.span : toSource(mapped, start, Math.min(end, first.at + first.length)).span;
}

/** The site without an endpoint. */
export function emptySite(scope: Scope, facts: string[] = [...(scope.facts ?? [])]): RawSite {
  return {
    form: 'host',
    span: { start: 0, end: 0 },
    extent: null,
    host: null,
    port: null,
    scheme: '',
    user: null,
    database: null,
    params: [],
    role: scope.role,
    key: scope.key ?? null,
    service: scope.service ?? null,
    call: scope.call ?? null,
    section: scope.section ?? [],
    uses: scope.uses ?? [],
    facts,
    entry: scope.entry ?? null,
    group: scope.group ?? null,
    hostVariable: null,
    portSlot: scope.portSlot ?? null,
    local: scope.local ?? null,
    written: null,
  };
}

/** Host and port of a keyword DSN: two sites of one group, because other settings may stand between them. */
export function keywordSites(mapped: MappedText, keywords: Keyword[], scope: Scope): RawSite[] {
  const pick = (...names: string[]) => keywords.find(keyword => names.includes(keyword.name));
  const read = (keyword: Keyword | undefined) =>
    keyword ? mapped.text.slice(keyword.value.start, keyword.value.end) : null;
  const host = pick('host', 'server', 'hostaddr');
  const port = pick('port');
  if (!host) return [];
  const at = toSource(mapped, host.nameSpan.start, host.nameSpan.end).span.start;
  const end = toSource(mapped, host.value.end, host.value.end);
  // After a quoted value the quote would have to be passed first; such hosts are rare.
  const canHavePort = !port && end.exact && /[\s;]|^$/.test(mapped.text[host.value.end] ?? '');
  const before = /^\s*;/.test(mapped.text.slice(host.value.end)) ? ';Port=' : ' port=';
  const [hostVariable = null] = classifyPart(mapped, host.value).variables;
  const common = {
    ...emptySite(scope),
    user: read(pick('user', 'username', 'userid', 'uid')),
    database: read(pick('dbname', 'database', 'db')),
    params: keywords
      .filter(keyword => !/^(?:password|pwd|host|port)$/.test(keyword.name))
      .map(keyword => `${keyword.name}=${read(keyword)}`.toLowerCase()),
    group: scope.group ?? `keyword@${at}`,
  };
  return [host, port]
    .filter(keyword => keyword !== undefined)
    .map(keyword => {
      const part = classifyPart(mapped, keyword.value);
      const exact = part.exact && !keyword.escaped;
      const facts = exact ? common.facts : [...common.facts, 'not-verbatim'];
      const isHost = keyword === host;
      return {
        ...common,
        facts: read(keyword)?.includes(',') ? [...facts, 'several-hosts'] : facts,
        form: 'keyword' as const,
        span: part.span,
        host: isHost ? { ...part, exact } : null,
        port: isHost ? null : { ...part, exact },
        hostVariable: isHost ? null : hostVariable,
        portSlot: canHavePort && part.kind !== 'hole' ? { at: end.span.start, before, after: '' } : null,
      };
    });
}

/** A bare `name:5432` (`postgres:15` is an image), where the name is a known one or the port leads to a server. */
export function scanHostPort(
  mapped: MappedText,
  start: number,
  end: number,
  scope: Scope,
  context: ScanContext,
): RawSite | null {
  const pair = splitHostPort(mapped.text, start, end);
  if (!pair?.port) return null;
  const host = classifyPart(mapped, pair.host);
  const port = classifyPart(mapped, pair.port);
  // `database: cannot connect` is a message.
  if (/\s/.test(mapped.text.slice(pair.port.start, pair.port.end))) return null;
  if (host.value === null || (port.value !== null && !/^\d{4,5}$/.test(port.value))) return null;
  // `docker compose cp db:/dump .`
  if (/^["'`]?[A-Za-z./~]/.test(mapped.text.slice(pair.port.start, pair.port.end))) return null;
  const local = isLocalName(host.value) && context.ports.has(port.value ?? '');
  if (!local && !context.names.has(host.value.toLowerCase())) return null;
  const whole = toSource(mapped, start, end);
  return {
    ...emptySite(scope),
    ...(whole.exact ? {} : { facts: [...(scope.facts ?? []), 'not-verbatim'] }),
    form: 'host-port',
    span: whole.span,
    host,
    port,
  };
}

/** Names by which a process reaches the machine that it runs on, or the host of its container. */
export const isLocalName = (host: string): boolean =>
  /^(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1\]|::1|host\.docker\.internal)$/i.test(host);
