/** An answer to a question, kept in the configuration. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { findConfig } from './config.ts';

/**
 * Merges lines such as `answers: { 1a2b3c: pooled }` or `services: [db]` into the configuration file of `root`, comments kept, and
 * writes `pool-migrate.yml` where there is none. The result: the file; null where it is no YAML of its own, and nothing was written.
 */
export function recordAnswer(root: string, lines: string): string | null {
  const path = findConfig(root) ?? join(root, 'pool-migrate.yml');
  if (!/\.ya?ml$/.test(path)) return null;
  const document: Document = parseDocument(existsSync(path) ? readFileSync(path, 'utf8') : '');
  const added = parseDocument(lines).contents;
  if (!isMap(added)) return null;
  if (!isMap(document.contents)) document.contents = document.createNode({});
  merge(document.contents as YAMLMap, added);
  writeFileSync(path, document.toString());
  return path;
}

/** Maps are merged, lists get what they lack, anything else is replaced. */
function merge(into: YAMLMap, added: YAMLMap): void {
  for (const { key, value } of added.items) {
    const known = into.get(key, true);
    if (isMap(known) && isMap(value)) merge(known, value);
    else if (isSeq(known) && isSeq(value)) {
      const has = new Set(known.items.map(String));
      for (const item of value.items) if (!has.has(String(item))) known.add(item);
    } else into.set(key, value);
  }
}
