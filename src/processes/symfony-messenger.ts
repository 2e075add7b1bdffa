/** Symfony's workers: which of them wait with LISTEN is told by the transports that they consume. */
import { isEnvironmentFile } from '../../codemods/paths.ts';
import { getNode, isMap, isScalar, keyOf, readYaml } from '../../codemods/yaml-nodes.ts';
import type { Need, Process } from '../model/index.ts';
import type { Shelf } from './shelf.ts';

const SETTINGS = /(?:^|\/)config\/packages\/(?:\w+\/)?messenger\.ya?ml$/;

/**
 * What a worker of the Messenger component waits for, where its messages are kept in the database: on PostgreSQL the transport
 * uses LISTEN unless `use_notify` is false. Source: https://symfony.com/doc/current/messenger.html#doctrine-transport
 */
export function messengerNeeds({ words, place }: Pick<Process, 'words' | 'place'>, shelf: Shelf): Need[] {
  const at = words.indexOf('messenger:consume');
  if (at === -1) return [];
  const names = words.slice(at + 1).filter(word => !word.startsWith('-'));
  const all = shelf.paths.filter(path => SETTINGS.test(path)).flatMap(path => shelf.read(path, readTransports));
  const consumed = all.filter(({ name }) => names.length === 0 || names.includes(name));
  const listens = consumed.some(
    ({ dsn, isQuiet }) =>
      !isQuiet && valuesOf(dsn, shelf).some(value => /^doctrine:(?!.*use_notify=(?:false|0))/.test(value)),
  );
  return listens ? [{ kind: 'listen', what: 'Symfony Messenger', place, reads: [] }] : [];
}

interface Transport {
  name: string;
  dsn: string;
  /** `options: { use_notify: false }` */
  isQuiet: boolean;
}

/** `framework.messenger.transports`, each a DSN or a map with one. */
const readTransports = (_: string, text: string): Transport[] =>
  readYaml(text, true).flatMap(({ document, contents }) => {
    const at = (node: unknown, ...keys: string[]) =>
      keys.reduce<unknown>((outer, key) => getNode(outer, key, document), node);
    const textOf = (node: unknown) => (isScalar(node) ? String(node.value) : '');
    const transports = at(contents, 'framework', 'messenger', 'transports');
    return !isMap(transports)
      ? []
      : transports.items.map(pair => ({
          name: keyOf(pair),
          dsn: textOf(pair.value) || textOf(at(pair.value, 'dsn')),
          isQuiet: textOf(at(pair.value, 'options', 'use_notify')) === 'false',
        }));
  });

/** `%env(NAME)%` is what the env files have for it. */
function valuesOf(dsn: string, shelf: Shelf): string[] {
  const name = /^%env\((?:\w+:)*(\w+)\)%/.exec(dsn)?.[1];
  if (name === undefined) return [dsn];
  const line = new RegExp(`^\\s*(?:export\\s+)?${name}=["']?([^"'\\s#]+)`, 'm');
  return shelf.paths.filter(isEnvironmentFile).flatMap(path => line.exec(shelf.text(path) ?? '')?.[1] ?? []);
}
