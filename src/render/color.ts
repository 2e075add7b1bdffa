/** Colour: --color > NO_COLOR > FORCE_COLOR > terminal. `CI` alone never turns it on, as it does for others. */
import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

export function wantsColor(option: string | undefined, stream: Pick<WriteStream, 'isTTY'>): boolean {
  if (option === 'always' || option === 'never') return option === 'always';
  if (process.env.NO_COLOR) return false;
  const force = process.env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** Puts a style around text, where there is colour at all. */
export type Paint = (style: Style, text: string) => string;
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Whether there is colour was decided before (`wantsColor`), so Node is not to look at the stream again. */
export const painter =
  (color: boolean): Paint =>
  (style, text) =>
    color ? styleText(style, text, { validateStream: false }) : text;

export function colorDiff(diff: string): string {
  const paint = painter(true);
  return diff
    .split('\n')
    .map(line => {
      if (/^(?:# |diff |index |new file|--- |\+\+\+ )/.test(line)) return paint('bold', line);
      if (line.startsWith('@@')) return paint('cyan', line);
      if (line.startsWith('+')) return paint('green', line);
      return line.startsWith('-') ? paint('red', line) : line;
    })
    .join('\n');
}
