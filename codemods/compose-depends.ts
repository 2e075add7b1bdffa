/** `depends_on` for consumers that became pooled: they wait for the pooler, in the style that the file uses. */

import type { Newline, Span } from '../src/model/index.ts';
import { contentEnd, lineEndOf, lineStartOf } from '../src/text/lines.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import {
  endOf,
  isMap,
  isScalar,
  isSeq,
  keyOf,
  type Node,
  type Pair,
  pairsOf,
  resolveNode,
  startOf,
  type YAMLMap,
} from './yaml-nodes.ts';

export interface Insertion {
  span: Span;
  text: string;
}

/** Null where the consumer waits already; throws an Error with the reason where there is no exact place. */
export function insertDependency(
  file: ComposeFile,
  service: ComposeService,
  pooler: string,
  newline: Newline,
): Insertion | null {
  if (service.dependsOn.includes(pooler)) return null;
  const { text, document } = file;
  const body = resolveNode(service.pair.value, document);
  const pair = pairsOf(body, document).find(candidate => keyOf(candidate) === 'depends_on') as Pair | undefined;
  if (!pair) return insertWhole(file, service, pooler, newline);
  const value = resolveNode(pair.value, document);
  if (isSeq(value)) return appendItem(text, value as { items: Node[]; flow?: boolean } & Node, pooler, newline);
  if (isMap(value)) return appendKey(text, value, pooler, newline);
  throw new Error(`depends_on of ${service.name} is neither a list nor a map`);
}

function appendItem(
  text: string,
  list: Node & { items: Node[]; flow?: boolean },
  pooler: string,
  newline: Newline,
): Insertion {
  const last = list.items.at(-1);
  if (!last || !isScalar(last)) throw new Error('an empty depends_on');
  const end = endOf(last);
  if (list.flow) return at(end, `, ${likeQuoted(text, last, pooler)}`);
  const lead = text.slice(lineStartOf(text, startOf(last)), startOf(last));
  return at(lineEndOf(text, end), `${newline}${lead}${likeQuoted(text, last, pooler)}`);
}

/** The new item is quoted as its neighbour is. */
function likeQuoted(text: string, node: Node, value: string): string {
  const quote = text[startOf(node)] ?? '';
  return quote === '"' || quote === "'" ? quote + value + quote : value;
}

function appendKey(text: string, map: YAMLMap, pooler: string, newline: Newline): Insertion {
  const last = map.items.at(-1);
  if (!last) throw new Error('an empty depends_on');
  if (map.flow) return at(endOf(last.value ?? last.key), `, ${pooler}: { condition: service_healthy }`);
  const indent = text.slice(lineStartOf(text, startOf(last.key)), startOf(last.key));
  const first = isMap(last.value) ? startOf(last.value.items[0]?.key) : -1;
  const inner =
    first === -1 || (last.value as YAMLMap).flow
      ? '  '
      : text.slice(lineStartOf(text, first), first).slice(indent.length);
  const end = contentEnd(text, endOf(last.value ?? last.key));
  return at(end, `${newline}${indent}${pooler}:${newline}${indent}${inner || '  '}condition: service_healthy`);
}

/** A consumer without depends_on gets one, where its own keys start. */
function insertWhole(file: ComposeFile, service: ComposeService, pooler: string, newline: Newline): Insertion {
  const { text } = file;
  const body = service.pair.value;
  if (!isMap(body)) throw new Error(`service ${service.name} comes from an anchor`);
  const lastPair = body.items.at(-1);
  if (body.flow && lastPair)
    return at(endOf(lastPair.value ?? lastPair.key), `, depends_on: { ${pooler}: { condition: service_healthy } }`);
  const last = body.items.at(-1);
  const first = startOf(body.items[0]?.key);
  const indent = text.slice(lineStartOf(text, first), first);
  if (!last || !/^ *$/.test(indent)) throw new Error(`service ${service.name} has no place for depends_on`);
  const unit =
    indent.slice(text.slice(lineStartOf(text, startOf(service.pair.key)), startOf(service.pair.key)).length) || '  ';
  const end = contentEnd(text, endOf(last.value ?? last.key));
  const lines = usesLists(file)
    ? [`${indent}depends_on:`, `${indent}${unit}- ${pooler}`]
    : [`${indent}depends_on:`, `${indent}${unit}${pooler}:`, `${indent}${unit}${unit}condition: service_healthy`];
  return at(end, newline + lines.join(newline));
}

const usesLists = (file: ComposeFile): boolean =>
  file.services.some(
    service =>
      isMap(service.pair.value) &&
      service.pair.value.items.some(pair => keyOf(pair) === 'depends_on' && isSeq(pair.value)),
  );

const at = (offset: number, text: string): Insertion => ({ span: { start: offset, end: offset }, text });
