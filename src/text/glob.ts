/**
 * Globs: `*` within a path segment, `**` across, `?` one character, `{a,b}` alternatives; case is ignored. Matched by
 * walking all possibilities at once, so that no pattern takes more than its length times that of the text.
 */
type Token = { kind: 'literal'; char: string } | { kind: 'one' | 'star' | 'globstar' | 'directories' };

export function matchGlob(glob: string): (text: string) => boolean {
  // Most rules end before their globs are asked.
  let tests: ((text: string) => boolean)[] | undefined;
  // The same few paths and keys are asked for every site.
  const known = new Map<string, boolean>();
  return text => {
    const before = known.get(text);
    if (before !== undefined) return before;
    tests ??= expandBraces(glob.toLowerCase()).map(compile);
    const result = tests.some(test => test(text.toLowerCase()));
    if (known.size < 10_000) known.set(text, result);
    return result;
  };
}

/** Why a glob over paths of the repository can match none of them; null: it can. */
export function faultOfGlob(glob: string): string | null {
  if (glob.trim() === '') return 'it is empty';
  if (/^(?:\/|[A-Za-z]:)|\\/.test(glob))
    return 'paths are those of the repository, with / between the folders and none before the first';
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(glob)) return 'paths have no . or .. as a folder';
  if (glob.endsWith('/')) return `a folder is ${glob}**`;
  const braces = glob.replace(/[^{}]/g, '');
  return /^(?:\{\})*$/.test(braces) ? null : 'each { needs its }, and none stands in another';
}

/** Matches at least what one of the globs does: a look before each of them is asked. */
export function roughPattern(globs: readonly string[]): RegExp {
  const sources = globs.flatMap(expandBraces).map(glob =>
    glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '[^]*')
      .replace(/\?/g, '[^]'),
  );
  return new RegExp(`^(?:${sources.join('|')})$`, 'i');
}

/** Most globs are a word, or a word with a star at an end: no need to walk for these. */
function compile(glob: string): (text: string) => boolean {
  const [, lead = '', word = '', trail = ''] = /^(\*?)([^*?]+)(\*?)$/.exec(glob) ?? [];
  const hasSegments = (text: string) => text.includes('/');
  const tokens = readTokens(glob);
  if (word === '') return text => matches(tokens, text);
  if (lead === '' && trail === '') return text => text === word;
  return text => {
    if (!text.includes(word)) return false;
    if (hasSegments(text)) return matches(tokens, text);
    return lead && trail ? true : lead ? text.endsWith(word) : text.startsWith(word);
  };
}

/** E.g.: `a{b,c}d` → `abd`, `acd`. Braces don't nest; one without a partner stands for itself. */
function expandBraces(glob: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(glob);
  if (!braces) return [glob];
  const head = glob.slice(0, braces.index);
  const tails = expandBraces(glob.slice(braces.index + braces[0].length));
  return (braces[1] ?? '').split(',').flatMap(choice => tails.map(tail => head + choice + tail));
}

function readTokens(glob: string): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < glob.length; i++) {
    if (glob.startsWith('**/', i)) {
      tokens.push({ kind: 'directories' });
      i += 2;
    } else if (glob.startsWith('**', i)) {
      tokens.push({ kind: 'globstar' });
      i++;
    } else if (glob[i] === '*') tokens.push({ kind: 'star' });
    else if (glob[i] === '?') tokens.push({ kind: 'one' });
    else tokens.push({ kind: 'literal', char: glob[i] ?? '' });
  }
  return tokens;
}

function matches(tokens: readonly Token[], text: string): boolean {
  // Positions in `tokens` that the text so far can have reached.
  let reached = new Set<number>();
  const enter = (at: number, into: Set<number>, atSegmentStart: boolean): void => {
    if (into.has(at)) return;
    into.add(at);
    const kind = tokens[at]?.kind;
    if (kind === 'star' || kind === 'globstar') enter(at + 1, into, atSegmentStart);
    if (kind === 'directories' && atSegmentStart) enter(at + 1, into, atSegmentStart);
  };
  enter(0, reached, true);
  for (const char of text) {
    const next = new Set<number>();
    for (const at of reached) {
      const token = tokens[at];
      if (!token) continue;
      const isSlash = char === '/';
      if (token.kind === 'literal' ? token.char === char : token.kind === 'one' && !isSlash)
        enter(at + 1, next, isSlash);
      else if ((token.kind === 'star' && !isSlash) || token.kind === 'globstar') enter(at, next, isSlash);
      else if (token.kind === 'directories') enter(at, next, isSlash);
    }
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(tokens.length);
}
