/** A further file in the `resources` of a kustomization, in the list's own style. Source: kubectl.docs.kubernetes.io */

import type { Newline } from '../src/model/index.ts';
import { lineStartOf } from '../src/text/lines.ts';
import { baseOf, dirOf, joinPath } from '../src/text/paths.ts';
import type { Insertion } from './compose-service.ts';
import {
  endOf,
  getNode,
  isScalar,
  isSeq,
  keyOf,
  mapScalar,
  type Node,
  pairsOf,
  readYaml,
  type Scalar,
  startOf,
  textOf,
} from './yaml-nodes.ts';

export const isKustomization = (path: string): boolean => /^[Kk]ustomization(?:\.ya?ml)?$/.test(baseOf(path));

/**
 * Puts `added` after the item that leads to `known` (both relative to the repository). Null where none does, or where the
 * file is listed already. Throws a PlanError on a syntax fault.
 */
export function insertResource(
  path: string,
  text: string,
  known: string,
  added: string,
  newline: Newline,
): Insertion | null {
  for (const { document, contents } of readYaml(text)) {
    for (const key of ['resources', 'bases']) {
      const list = getNode(contents, key, document);
      if (!isSeq(list)) continue;
      const items = list.items.filter(item => isScalar(item)) as Scalar[];
      const leadsTo = (item: Scalar, file: string) => joinPath(dirOf(path), mapScalar(text, item).text) === file;
      const item = items.find(candidate => leadsTo(candidate, known));
      if (!item || items.some(candidate => leadsTo(candidate, added))) continue;
      const start = startOf(item);
      const written = text.slice(start, endOf(item));
      const at = endOf(item);
      // The same quotes and the same way to the directory: `"./db/service.yaml"` → `"./db/pgbouncer.yaml"`.
      const entry = written.replace(baseOf(known), () => baseOf(added));
      const lead = text.slice(lineStartOf(text, start), start);
      if (list.flow) return { span: { start: at, end: at }, text: `, ${entry}` };
      if (!/^[ \t]*-[ \t]+$/.test(lead)) continue;
      const lineEnd = /[^\r\n]*/.exec(text.slice(at))?.[0].length ?? 0;
      return { span: { start: at + lineEnd, end: at + lineEnd }, text: newline + lead + entry };
    }
  }
  return null;
}

/** Files of which a kustomization only takes changes to objects of other files: `patches`, `patchesStrategicMerge`. */
export function readPatches(path: string, text: string): string[] {
  return readYaml(text).flatMap(({ document, contents }) =>
    ['patches', 'patchesStrategicMerge'].flatMap(key => {
      const list = getNode(contents, key, document);
      return !isSeq(list)
        ? []
        : list.items.flatMap(item => {
            const file = textOf(isScalar(item) ? item : getNode(item as Node, 'path', document));
            return file === null || file.includes('\n') ? [] : [joinPath(dirOf(path), file)];
          });
    }),
  );
}

/** Keys of the labels that Pods and selectors of all objects get: `commonLabels`, and `labels` that include them. */
export function forcedLabels(text: string): string[] {
  return readYaml(text).flatMap(({ document, contents }) => {
    const keysOf = (node: Node | null) => pairsOf(node, document).map(keyOf);
    const labels = getNode(contents, 'labels', document);
    const items = isSeq(labels) ? (labels.items as Node[]) : [];
    const reaches = (item: Node) =>
      ['includeSelectors', 'includeTemplates'].some(key => textOf(getNode(item, key, document)) === 'true');
    return [
      ...keysOf(getNode(contents, 'commonLabels', document)),
      ...items.filter(reaches).flatMap(item => keysOf(getNode(item, 'pairs', document))),
    ];
  });
}
