/** YAML or JSON checked against a schema; the first fault is told with its place. */
import { isMap, isPair, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '../model/errors.ts';
import { isTooDeep } from '../text/depth-guard.ts';

/** Throws a UsageError `file:line:col: path: message`. `section` is where in the document the value stands. */
export function parseValidated<T extends z.ZodType>(
  file: string,
  text: string,
  schema: T,
  section: string[],
): z.infer<T> {
  if (isTooDeep(text)) throw new UsageError(`${file}: nested too deeply`);
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, logLevel: 'silent' });
  const at = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const fault = document.errors[0];
  if (fault) throw new UsageError(`${at(fault.pos[0])}: ${fault.message.split('\n')[0]}`);
  let root: unknown;
  try {
    root = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    throw new UsageError(`${at(0)}: ${(error as Error).message}`);
  }
  const value = section.reduce((node: unknown, key) => (node as Record<string, unknown> | null)?.[key], root);
  const result = schema.safeParse(value ?? (Array.isArray(value) ? [] : {}));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = [...section, ...(issue?.path ?? [])] as (string | number)[];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  // Of a key that may not be one, what is wrong with it.
  const message = (issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message) ?? 'is not valid';
  const offset = offsetOf(document.contents as Node | null, unknown ? [...path, unknown] : path, unknown !== undefined);
  throw new UsageError(`${at(offset)}: ${path.join('.') || 'the file'}: ${message}`);
}

/** The place of the deepest part of the path that exists; a key's own place for a key. */
function offsetOf(root: Node | null, path: (string | number)[], isUnknown: boolean): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [i, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(
        item => isPair(item) && String((item.key as { value?: unknown })?.value) === String(step),
      );
      if (!pair) break;
      // An unknown key is at fault itself; of any other entry it is the value.
      const isLast = i === path.length - 1 && !isUnknown;
      offset = ((isLast ? (pair.value as Node | null) : null) ?? (pair.key as Node)).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
