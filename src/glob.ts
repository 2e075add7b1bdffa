/** Globs as linear-time tests: `*` within a path segment, `**` across, `?` one character, `{a,b}` alternatives. */
export function matchGlob(glob: string): (text: string) => boolean {
  let source = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i] ?? '';
    if (glob.startsWith('**/', i)) {
      source += '(?:.*/)?';
      i += 2;
    } else if (glob.startsWith('**', i)) {
      source += '.*';
      i++;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{') source += '(?:';
    else if (char === '}') source += ')';
    else if (char === ',' && isInBraces(glob, i)) source += '|';
    else source += char.replace(/[.+^$()|[\]\\]/g, '\\$&');
  }
  const pattern = new RegExp(`^${source}$`, 'i');
  return text => pattern.test(text);
}

const isInBraces = (glob: string, at: number): boolean =>
  glob.lastIndexOf('{', at) > glob.lastIndexOf('}', at) && glob.indexOf('}', at) !== -1;
