/** Python code that keeps the old address for commands that are run with the bypass: `"db" if os.getenv("PGBOUNCER_BYPASS") in … else "pgbouncer"`. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/python';
import type { FileEdits, Site, Span } from '../src/model/index.ts';
import { treeOf } from './trees.ts';

const TRUE = 'in ("1", "true", "yes", "on")';

/** What stands before the value without the bypass. */
export const isBypass = (text: string): boolean =>
  /^(?:"[^"\n]*"|'[^'\n]*'|\d+) if (?:os\.)?getenv\("\w+"\) in \("1", "true", "yes", "on"\) else $/.test(text);

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
  const reader = importOf(tree.topNode, text);
  const edits = [...reader.edits];
  edits.push({ span: at(node.from), text: `${literal} if ${reader.name}("${variable}") ${TRUE} else ` });
  return { file, edits };
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

/** `os.getenv`, with the import that it needs: before the first one that is not from the future. */
function importOf(script: SyntaxNode, text: string): { name: string; edits: FileEdits['edits'] } {
  const imports = script.getChildren('ImportStatement');
  const isThere = imports.some(node => /^import\s+(?:[\w.]+\s*,\s*)*os\s*(?:,|$)/.test(text.slice(node.from, node.to)));
  if (isThere) return { name: 'os.getenv', edits: [] };
  const first = imports.find(node => !/^from\s+__future__\b/.test(text.slice(node.from, node.to)));
  const docstring = script.firstChild?.name === 'ExpressionStatement' ? script.firstChild : null;
  const last = imports.at(-1) ?? docstring;
  const place = first?.from ?? (last ? text.indexOf('\n', last.to) + 1 || text.length : 0);
  return { name: 'os.getenv', edits: [{ span: at(place), text: 'import os\n' }] };
}
