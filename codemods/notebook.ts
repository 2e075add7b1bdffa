/** Jupyter notebooks: the code of all cells as one program, text cells as a document. What was printed is no place to edit. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/javascript';
import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { scanUrls } from '../src/scan/scan-value.ts';
import { concatMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import type { Embedded } from './embedded.ts';

/** JSON is an expression; in parentheses it reads as one. */
const LEAD = '(';

export function extract(text: string, context: ExtractContext): Extraction & { embedded: Embedded[] } {
  const source = `${LEAD}${text})`;
  const root = parser.parse(source).topNode.firstChild?.firstChild?.getChild('ObjectExpression');
  const cells = root ? itemsOf(propertyOf(root, 'cells', source)) : [];
  const code: MappedText[] = [];
  const embedded: Embedded[] = [];
  const sites: RawSite[] = [];
  for (const cell of cells) {
    const lines = stringsIn(propertyOf(cell, 'source', source), text);
    const type = stringsIn(propertyOf(cell, 'cell_type', source), text)[0]?.text;
    if (type === 'code') code.push(...lines, { text: '\n', runs: [] });
    else if (type === 'markdown') embedded.push({ path: 'cell.md', text: concatMapped(lines), shown: SHOWN });
    const outputs = propertyOf(cell, 'outputs', source);
    if (outputs) {
      const printed = mapSlice(text, outputs.from - LEAD.length, outputs.to - LEAD.length);
      sites.push(...scanUrls(printed, { role: 'comment' }, context));
    }
  }
  const language = stringsIn(root && metadataOf(root, source), text)[0]?.text ?? 'python';
  if (/^(?:i?python\d?)$/i.test(language)) embedded.push({ path: 'notebook.py', text: concatMapped(code) });
  return { sites, facts: noFacts(), embedded };
}

const SHOWN = { role: 'docs' as const, facts: [] };

/** `metadata.kernelspec.language`. */
function metadataOf(root: SyntaxNode, source: string): SyntaxNode | null {
  const kernel = propertyOf(propertyOf(root, 'metadata', source), 'kernelspec', source);
  return propertyOf(kernel, 'language', source);
}

function propertyOf(node: SyntaxNode | null, name: string, source: string): SyntaxNode | null {
  for (const property of node?.getChildren('Property') ?? []) {
    const key = property.firstChild;
    if (key && source.slice(key.from + 1, key.to - 1) === name) return property.lastChild;
  }
  return null;
}

function itemsOf(node: SyntaxNode | null): SyntaxNode[] {
  const items: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling)
    if (!/^[[\],]$/.test(child.name)) items.push(child);
  return items;
}

/** A string, or those of a list: a cell's lines. */
const stringsIn = (node: SyntaxNode | null | undefined, text: string): MappedText[] =>
  (node?.name === 'String' ? [node] : node ? itemsOf(node) : [])
    .filter(({ name }) => name === 'String')
    .map(({ from, to }) => mapEscaped(text, from + 1 - LEAD.length, to - 1 - LEAD.length));
