/** Syntax trees, each made once: who looks for places and who looks for hazards read the same files. */

import type { Parser, Tree } from '@lezer/common';
import { counters } from '../src/model/counters.ts';

const trees = new Map<Parser, Map<string, Tree>>();
let kept = 0;
/** Characters of source text whose trees are kept. */
const MOST = 4_000_000;

function make(parser: Parser, text: string): Tree {
  counters.trees++;
  counters.treeCharacters += text.length;
  return parser.parse(text);
}

export function treeOf(parser: Parser, text: string): Tree {
  const known = trees.get(parser) ?? new Map<string, Tree>();
  const tree = known.get(text) ?? make(parser, text);
  if (kept > MOST) {
    trees.clear();
    kept = 0;
  }
  if (!known.has(text)) kept += text.length;
  known.set(text, tree);
  trees.set(parser, known);
  return tree;
}
