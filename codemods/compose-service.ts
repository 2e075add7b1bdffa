/** The pooler's service in a compose file: after the Postgres service, in the file's own style. */
import type { Document } from 'yaml';
import type { Newline, Span } from '../src/model/index.ts';
import { lineEndOf, lineStartOf } from '../src/text/lines.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import { ownPair, readStyle, type Style } from './compose-style.ts';
import { type PoolerVariables, renderEnvironment } from './pooler-environment.ts';
import { endOf, getPair, isMap, type Node, startOf } from './yaml-nodes.ts';

export interface PoolerService extends PoolerVariables {
  name: string;
  /** `${HOST_PGBOUNCER_PORT:-6432}`; null where Postgres is not published either. */
  published: string | null;
  /** Address that the mapping of Postgres is bound to. */
  address: string | null;
  buildContext: string;
  profiles: string[];
  /** Files and directories for the container. E.g.: `./pgbouncer/custom.ini:/run/pgbouncer/custom.ini:ro` */
  mounts: string[];
  /** Shell command that succeeds when the pooler works. */
  healthCheck: string;
  /** Where the runbook is found. E.g.: `the PgBouncer section of the README` */
  documents: string;
}

export interface Insertion {
  span: Span;
  text: string;
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

/** Networks by name only: aliases and fixed addresses belong to Postgres. */
const networkNames = ({ pair, networks }: ComposeService, document: Document): string[] =>
  getPair(pair.value, 'networks', document) ? networks : [];
