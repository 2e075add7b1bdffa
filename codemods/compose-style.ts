/** How a compose file is written: what is added takes its indentation, quotes and line ends. */
import type { Newline } from '../src/model/index.ts';
import { lineStartOf } from '../src/text/lines.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import { isMap, isSeq, keyOf, type Node, type Pair, startOf, type YAMLMap } from './yaml-nodes.ts';

export interface Style {
  indent: string;
  unit: string;
  quote: string;
  /** Indentation of list items below their key: '' or one unit. */
  listIndent: string;
  newline: Newline;
}

/** @throws Error with the reason where the style of the service can't be copied */
export function readStyle(file: ComposeFile, server: ComposeService, newline: Newline): Style {
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

export const ownPair = (service: ComposeService, key: string): Pair | undefined =>
  isMap(service.pair.value) ? service.pair.value.items.find(pair => keyOf(pair) === key) : undefined;
