/** Variables that compose itself puts into a service's command. */
import type { Span } from '../src/model/index.ts';
import { readExpansions } from '../src/text/expansion.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import { endOf, getNode, getPair, isMap, isScalar, isSeq, type Node, startOf } from './yaml-nodes.ts';

/**
 * Where `command` and `entrypoint` have the variable as a whole: `${NAME}`, not `$$NAME`, which a shell reads. Null where one of them
 * takes a part of it, or shares its text with another service.
 */
export function interpolationsOf(
  { text, document }: ComposeFile,
  service: ComposeService,
  name: string,
): Span[] | null {
  const found: Span[] = [];
  for (const key of ['command', 'entrypoint']) {
    const node = getNode(service.pair.value, key, document);
    const own =
      isMap(service.pair.value) &&
      service.pair.value.items.some(pair => pair === getPair(service.pair.value, key, document));
    for (const { start, end, variable } of scalarsOf(node).flatMap(one =>
      readExpansions(text, startOf(one), endOf(one)),
    )) {
      if (variable !== name || text.startsWith('$$', start)) continue;
      if (!own || !new RegExp(`^\\$(?:${name}|\\{${name}(?::?[-?][^{}]*)?\\})$`).test(text.slice(start, end)))
        return null;
      found.push({ start, end });
    }
  }
  return found;
}

const scalarsOf = (node: Node | null): Node[] =>
  isSeq(node) ? (node.items as Node[]).filter(item => isScalar(item)) : isScalar(node) ? [node] : [];
