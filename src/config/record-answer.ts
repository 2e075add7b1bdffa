/** An answer to a question, kept in the configuration. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { findConfig } from './config.ts';

/**
 * Merges lines such as `answers: { 1a2b3c: pooled }` or `services: [db]` into the configuration file, comments kept: `path`, or the one
 * that holds for `root`, or a new `pool-migrate.yml` there. The result: the file; null where it is no YAML of its own, and nothing was written.
 */
export function recordAnswer(root: string, path: string | undefined, lines: string): string | null {
  const file = path ?? findConfig(root) ?? join(root, 'pool-migrate.yml');
  if (!/\.ya?ml$/.test(file)) return null;
  const document: Document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const added = parseDocument(lines).contents;
  if (!isMap(added)) return null;
  if (!isMap(document.contents)) document.contents = document.createNode({});
  merge(document.contents as YAMLMap, added);
  writeFileSync(file, document.toString());
  return file;
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
