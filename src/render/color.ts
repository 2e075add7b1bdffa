/** Colour: --color > NO_COLOR > FORCE_COLOR > terminal. `CI` alone never turns it on, as picocolors' own choice does. */
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';

export function wantsColor(option: string | undefined, stream: Pick<WriteStream, 'isTTY'>): boolean {
  if (option === 'always' || option === 'never') return option === 'always';
  if (process.env.NO_COLOR) return false;
  const force = process.env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

export function colorDiff(diff: string): string {
  const c = pc.createColors(true);
  return diff
    .split('\n')
    .map(line => {
      if (/^(?:# |diff |index |new file|--- |\+\+\+ )/.test(line)) return c.bold(line);
      if (line.startsWith('@@')) return c.cyan(line);
      if (line.startsWith('+')) return c.green(line);
      return line.startsWith('-') ? c.red(line) : line;
    })
    .join('\n');
}
