/**
 * The migrations of a Spring application take a connection of their own, past the pooler, from the settings beside its data source.
 * Source: docs.spring.io/spring-boot/appendix/application-properties (`spring.flyway.url`, `spring.liquibase.url`, each with user and password)
 */
import type { Span } from '../src/model/index.ts';
import { type Expansion, readExpansions } from '../src/text/expansion.ts';
import { contentEnd, indentAt, lineEndOf } from '../src/text/lines.ts';
import { endOf, getNode, getPair, isMap, isScalar, keyOf, type Node, readYaml, startOf } from './yaml-nodes.ts';

export type SpringTool = 'flyway' | 'liquibase';

/** The values of `spring.datasource` as they are written. */
export interface SpringSource {
  url: string;
  username: string;
  password: string;
}

/** Settings files of Spring Boot: `application.yml`, `application-docker.properties`. */
export const isSpringSettings = (path: string): boolean =>
  /(?:^|\/)(?:application|bootstrap)(?:-[\w-]+)?\.(?:ya?ml|properties)$/.test(path);

/** Null where the file does not set all three. */
export function readSpringSource(path: string, text: string): SpringSource | null {
  return find(path, text)?.source ?? null;
}

/**
 * The insertion that sets the tool's own connection, with the variables of host, port or the whole URL made direct.
 * Null where there is no exact place, or the tool has one already.
 * E.g.: `url: ${DB_URL}` → `flyway:` with `url: ${DB_URL_DIRECT:${DB_URL}}` below the data source
 */
export function connectSpringTool(
  path: string,
  text: string,
  tool: SpringTool,
  suffix: string,
): { span: Span; text: string }[] | null {
  const found = find(path, text);
  const at = found?.place(tool) ?? null;
  if (!found || at === null) return null;
  const { url, username, password } = found.source;
  const entries = [
    ['url', makeDirect(url, suffix)],
    ['user', username],
    ['password', password],
  ] as const;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return [{ span: { start: at.offset, end: at.offset }, text: at.render(entries, newline) }];
}

type Entries = readonly (readonly [name: string, value: string])[];

interface Found {
  source: SpringSource;
  place(tool: SpringTool): { offset: number; render(entries: Entries, newline: string): string } | null;
}

const find = (path: string, text: string): Found | null =>
  path.endsWith('.properties') ? inProperties(text) : inYaml(text);

function inProperties(text: string): Found | null {
  const lines = new Map<string, { value: string; end: number }>();
  for (const match of text.matchAll(/^[ \t]*(spring\.[\w.-]+)[ \t]*[=:][ \t]*(.*?)[ \t]*\r?$/gm)) {
    const [, name = '', value = ''] = match;
    // A value that goes on below is none that can be copied, and of two neither is sure.
    if (lines.has(name) || value.endsWith('\\')) return null;
    lines.set(name, { value, end: lineEndOf(text, match.index) });
  }
  const get = (name: string) => lines.get(`spring.datasource.${name}`);
  const [url, username, password] = [get('url'), get('username'), get('password')];
  if (!url || !username || !password) return null;
  const offset = Math.max(url.end, username.end, password.end);
  return {
    source: { url: url.value, username: username.value, password: password.value },
    place: tool =>
      lines.has(`spring.${tool}.url`)
        ? null
        : {
            offset,
            render: (entries, newline) =>
              entries.map(([name, value]) => `${newline}spring.${tool}.${name}=${value}`).join(''),
          },
  };
}

function inYaml(text: string): Found | null {
  const all = readYaml(text, true).flatMap(({ document, contents }) => {
    const spring = getNode(contents, 'spring', document);
    const pair = getPair(spring, 'datasource', document);
    return pair ? [{ document, spring, pair }] : [];
  });
  const [found, ...profiles] = all;
  // A profile further down has a data source of its own, which the tool would have to follow.
  if (!found || profiles.length > 0) return null;
  const { document, spring, pair } = found;
  if (!isMap(spring) || spring.flow || !isMap(pair.value) || pair.value.flow) return null;
  const raw = (name: string): string | null => {
    const node = getNode(pair.value, name, document);
    const value = isScalar(node) ? text.slice(startOf(node), endOf(node)) : '';
    return value === '' || /[\r\n]/.test(value) ? null : value;
  };
  const [url, username, password] = [raw('url'), raw('username'), raw('password')];
  return url === null || username === null || password === null
    ? null
    : { source: { url, username, password }, place: tool => placeInYaml(text, spring, pair, tool) };
}

function placeInYaml(
  text: string,
  spring: Extract<Node, { items: unknown[] }>,
  datasource: { key: unknown; value: unknown },
  tool: SpringTool,
): ReturnType<Found['place']> {
  if (!isMap(spring) || !isMap(datasource.value)) return null;
  const outer = indentAt(text, startOf(datasource.key));
  const inner = indentAt(text, startOf(datasource.value.items[0]?.key));
  const own = spring.items.find(item => keyOf(item) === tool);
  const lines = (indent: string, entries: Entries, newline: string) =>
    entries.map(([name, value]) => `${newline}${indent}${name}: ${value}`).join('');
  if (!own)
    return {
      offset: contentEnd(text, endOf(datasource.value)),
      render: (entries, newline) => `${newline}${outer}${tool}:${lines(inner, entries, newline)}`,
    };
  const map = own.value;
  if (!isMap(map) || map.flow || map.items.some(item => /^(?:url|user|password)$/.test(keyOf(item)))) return null;
  const indent = indentAt(text, startOf(map.items[0]?.key));
  return { offset: contentEnd(text, endOf(map)), render: (entries, newline) => lines(indent, entries, newline) };
}

/** `${NAME:default}` → `${NAME_DIRECT:${NAME:default}}` */
function makeDirect(url: string, suffix: string): string {
  let out = '';
  let at = 0;
  for (const { start, end, variable } of addressReads(url)) {
    out += `${url.slice(at, start)}\${${variable}${suffix}:${url.slice(start, end)}}`;
    at = end;
  }
  return out + url.slice(at);
}

/** The variables of the whole URL, or of its host and port. */
export const addressVariables = ({ url }: SpringSource): string[] =>
  addressReads(url).map(({ variable }) => variable as string);

function addressReads(url: string): Expansion[] {
  const [, lead = '', address = url] = /^(["']?jdbc:[\w:]+:\/\/)([^/]*)/.exec(url) ?? [];
  return readExpansions(url, lead.length, lead.length + address.length).filter(({ variable }) => variable !== null);
}

/** `${NAME}` and `${NAME:default}` as a whole. */
export function variableOf(value: string): string | null {
  const bare = value.replace(/^(["'])(.*)\1$/, '$2');
  const [only, ...others] = readExpansions(bare, 0, bare.length);
  return only && others.length === 0 && only.start === 0 && only.end === bare.length ? only.variable : null;
}
