/** Text of a repository within Markdown. */
import { escapeControls } from '../text/controls.ts';

/** It begins no tag and no link. */
export const plain = (text: string): string => text.replace(/[<[]/g, '\\$&');

/** It ends no cell of a table; backslashes before the bar would take the escape away. */
export const cell = (text: string): string => text.replace(/(\\*)\|/g, '$1$1\\|').replace(/\s+/g, ' ');

/** In a span whose fence is longer than any in it. */
export function code(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  const fence = '`'.repeat(Math.max(0, ...runs) + 1);
  const space = runs.length > 0 ? ' ' : '';
  return `${fence}${space}${escapeControls(cell(text))}${space}${fence}`;
}
