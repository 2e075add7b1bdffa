/** Headings of a Markdown document, code blocks left out. */
import { markdownTree } from './markdown-tree.ts';

export interface Heading {
  start: number;
  level: number;
  text: string;
}

export function headingsOf(path: string, text: string): Heading[] {
  const found: Heading[] = [];
  markdownTree(path, text).iterate({
    enter(node) {
      const level = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name)?.[1];
      if (level) found.push({ start: node.from, level: Number(level), text: text.slice(node.from, node.to) });
      return node.name === 'Document';
    },
  });
  return found;
}
