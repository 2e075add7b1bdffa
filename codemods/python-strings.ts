/** Python string literals as values with places. Source: docs.python.org/3/reference/lexical_analysis.html#strings */
import type { SyntaxNode } from '@lezer/common';
import { concatMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export const isString = (node: SyntaxNode): boolean =>
  node.name === 'String' || node.name === 'FormatString' || node.name === 'ContinuedString';

/** The value of a literal; replacement fields of f-strings keep their text, which reads as a placeholder. */
export function readString(text: string, node: SyntaxNode): MappedText {
  if (node.name !== 'ContinuedString') return readPiece(text, node);
  const pieces: MappedText[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (isString(child)) pieces.push(readPiece(text, child));
  }
  return concatMapped(pieces);
}

function readPiece(text: string, node: SyntaxNode): MappedText {
  const raw = text.slice(node.from, node.to);
  const open = /^([A-Za-z]*)("""|'''|"|')/.exec(raw);
  if (!open) return mapSlice(text, node.from, node.to);
  const [lead, prefix = '', quote = ''] = open;
  const closed = raw.endsWith(quote) && raw.length >= lead.length + quote.length;
  const start = node.from + lead.length;
  const end = closed ? node.to - quote.length : node.to;
  return /r/i.test(prefix) ? mapSlice(text, start, end) : mapEscaped(text, start, end);
}
