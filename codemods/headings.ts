/** Headings of a Markdown document, code blocks left out. */
import { parser } from '@lezer/markdown';

export interface Heading {
  start: number;
  level: number;
  text: string;
}

export function headingsOf(text: string): Heading[] {
  const found: Heading[] = [];
  parser.parse(text).iterate({
    enter(node) {
      const level = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name)?.[1];
      if (level) found.push({ start: node.from, level: Number(level), text: text.slice(node.from, node.to) });
      return node.name === 'Document';
    },
  });
  return found;
}
