/** The pooler's service in a compose file: after the Postgres service, in the file's own style. */
import { type Document, stringify } from 'yaml';
import type { Newline, Span } from '../src/model/index.ts';
import { lineEndOf, lineStartOf } from '../src/text/lines.ts';
import { renameItem } from './companion.ts';
import { isTrusting, listCredentials, rawEntry } from './compose-credentials.ts';
import type { ComposeFile, ComposeService, EnvironmentEntry } from './compose-file.ts';
import {
  endOf,
  getPair,
  isMap,
  isPair,
  isSeq,
  keyOf,
  type Node,
  type Pair,
  startOf,
  type YAMLMap,
} from './yaml-nodes.ts';

export interface PoolerService {
  name: string;
  port: number;
  /** `${HOST_PGBOUNCER_PORT:-6432}`; null where Postgres is not published either. */
  published: string | null;
  /** Address that the mapping of Postgres is bound to. */
  address: string | null;
  buildContext: string;
  /** A public image instead of one that is built, and what it calls the variables. */
  image: {
    name: string;
    rename: (name: string) => readonly string[];
    constants: readonly [name: string, value: string][];
  } | null;
  upstreamPort: number;
  profiles: string[];
  /** Further variables: tuning knobs with their defaults. */
  settings: [name: string, value: string][];
  /** Files and directories for the container. E.g.: `./pgbouncer/custom.ini:/run/pgbouncer/custom.ini:ro` */
  mounts: string[];
  /** Shell command that succeeds when the pooler works. */
  healthCheck: string;
  /** Further servers of the file, and the databases that lead to each: `name=host:port`. */
  others: ComposeService[];
  /** Where the runbook is found. E.g.: `the PgBouncer section of the README` */
  documents: string;
  routes: string[];
}

export interface Insertion {
  span: Span;
  text: string;
}

interface Style {
  indent: string;
  unit: string;
  quote: string;
  /** Indentation of list items below their key: '' or one unit. */
  listIndent: string;
  newline: Newline;
}

/** Throws an Error with the reason where the file's shape leaves no exact place. */
export function insertService(
  file: ComposeFile,
  server: ComposeService,
  pooler: PoolerService,
  newline: Newline,
): Insertion {
  const style = readStyle(file, server, newline);
  const at = serviceEnd(file, server);
  const gap = isSpaced(file, server) ? newline : '';
  const lines = renderService(file, server, pooler, style);
  return {
    span: { start: at, end: at },
    text: newline + gap + lines.map(line => (line === '' ? '' : style.indent + line)).join(newline),
  };
}

function readStyle(file: ComposeFile, server: ComposeService, newline: Newline): Style {
  const { text } = file;
  const value = server.pair.value;
  if (!isMap(value)) throw new Error(`service ${server.name} comes from an anchor`);
  if (file.servicesNode?.flow) throw new Error('the services are written in flow style');
  const indent = text.slice(lineStartOf(text, startOf(server.pair.key)), startOf(server.pair.key));
  if (!/^ *$/.test(indent)) throw new Error(`service ${server.name} does not start on a line of its own`);
  const unit = unitOf(text, value, indent);
  if (unit === null) throw new Error(`service ${server.name} is indented in a way that can't be copied`);
  const list = file.services
    .flatMap(service => ['ports', 'volumes', 'depends_on', 'environment', 'networks'].map(key => ownPair(service, key)))
    .find(pair => isSeq(pair?.value) && !pair.value.flow && pair.value.items.length > 0);
  const item = list ? startOf((list.value as { items: Node[] }).items[0]) : -1;
  const dash = item === -1 ? null : /^( *)-/.exec(text.slice(lineStartOf(text, item)))?.[1];
  const keyColumn = list ? startOf(list.key) - lineStartOf(text, startOf(list.key)) : 0;
  return {
    indent,
    unit,
    quote: /^\s*-\s+'/m.test(text) && !/^\s*-\s+"/m.test(text) ? "'" : '"',
    listIndent: dash === null || dash === undefined ? unit : ' '.repeat(Math.max(0, dash.length - keyColumn)),
    newline,
  };
}

/** What the service's own keys are indented by; a service on one line (`db: { image: … }`) takes the services' own. */
function unitOf(text: string, service: YAMLMap, indent: string): string | null {
  if (service.flow) return indent === '' ? '  ' : indent;
  const first = startOf(service.items[0]?.key);
  const inner = text.slice(lineStartOf(text, first), first);
  return /^ *$/.test(inner) && inner.length > indent.length ? inner.slice(indent.length) : null;
}

const ownPair = (service: ComposeService, key: string): Pair | undefined =>
  isMap(service.pair.value) ? service.pair.value.items.find(pair => keyOf(pair) === key) : undefined;

/** The end of the service's last line with content; comments and blank lines after it belong to what follows. */
function serviceEnd(file: ComposeFile, server: ComposeService): number {
  const { text } = file;
  const items = file.servicesNode?.items ?? [];
  const index = items.indexOf(server.pair);
  const next = items[index + 1];
  const range = file.servicesNode?.range ?? [0, text.length, text.length];
  const limit = next ? startOf(next.key) : Math.min(range[2] ?? text.length, text.length);
  const column = startOf(server.pair.key) - lineStartOf(text, startOf(server.pair.key));
  let end = lineEndOf(text, startOf(server.pair.key));
  for (let at = lineStartOf(text, startOf(server.pair.key)); at < limit; ) {
    const stop = lineEndOf(text, at);
    const line = text.slice(at, stop);
    const isComment = /^\s*#/.test(line);
    const depth = line.length - line.trimStart().length;
    if (line.trim() !== '' && stop <= Math.max(limit, 0) && (!isComment || depth > column)) end = stop;
    const newline = text.indexOf('\n', at);
    if (newline === -1) break;
    at = newline + 1;
  }
  return end;
}

/** Services with blank lines between them get one before the new service too. */
function isSpaced(file: ComposeFile, server: ComposeService): boolean {
  const items = file.servicesNode?.items ?? [];
  const other =
    items[items.indexOf(server.pair) + 1] ?? (items.length > 1 ? items[items.indexOf(server.pair)] : undefined);
  return other
    ? /\r?\n[ \t]*\r?\n/.test(file.text.slice(Math.max(0, startOf(other.key) - 400), startOf(other.key)))
    : true;
}

function renderService(file: ComposeFile, server: ComposeService, pooler: PoolerService, style: Style): string[] {
  const { document } = file;
  const { unit, quote } = style;
  const lines: string[] = [];
  const item = (text: string) => `${unit}${style.listIndent}- ${text}`;
  const add = (key: string, value: string) => lines.push(`${unit}${key}: ${value}`);
  const addList = (key: string, items: string[]) => lines.push(`${unit}${key}:`, ...items.map(item));
  const quoted = (text: string) => `${quote}${text}${quote}`;

  lines.push(
    `# Pools connections to ${[server, ...pooler.others].map(({ name }) => name).join(', ')}. Runbook, sizing and direct access: see ${pooler.documents}.`,
  );
  lines.push(`${pooler.name}:`);
  if (pooler.image) {
    add('image', pooler.image.name);
    // The generated image says so itself: running transactions end, idle clients are cut off.
    add('stop_signal', 'SIGINT');
  } else add('build', pooler.buildContext);
  for (const key of ['restart', 'logging', 'env_file', 'secrets', 'platform'])
    lines.push(...copyPair(file, server, key, style));
  if (pooler.profiles.length > 0) addList('profiles', pooler.profiles);
  lines.push(...renderDependsOn(server, pooler, style));
  lines.push(...renderEnvironment(file, server, pooler, style));
  if (pooler.published !== null) {
    const address = pooler.address === null ? '' : `${pooler.address}:`;
    addList('ports', [quoted(`${address}${pooler.published}:${pooler.port}`)]);
  }
  if (pooler.mounts.length > 0) addList('volumes', pooler.mounts);
  lines.push(`${unit}healthcheck:`);
  lines.push(
    `${unit}${unit}# PgBouncer itself answers pg_isready, also with Postgres down: so a query has to pass too.`,
  );
  lines.push(`${unit}${unit}test: ${pooler.healthCheck.replaceAll('$', '$$$$')}`);
  for (const [key, value] of [
    ['interval', '5s'],
    ['timeout', '10s'],
    ['retries', '5'],
    ['start_period', '10s'],
  ]) {
    lines.push(`${unit}${unit}${key}: ${value}`);
  }
  add('stop_grace_period', '30s');
  lines.push(`${unit}ulimits:`, `${unit}${unit}nofile: 65536`);
  const networks = [...new Set([server, ...pooler.others].flatMap(one => networkNames(one, document)))];
  if (networks.length > 0) addList('networks', networks);
  return lines;
}

/** Copies a setting of the Postgres service as it is written; both stand at the same depth. */
function copyPair(file: ComposeFile, server: ComposeService, key: string, style: Style): string[] {
  const pair = ownPair(server, key);
  if (!pair?.value) return [];
  const start = startOf(pair.key);
  const value = pair.value as Node;
  // The range of an alias ends with its name, that of a block with its last item.
  const text = file.text.slice(start, endOf(value)).trimEnd();
  // A service on one line has no depth to copy.
  if (isMap(server.pair.value) && server.pair.value.flow) return text.includes('\n') ? [] : [style.unit + text];
  const depth = start - lineStartOf(file.text, start);
  return text
    .split(/\r?\n/)
    .map((line, i) => (i === 0 ? style.unit + line : line.slice(Math.max(0, depth - style.unit.length))));
}

function renderDependsOn(server: ComposeService, pooler: PoolerService, { unit }: Style): string[] {
  const lines = [`${unit}depends_on:`];
  for (const { name, healthcheck, profiles } of [server, ...pooler.others]) {
    const condition = healthcheck === null ? 'service_started' : 'service_healthy';
    lines.push(`${unit}${unit}${name}:`, `${unit}${unit}${unit}condition: ${condition}`);
    // Postgres that only some profiles start must not keep the pooler of the others from starting.
    if (profiles.some(profile => !pooler.profiles.includes(profile)))
      lines.push(`${unit}${unit}${unit}required: false`);
  }
  return lines;
}

function renderEnvironment(file: ComposeFile, server: ComposeService, pooler: PoolerService, style: Style): string[] {
  const { unit } = style;
  const isList = isSeq(server.environmentNode);
  const upstream: [string, string][] =
    pooler.others.length > 0
      ? [['PGBOUNCER_DATABASES', pooler.routes.join(' ')]]
      : [
          ['PGBOUNCER_UPSTREAM_HOST', server.name],
          ['PGBOUNCER_UPSTREAM_PORT', String(pooler.upstreamPort)],
        ];
  const own: [string, string][] = [...upstream, ['PGBOUNCER_PORT', `\${PGBOUNCER_PORT:-${pooler.port}}`]];
  if (isTrusting(server)) own.push(['PGBOUNCER_AUTH_TYPE', 'trust']);
  if (pooler.image) return renderForImage(file, server, [...own, ...pooler.settings], pooler.image, style);
  const lines = [`${unit}environment:`];
  for (const [name, value] of own) lines.push(renderEntry(name, value, isList, style));
  for (const [name, entry] of listCredentials(file, server, pooler.others))
    lines.push(copyEntry(file, server, entry, name, isList, style));
  for (const [name, value] of pooler.settings) lines.push(renderEntry(name, value, isList, style));
  return lines;
}

/** The same for a public image, under its names. @throws Error for what it has no setting for. */
function renderForImage(
  file: ComposeFile,
  server: ComposeService,
  settings: readonly [name: string, value: string][],
  image: NonNullable<PoolerService['image']>,
  style: Style,
): string[] {
  const isList = isSeq(server.environmentNode);
  const namesOf = (name: string): readonly string[] => {
    const names = image.rename(name);
    if (names.length === 0) throw new Error(`${image.name} has no setting for ${name}; leave assets.image out`);
    return names;
  };
  if (server.envFiles.length > 0)
    throw new Error(
      `${server.name} takes its user and password from an env_file, whose names ${image.name} does not know`,
    );
  const entries = settings.flatMap(([name, value]) => namesOf(name).map((own): [string, string] => [own, value]));
  const credentials = listCredentials(file, server, []).flatMap(([name, entry]) =>
    namesOf(name).map((own): [string, string] => [own, copyEntry(file, server, entry, own, isList, style)]),
  );
  const given = new Set(credentials.map(([name]) => name));
  const defaults = image
    .rename('POSTGRES_USER')
    .flatMap((name): [string, string][] => (given.has(name) ? [] : [[name, 'postgres']]));
  const known = new Set(entries.map(([name]) => name));
  const constants = image.constants.filter(([name]) => !known.has(name));
  const render = ([name, value]: [string, string]) => renderEntry(name, value, isList, style);
  return [
    `${style.unit}environment:`,
    ...entries.map(render),
    ...credentials.map(([, line]) => line),
    ...[...defaults, ...constants].map(render),
  ];
}

/** A variable of the server under a name of the pooler's, as it is written where map stays map and list stays list. */
function copyEntry(
  file: ComposeFile,
  server: ComposeService,
  entry: EnvironmentEntry,
  name: string,
  isList: boolean,
  style: Style,
): string {
  const raw = rawEntry(file, entry);
  if (raw === null) throw new Error(`${entry.key} of ${server.name} is written in a form that can't be copied`);
  // Without a value it is what compose itself gets under that name.
  if (entry.value === null && name !== entry.key) return renderEntry(name, `\${${entry.key}}`, isList, style);
  const { unit, listIndent, quote } = style;
  const scalar = (text: string) => stringify(text, { lineWidth: 0, singleQuote: quote === "'" }).trimEnd();
  const isItem = !isPair(entry.node);
  if (isList) {
    const same = isItem ? renameItem(raw, entry.key, name) : scalar(`${name}=${entry.value}`);
    return `${unit}${listIndent}- ${entry.value === null ? name : same}`;
  }
  if (entry.value === null) return `${unit}${unit}${name}:`;
  return `${unit}${unit}${name}: ${isItem ? scalar(entry.value) : raw}`;
}

/** A map's numbers, truth values and stars need quotes; in a list they would be part of the value. */
function renderEntry(name: string, value: string, isList: boolean, { unit, listIndent, quote }: Style): string {
  if (isList) return `${unit}${listIndent}- ${name}=${value}`;
  const shown = /^(?:\d+|true|false|\*)$/.test(value) ? `${quote}${value}${quote}` : value;
  return `${unit}${unit}${name}: ${shown}`;
}

/** Networks by name only: aliases and fixed addresses belong to Postgres. */
const networkNames = ({ pair, networks }: ComposeService, document: Document): string[] =>
  getPair(pair.value, 'networks', document) ? networks : [];
