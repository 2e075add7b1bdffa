/** The syntax tree of a Markdown document. The parser is @lezer/markdown. */
import type { Tree } from '@lezer/common';
import { parser } from '@lezer/markdown';
import { treeOf } from './trees.ts';

/** In MDX what is indented is text, and what is between tags is Markdown. Source: mdxjs.com/docs/what-is-mdx/#markdown */
const mdx = parser.configure({ remove: ['IndentedCode', 'HTMLBlock'] });

export const markdownTree = (path: string, text: string): Tree => treeOf(/\.mdx$/i.test(path) ? mdx : parser, text);
