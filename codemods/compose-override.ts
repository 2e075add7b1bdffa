/** Values of a service's own in a compose file, over those that it shares with others by an anchor or an env file. */

import type { Newline } from '../src/model/index.ts';
import { contentEnd, lineEndOf, lineStartOf } from '../src/text/lines.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import type { Insertion } from './compose-service.ts';
import {
  endOf,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  keyOf,
  type Node,
  type Pair,
  startOf,
  type YAMLMap,
} from './yaml-nodes.ts';

export type Override = [key: string, value: string];

/**
 * Gives the service `KEY: value` in its own environment. Null where the file's shape leaves no exact place.
 * E.g.: `environment: *shared` → `environment:` with `<<: *shared` and `KEY: value` below.
 */
export function overrideEnvironment(
  file: ComposeFile,
  service: ComposeService,
  overrides: readonly Override[],
  newline: Newline,
): Insertion[] | null {
  const body = service.pair.value;
  if (!isMap(body) || body.flow) return null;
  const pair = body.items.find(item => keyOf(item) === 'environment') as Pair<Node, Node | null> | undefined;
  if (!pair) {
    return service.environment.length > 0
      ? extendMerged(file, service, body, overrides, newline)
      : [appendEnvironment(file, body, overrides, newline)];
  }
  const { value } = pair;
  if (isAlias(value) && isMap(service.environmentNode)) return [replaceAlias(file, pair, overrides, newline)];
  if (isMap(value) && !value.flow && value.items.length > 0) return fillMap(file, value, overrides, newline);
  if (isSeq(value) && !value.flow) return fillList(file, value.items as Node[], overrides, newline);
  return null;
}

/**
 * An environment that comes with the whole service is merged into one of its own; without an anchor it gets one. A list can't be
 * merged: the service gets one of its own with the same entries.
 * E.g.: `<<: *app` → `<<: *app` and `environment:` with `<<: *app-environment` and `KEY: value` below.
 */
function extendMerged(
  file: ComposeFile,
  service: ComposeService,
  body: YAMLMap,
  overrides: readonly Override[],
  newline: Newline,
): Insertion[] | null {
  const node = service.environmentNode;
  if (isSeq(node) && !node.flow) return copyList(file, node.items as Node[], body, overrides, newline);
  // What `extends` brings is merged by compose itself.
  if (!isMap(node)) return null;
  if (node.anchor) return [appendEnvironment(file, body, overrides, newline, node.anchor)];
  if (node.flow) return null;
  const merge = body.items.find(item => keyOf(item) === '<<')?.value;
  const name = isAlias(merge) ? `${merge.source}-environment` : null;
  const at = name === null ? -1 : file.text.lastIndexOf('environment:', startOf(node.items[0]?.key));
  if (
    name === null ||
    at === -1 ||
    file.text.includes(`&${name}`) ||
    !/^environment:\s*$/.test(file.text.slice(at, startOf(node.items[0]?.key)))
  )
    return null;
  return [insert(at + 'environment:'.length, ` &${name}`), appendEnvironment(file, body, overrides, newline, name)];
}

function appendEnvironment(
  file: ComposeFile,
  body: YAMLMap,
  overrides: readonly Override[],
  newline: Newline,
  merged: string | null = null,
): Insertion {
  const indent = indentOf(file, body);
  const base = merged === null ? [] : [`${indent}  <<: *${merged}`];
  const lines = [`${indent}environment:`, ...base, ...overrides.map(([key, value]) => `${indent}  ${key}: ${value}`)];
  return append(file, body, lines, newline);
}

function copyList(
  file: ComposeFile,
  items: readonly Node[],
  body: YAMLMap,
  overrides: readonly Override[],
  newline: Newline,
): Insertion[] | null {
  const entries = items.map(item => file.text.slice(startOf(item), endOf(item)).trimEnd());
  if (!items.every(isScalar) || entries.some(entry => /[\r\n]|^[|>&*!]/.test(entry))) return null;
  const kept = entries.filter((_, i) => !overrides.some(([key]) => isEntryOf(items[i], key)));
  const indent = indentOf(file, body);
  const lines = [...kept, ...overrides.map(([key, value]) => `${key}=${value}`)].map(entry => `${indent}  - ${entry}`);
  return [append(file, body, [`${indent}environment:`, ...lines], newline)];
}

/** `KEY=value` or `KEY` of a list. */
const isEntryOf = (item: Node | undefined, key: string): boolean =>
  isScalar(item) && new RegExp(`^${key}(?:=|$)`).test(String(item.value));

const indentOf = ({ text }: ComposeFile, body: YAMLMap): string => {
  const first = startOf(body.items[0]?.key);
  return text.slice(lineStartOf(text, first), first);
};

function append({ text }: ComposeFile, body: YAMLMap, lines: readonly string[], newline: Newline): Insertion {
  const last = body.items.at(-1);
  return insert(contentEnd(text, endOf(last?.value ?? last?.key)), newline + lines.join(newline));
}

function replaceAlias(
  file: ComposeFile,
  pair: Pair<Node, Node | null>,
  overrides: readonly Override[],
  newline: Newline,
): Insertion {
  const { text } = file;
  const start = startOf(pair.key);
  const indent = `${text.slice(lineStartOf(text, start), start)}  `;
  const span = { start: startOf(pair.value), end: endOf(pair.value) };
  const lines = [
    `<<: ${text.slice(span.start, span.end).trimEnd()}`,
    ...overrides.map(([key, value]) => `${key}: ${value}`),
  ];
  // The blank after the colon goes too.
  const colon = text.lastIndexOf(':', span.start) + 1;
  return { span: { start: colon, end: span.end }, text: lines.map(line => newline + indent + line).join('') };
}

function fillMap(
  file: ComposeFile,
  map: YAMLMap,
  overrides: readonly Override[],
  newline: Newline,
): Insertion[] | null {
  const { text } = file;
  const last = map.items.at(-1) as Pair<Node, Node | null>;
  const first = startOf(map.items[0]?.key);
  const indent = text.slice(lineStartOf(text, first), first);
  if (!/^ *$/.test(indent)) return null;
  const at = contentEnd(text, endOf(last.value ?? last.key));
  const found: Insertion[] = [];
  for (const [key, value] of overrides) {
    const own = map.items.find(item => keyOf(item) === key) as Pair<Node, Node | null> | undefined;
    if (!own) found.push(insert(at, `${newline}${indent}${key}: ${value}`));
    else if (isAlias(own.value) || (isScalar(own.value) && own.value.value !== null)) {
      found.push({ span: { start: startOf(own.value), end: endOf(own.value) }, text: value });
    } else return null;
  }
  return found;
}

function fillList(
  file: ComposeFile,
  items: Node[],
  overrides: readonly Override[],
  newline: Newline,
): Insertion[] | null {
  const { text } = file;
  const last = items.at(-1);
  if (!last || !items.every(item => isScalar(item))) return null;
  const lead = text.slice(lineStartOf(text, startOf(last)), startOf(last));
  const found: Insertion[] = [];
  for (const [key, value] of overrides) {
    const own = items.find(item => isEntryOf(item, key));
    if (own) found.push({ span: { start: startOf(own), end: endOf(own) }, text: `${key}=${value}` });
    else found.push(insert(lineEndOf(text, endOf(last)), `${newline}${lead}${key}=${value}`));
  }
  return found;
}

const insert = (at: number, text: string): Insertion => ({ span: { start: at, end: at }, text });
