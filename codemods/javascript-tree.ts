/** Trees of JavaScript and its dialects: `''`, `ts`, `jsx`, `ts jsx`. */
import type { Tree } from '@lezer/common';
import { parser } from '@lezer/javascript';
import { treeOf } from './trees.ts';

const dialects = new Map<string, typeof parser>();

export function javaScriptTree(dialect: string, text: string): Tree {
  const configured = dialects.get(dialect) ?? parser.configure({ dialect });
  dialects.set(dialect, configured);
  return treeOf(configured, text);
}
