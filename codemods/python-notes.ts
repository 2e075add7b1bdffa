/** Places in Python code where something can be inserted: comments at engines, the bypass after a read. */
import type { SyntaxNode } from '@lezer/common';
import type { Facts, RawSite } from '../src/model/index.ts';
import { indentAt, lineEndOf, lineStartOf } from '../src/text/lines.ts';
import { isString } from './python-strings.ts';

/** An argument of a call; the name is that of a keyword argument. */
export interface Argument {
  name: string | null;
  value: SyntaxNode;
}

/** A name or a chain of names, without white space. */
export const calleeName = (text: string, node: SyntaxNode | null): string =>
  node ? text.slice(node.from, node.to).replace(/\s/g, '') : '';

/** Arguments of a call in their order; one after a keyword argument keeps its place. */
export function argumentsOf(text: string, call: SyntaxNode): Argument[] {
  const list = call.getChild('ArgList');
  const found: Argument[] = [];
  for (let child = list?.firstChild ?? null; child; child = child.nextSibling) {
    if (/^[(),]$/.test(child.name) || child.name === 'Comment') continue;
    if (child.name === 'VariableName' && child.nextSibling?.name === 'AssignOp') {
      const value = child.nextSibling.nextSibling;
      if (value) found.push({ name: text.slice(child.from, child.to), value });
      child = value ?? child;
    } else found.push({ name: null, value: child });
  }
  return found;
}

interface Reading {
  text: string;
  facts: Facts;
}

const statementOf = (node: SyntaxNode): SyntaxNode => {
  let up = node;
  while (up.parent && up.parent.name !== 'Body' && up.parent.name !== 'Script') up = up.parent;
  return up;
};

/** Engines that are built from a variable: a person reading them should know about the pooler. */
export function noteEngine(
  call: SyntaxNode,
  callee: string,
  args: readonly Argument[],
  { text, facts }: Reading,
): void {
  const name = callee.slice(callee.lastIndexOf('.') + 1);
  const isEngine = /^(?:create_engine|create_async_engine)$/.test(name);
  const backend =
    name === 'Celery' ? args.find(arg => arg.name === 'backend' || arg.name === 'result_backend') : undefined;
  const url = isEngine ? (args.find(arg => arg.name === 'url') ?? args[0]) : backend;
  if (!url || isString(url.value)) return;
  // Without a pool of its own there is no arithmetic to tell.
  if (args.some(({ name, value }) => name === 'poolclass' && /NullPool$/.test(calleeName(text, value)))) return;
  const statement = statementOf(call);
  const start = lineStartOf(text, statement.from);
  if (!/^[ \t]*$/.test(text.slice(start, statement.from))) return;
  facts.engines.push({
    at: start,
    indent: indentAt(text, start),
    kind: isEngine ? 'sqlalchemy' : 'celery',
  });
}

/** A pool's size that comes from a variable, among the options of an engine. */
export function notePoolSize(entry: SyntaxNode, value: SyntaxNode, { text, facts }: Reading): void {
  if (!/celery|sqlalchemy|engine/i.test(text)) return;
  const key = /["']([A-Z][A-Z0-9_]{2,})["']/.exec(text.slice(value.from, value.to))?.[1];
  const start = lineStartOf(text, entry.from);
  if (key === undefined || !/^[ \t]*$/.test(text.slice(start, entry.from))) return;
  facts.poolSizes.push({ at: start, indent: indentAt(text, start), key });
}

/** `NAME = os.getenv(KEY, default)` as a statement of its own: a bypass can stand after it. */
export function noteBypass(
  call: SyntaxNode,
  key: string,
  fallback: SyntaxNode,
  found: RawSite[],
  { text, facts }: Reading,
): void {
  const statement = call.parent;
  const target = statement?.firstChild;
  if (found.length !== 1 || found[0]?.form !== 'url' || statement?.name !== 'AssignStatement') return;
  if (target?.name !== 'VariableName' || statement.lastChild?.from !== call.from) return;
  const end = lineEndOf(text, statement.to);
  // Something else on the line, such as a comment, may belong to the next statement: only spaces and comments may follow.
  if (!/^[ \t]*(?:#.*)?$/.test(text.slice(statement.to, end))) return;
  facts.bypasses.push({
    key,
    target: text.slice(target.from, target.to),
    at: end,
    indent: indentAt(text, statement.from),
    site: found[0].span.start,
    fallback: { start: fallback.from, end: fallback.to },
  });
}
