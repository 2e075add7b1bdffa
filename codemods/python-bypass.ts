/** Python code that keeps the old address for commands that are run with the bypass: `"db" if os.getenv("PGBOUNCER_BYPASS") in … else "pgbouncer"`. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/python';
import type { FileEdits, Site, Span } from '../src/model/index.ts';
import { treeOf } from './trees.ts';

const TRUE = 'in ("1", "true", "yes", "on")';

/** What stands before the value without the bypass. */
export const isBypass = (text: string): boolean =>
  /^(?:"[^"\n]*"|'[^'\n]*'|\d+) if os\.getenv\("\w+"\) in \("1", "true", "yes", "on"\) else $/.test(text);

/** Null where the value is no plain literal of its own: of a dictionary, or the default of a variable. */
export function keepForBypass(
  { file, span }: Pick<Site, 'file' | 'span'>,
  text: string,
  variable: string,
): FileEdits | null {
  const tree = treeOf(parser, text);
  const node = tree.resolveInner(span.start, 1);
  if (!isPlain(node, span, text) || !isWhole(node)) return null;
  const literal = text.slice(node.from, node.to);
  const kept = `${literal} if os.getenv("${variable}") ${TRUE} else `;
  return { file, edits: [...importOf(tree.topNode, text), { span: at(node.from), text: kept }] };
}

const at = (offset: number): Span => ({ start: offset, end: offset });

/** Nothing but the address: `"db"`, `5432`. */
const isPlain = (node: SyntaxNode, { start, end }: Span, text: string): boolean =>
  node.name === 'Number'
    ? node.from === start && node.to === end
    : node.name === 'String' &&
      node.from === start - 1 &&
      node.to === end + 1 &&
      /^["'][^"'\n]*["']$/.test(text.slice(node.from, node.to));

function isWhole({ parent, prevSibling }: SyntaxNode): boolean {
  if (parent?.name === 'DictionaryExpression') return prevSibling?.name === ':';
  return parent?.name === 'ArgList' && prevSibling?.name === ',';
}

/** The import that `os.getenv` needs, before the first one that is not from the future; none where it is there. */
function importOf(script: SyntaxNode, text: string): FileEdits['edits'] {
  const imports = script.getChildren('ImportStatement');
  const written = ({ from, to }: SyntaxNode) => text.slice(from, to);
  if (imports.some(node => /^import\s+(?:[\w.]+\s*,\s*)*os\s*(?:,|$)/.test(written(node)))) return [];
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const first = imports.find(node => !/^from\s+__future__\b/.test(written(node)));
  if (first) return [{ span: at(first.from), text: `import os${newline}` }];
  const begin = firstOf(script);
  const above = imports.at(-1) ?? (begin?.name === 'ExpressionStatement' ? begin : null);
  return above
    ? [{ span: at(above.to), text: `${newline}import os` }]
    : [{ span: at(begin?.from ?? 0), text: `import os${newline}` }];
}

/** What comes after the comments at the top. */
function firstOf(script: SyntaxNode): SyntaxNode | null {
  let node = script.firstChild;
  while (node?.name === 'Comment') node = node.nextSibling;
  return node;
}
