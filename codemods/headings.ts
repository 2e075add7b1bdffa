/** Headings of a Markdown document, code blocks left out. */
import { parser } from '@lezer/markdown';
import { treeOf } from './trees.ts';

export interface Heading {
  start: number;
  level: number;
  text: string;
}

export function headingsOf(text: string): Heading[] {
  const found: Heading[] = [];
  treeOf(parser, text).iterate({
    enter(node) {
      const level = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name)?.[1];
      if (level) found.push({ start: node.from, level: Number(level), text: text.slice(node.from, node.to) });
      return node.name === 'Document';
    },
  });
  return found;
}
