/** Events of files that only hold settings: YAML of frameworks and compose, Java properties, env files. */

import { mapSlice } from '../src/text/mapped-text.ts';
import { commandsIn } from './command-events.ts';
import { readEnvLines } from './dotenv-lines.ts';
import { type Event, slotAfter } from './events.ts';
import { isScriptFlag, isShell, readShell } from './shell-words.ts';
import {
  endOf,
  isMap,
  isPair,
  isScalar,
  isSeq,
  keyOf,
  mapScalar,
  type Pair,
  pairsOf,
  readYaml,
  resolveNode,
  startOf,
  textOf,
} from './yaml-nodes.ts';

/** `connection-init-sql` and the like are run as they stand. */
const calleeFor = (key: string): string | null => (/(?:sql|query|statement)s?$/i.test(key) ? 'sql' : null);

export function readYamlEvents(text: string): Event[] {
  const events: Event[] = [];
  for (const { document, contents } of readYaml(text, true)) {
    const siblingsOf = (map: unknown) =>
      pairsOf(map, document).map(pair => `${keyOf(pair)}=${textOf(resolveNode(pair.value, document)) ?? ''}`);
    const visit = (node: unknown, within: readonly string[]): void => {
      if (isSeq(node)) {
        for (const item of node.items) {
          const assignment = isScalar(item) ? /^([A-Z_]+)=([\s\S]*)$/.exec(String(item.value)) : null;
          if (!assignment) visit(item, within);
          else events.push(plain(assignment[1] ?? '', assignment[2] ?? '', startOf(item), within));
        }
      }
      if (!isMap(node)) return;
      const named = textOf(node.get?.('name', true));
      const value = textOf(node.get?.('value', true));
      if (named && value) events.push(plain(named, value, startOf(node), within));
      for (const pair of node.items.filter(isPair) as Pair[]) {
        const name = keyOf(pair);
        const value = textOf(pair.value);
        const at = startOf(pair.key);
        if (/^(?:command|entrypoint)$/.test(name)) events.push(...commandAt(pair.value, at));
        if (value === null) {
          visit(pair.value, [name, ...within]);
          continue;
        }
        const slot = slotAfter(text, at, contentOf(pair, text), '');
        events.push({ kind: 'setting', name, value, at, within, siblings: () => siblingsOf(node), slot });
        if (isScalar(pair.value))
          events.push({ kind: 'sql', value: mapScalar(text, pair.value), callee: calleeFor(name) });
      }
    };
    visit(contents, []);
  }
  return events;
}

/** `command:` of compose, in one text or in words, at the place of its key. */
function commandAt(value: unknown, at: number): Event[] {
  const words = isSeq(value) ? value.items.map(item => textOf(item) ?? '') : null;
  const script = words && isScriptFlag(words.at(-2) ?? '') && isShell(words.at(-3) ?? '') ? words.at(-1) : null;
  const text = script ?? words?.join(' ') ?? textOf(value) ?? '';
  return commandsIn({ text, runs: [] }).map(event => ({ ...event, at }) as Event);
}

/** The end of a value without the line break that the parser counts to it. */
const contentOf = ({ value }: Pair, text: string): number => {
  const end = endOf(value);
  return text.slice(0, end).trimEnd().length;
};

const plain = (name: string, value: string, at: number, within: readonly string[]): Event => ({
  kind: 'setting',
  name,
  value,
  at,
  within,
  siblings: () => [],
  slot: null,
});

/** `spring.datasource.hikari.connection-init-sql=…`: the last part is the name, the others stand around it. */
export function readPropertiesEvents(text: string): Event[] {
  return [...text.matchAll(/^[ \t]*([\w.-]+)[ \t]*[=:][ \t]*(.*?)[ \t]*\r?$/gm)].flatMap(match => {
    const [whole, key = '', value = ''] = match;
    const [name = '', ...within] = key.split('.').reverse();
    const end = match.index + whole.trimEnd().length;
    return [
      plain(name, value, match.index + whole.indexOf(key), within),
      { kind: 'sql', value: mapSlice(text, end - value.length, end), callee: calleeFor(name) },
    ];
  });
}

/** Variables that a script or an image sets, however: `export A=…`, `A=… cmd`, `ENV A=…`. */
export function readVariableEvents(text: string, isDockerfile: boolean): Event[] {
  if (isDockerfile)
    return [...text.matchAll(/^[ \t]*(?:ENV|ARG)[ \t]+(\w+)(?:=|[ \t]+)("[^"\n]*"|'[^'\n]*'|[^\n]*)/gim)].map(match =>
      plain(match[1] ?? '', (match[2] ?? '').replace(/^["']|["']\s*$/g, ''), match.index, []),
    );
  return readShell(text).flatMap(({ assignments, words }) => [
    ...assignments.map(({ name, value, start }) => plain(name, value.text, start, [])),
    // `env A=… cmd`, `docker run -e A=…`
    ...words.flatMap(({ value, start }) => {
      const [, name, rest] = /^(\w+)=([\s\S]*)$/.exec(value.text) ?? [];
      return name === undefined ? [] : [plain(name, rest ?? '', start, [])];
    }),
  ]);
}

export const readEnvironmentEvents = (text: string): Event[] =>
  readEnvLines(text)
    .filter(({ commented }) => !commented)
    .map(({ key, value, start }) => plain(key, value.text, start, []));
