/** Variables that compose itself puts into a service's command. */
import type { Span } from '../src/model/index.ts';
import { isWholeExpansion, readExpansions } from '../src/text/expansion.ts';
import type { ComposeFile, ComposeService } from './compose-file.ts';
import { endOf, getNode, getPair, isAlias, isMap, isScalar, isSeq, type Node, startOf } from './yaml-nodes.ts';

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
    const body = service.pair.value;
    const pair = getPair(body, key, document);
    const isOwn = isMap(body) && body.items.some(item => item === pair) && !isAlias(pair?.value);
    for (const scalar of scalarsOf(getNode(body, key, document))) {
      for (const { start, end, variable } of readExpansions(text, startOf(scalar), endOf(scalar))) {
        if (variable !== name || text.startsWith('$$', start)) continue;
        if (!isOwn || !isWholeExpansion(text.slice(start, end), name)) return null;
        found.push({ start, end });
      }
    }
  }
  return found;
}

const scalarsOf = (node: Node | null): Node[] =>
  isSeq(node) ? (node.items as Node[]).filter(item => isScalar(item)) : isScalar(node) ? [node] : [];
