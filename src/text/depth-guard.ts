/**
 * True where nesting could exhaust a recursive parser: `yaml` aborts the process on it, oxc and TypeScript overflow.
 * One linear pass; brackets are counted wherever they stand, so that no lexing can be fooled.
 */
export function isTooDeep(text: string, limit = 200): boolean {
  let brackets = 0;
  let dashes = 0;
  let column = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b || code === 0x28) {
      if (++brackets > limit) return true;
    } else if (code === 0x5d || code === 0x7d || code === 0x29) brackets = Math.max(0, brackets - 1);
    if (code === 0x0a) {
      dashes = 0;
      column = 0;
    } else if (column >= 0) {
      // Indentation, and the `- - -` or `> > >` of nested lists, keys and quotes.
      if (code === 0x20) column++;
      else if (code === 0x2d || code === 0x3f || code === 0x2a || code === 0x2b || code === 0x3e) dashes++;
      else column = -1;
      if (dashes > limit || column > limit * 8) return true;
    }
  }
  return false;
}
