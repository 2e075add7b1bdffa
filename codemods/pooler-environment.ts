/** The variables of the pooler's service in a compose file: its own, and those of the server as they are written. */
import { stringify } from 'yaml';
import { renameItem } from './companion.ts';
import { isTrusting, listCredentials, rawEntry } from './compose-credentials.ts';
import type { ComposeFile, ComposeService, EnvironmentEntry } from './compose-file.ts';
import type { Style } from './compose-style.ts';
import { isPair, isSeq } from './yaml-nodes.ts';

/** What its variables are made of. */
export interface PoolerVariables {
  port: number;
  /** The port as compose writes it. E.g.: `${PGBOUNCER_PORT:-6432}` */
  portText: string;
  /** A public image instead of one that is built, and what it calls the variables. */
  image: {
    name: string;
    /** @throws Error where it has no such setting */
    namesOf: (name: string) => readonly string[];
    constants: readonly [name: string, value: string][];
  } | null;
  upstreamPort: number;
  /** Further variables: tuning knobs with their defaults. */
  settings: [name: string, value: string][];
  /** Further servers of the file, and the databases that lead to each: `name=host:port`. */
  others: ComposeService[];
  routes: string[];
}

export function renderEnvironment(
  file: ComposeFile,
  server: ComposeService,
  pooler: PoolerVariables,
  style: Style,
): string[] {
  const { unit } = style;
  const isList = isSeq(server.environmentNode);
  const upstream: [string, string][] =
    pooler.others.length > 0
      ? [['PGBOUNCER_DATABASES', pooler.routes.join(' ')]]
      : [
          ['PGBOUNCER_UPSTREAM_HOST', server.name],
          ['PGBOUNCER_UPSTREAM_PORT', String(pooler.upstreamPort)],
        ];
  const own: [string, string][] = [...upstream, ['PGBOUNCER_PORT', pooler.portText]];
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
  image: NonNullable<PoolerVariables['image']>,
  style: Style,
): string[] {
  const isList = isSeq(server.environmentNode);
  if (server.envFiles.length > 0)
    throw new Error(
      `${server.name} takes its user and password from an env_file, whose names ${image.name} does not know`,
    );
  const entries = settings.flatMap(([name, value]) => image.namesOf(name).map((own): [string, string] => [own, value]));
  const credentials = listCredentials(file, server, []).flatMap(([name, entry]) =>
    image.namesOf(name).map((own): [string, string] => [own, copyEntry(file, server, entry, own, isList, style)]),
  );
  const given = new Set(credentials.map(([name]) => name));
  const defaults = image
    .namesOf('POSTGRES_USER')
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
