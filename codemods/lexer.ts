/**
 * Tokens of languages that have no parser here: strings and comments are told apart exactly, the rest is words and signs.
 * Sources: the lexical chapters of each language's reference.
 */
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export interface Token {
  /** `sign`: one character, or `=>`, `::`, `->`, `|>`. */
  kind: 'word' | 'string' | 'sign';
  from: number;
  to: number;
  /** Of a string: its value. */
  value: MappedText | null;
  /** The first one of its line. */
  startsLine: boolean;
}

export type Language = 'go' | 'java' | 'csharp' | 'php' | 'ruby' | 'elixir' | 'rust';

const LANGUAGES: [ending: RegExp, language: Language][] = [
  [/\.go$/i, 'go'],
  [/\.(?:java|kts?|scala|groovy|gradle)$/i, 'java'],
  [/\.cs$/i, 'csharp'],
  [/\.php$/i, 'php'],
  [/\.(?:rb|rake|ru)$|(?:^|\/)(?:Gemfile|Rakefile)$/i, 'ruby'],
  [/\.exs?$/i, 'elixir'],
  [/\.rs$/i, 'rust'],
];

export const languageOf = (path: string): Language | null =>
  LANGUAGES.find(([ending]) => ending.test(path))?.[1] ?? null;

/** How a piece of text ends, and whether it is a string; null: nothing of the kind starts here. */
interface Piece {
  end: number;
  /** Where the value stands; null: a comment. */
  inner: { start: number; end: number; escapes: boolean } | null;
}

type Reader = (text: string, at: number) => Piece | null;

export function tokenize(text: string, language: Language): Token[] {
  const readers = READERS[language];
  const tokens: Token[] = [];
  let startsLine = true;
  const push = (kind: Token['kind'], from: number, to: number, value: MappedText | null = null) => {
    tokens.push({ kind, from, to, value, startsLine });
    startsLine = false;
  };
  // What comes before `<?php` is a page.
  let at = language === 'php' ? phpStart(text, 0) : 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (char === '\n') startsLine = true;
    if (char <= ' ') {
      at++;
      continue;
    }
    if (language === 'php' && char === '?' && text[at + 1] === '>') {
      at = phpStart(text, at + 2);
      continue;
    }
    const piece = firstPiece(readers, text, at);
    if (piece) {
      const { inner } = piece;
      if (inner) {
        const value = (inner.escapes ? mapEscaped : mapSlice)(text, inner.start, inner.end);
        push('string', at, piece.end, value);
      } else if (text.slice(at, piece.end).includes('\n')) startsLine = true;
      at = Math.max(piece.end, at + 1);
      continue;
    }
    const end = wordEnd(text, at, language);
    if (end > at) push('word', at, end);
    else push('sign', at, at + (/^(?:=>|::|->|\|>)/.test(text.slice(at, at + 2)) ? 2 : 1));
    at = Math.max(end, tokens.at(-1)?.to ?? at + 1);
  }
  return tokens;
}

function phpStart(text: string, from: number): number {
  const open = /<\?(?:php\b|=)/g;
  open.lastIndex = from;
  return open.exec(text) ? open.lastIndex : text.length;
}

function firstPiece(readers: readonly Reader[], text: string, at: number): Piece | null {
  for (const read of readers) {
    const piece = read(text, at);
    if (piece) return piece;
  }
  return null;
}

const WORD = /[A-Za-z_]\w*[?!]?/y;
const NUMBER = /\d[\w.]*/y;
/** `$name` of PHP, `@name` of Ruby, `:atom` of Ruby and Elixir. */
const MARKED = /(?:\$|@{1,2}|:(?=[A-Za-z_]))[A-Za-z_]\w*[?!]?/y;

function wordEnd(text: string, at: number, language: Language): number {
  const marks = /^(?:php|ruby|elixir)$/.test(language) && text[at - 1] !== ':';
  for (const pattern of marks ? [MARKED, WORD, NUMBER] : [WORD, NUMBER]) {
    pattern.lastIndex = at;
    const [word] = pattern.exec(text) ?? [];
    // `?` and `!` belong to names of Ruby and Elixir only.
    if (word) return at + (marks || language === 'rust' ? word : word.replace(/[?!]$/, '')).length;
  }
  return at;
}

// --- readers ---

const find = (text: string, what: string, from: number): number => {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
};

const lineComment =
  (mark: string): Reader =>
  (text, at) =>
    text.startsWith(mark, at) ? { end: find(text, '\n', at), inner: null } : null;

const blockComment: Reader = (text, at) =>
  text.startsWith('/*', at) ? { end: find(text, '*/', at + 2) + 2, inner: null } : null;

/** `quote … quote`; with `multiline: false` an unclosed one ends with its line. */
const quoted =
  (quote: string, { escapes = true, multiline = false, prefix = /^$/ } = {}): Reader =>
  (text, at) => {
    let start = at;
    while (start < at + 3 && /[A-Za-z@$]/.test(text[start] ?? '')) start++;
    if (!text.startsWith(quote, start)) start = at;
    if (!text.startsWith(quote, start) || !prefix.test(text.slice(at, start))) return null;
    const from = start + quote.length;
    let i = from;
    for (; i < text.length; i++) {
      if (escapes && text[i] === '\\') i++;
      else if (!multiline && text[i] === '\n') return { end: i, inner: { start: from, end: i, escapes } };
      else if (text.startsWith(quote, i)) break;
    }
    const end = Math.min(i, text.length);
    return { end: end + quote.length, inner: { start: from, end, escapes } };
  };

/** C#: `@"a ""quoted"" word"`. The doubled quote stays as it is. */
const verbatim: Reader = (text, at) => {
  const open = /^(?:@\$?|\$@)"/.exec(text.slice(at, at + 3))?.[0];
  if (!open) return null;
  let i = at + open.length;
  while (i < text.length && (text[i] !== '"' || text[i + 1] === '"')) i += text[i] === '"' ? 2 : 1;
  return { end: i + 1, inner: { start: at + open.length, end: Math.min(i, text.length), escapes: false } };
};

/** `'a'`, `'\n'`; in Rust `'a` is a lifetime. */
const character: Reader = (text, at) => {
  const char = text[at] === "'" ? /^'(?:\\(?:u\{?[\da-fA-F]+\}?|.)|[^'\\\n])'/.exec(text.slice(at, at + 14)) : null;
  return char ? { end: at + char[0].length, inner: null } : null;
};

/** Rust: `r#"…"#`. */
const rawRust: Reader = (text, at) => {
  const open = /^b?r(#*)"/.exec(text.slice(at, at + 12));
  if (!open || /\w/.test(text[at - 1] ?? '')) return null;
  const end = find(text, `"${open[1]}`, at + open[0].length);
  return {
    end: end + 1 + (open[1]?.length ?? 0),
    inner: { start: at + open[0].length, end, escapes: false },
  };
};

/** `<<~SQL` of Ruby, `<<<SQL` of PHP. The value starts on the next line. */
const heredoc =
  (open: RegExp): Reader =>
  (text, at) => {
    if (text[at] !== '<') return null;
    const match = open.exec(text.slice(at, at + 80));
    const name = match?.[1];
    if (!match || !name) return null;
    const start = find(text, '\n', at) + 1;
    const close = new RegExp(`^[ \\t]*${name}\\b`, 'gm');
    close.lastIndex = start;
    const end = close.exec(text)?.index ?? text.length;
    // What stands behind the mark on its line (`.squish)`) is passed over with it.
    return {
      end: end === text.length ? end : close.lastIndex,
      inner: { start, end: Math.max(start, end), escapes: false },
    };
  };

const PAIRS: Record<string, string> = { '(': ')', '[': ']', '{': '}', '<': '>' };

/** `%q(…)` of Ruby, `~s(…)` of Elixir. Words, regular expressions and the like are no text. */
const sigil =
  (open: RegExp, isText: (kind: string) => boolean): Reader =>
  (text, at) => {
    const match = open.exec(text.slice(at, at + 4));
    const left = match?.[2];
    if (!match || left === undefined) return null;
    const triple = left === '"' && text.startsWith('"""', at + match[0].length - 1);
    const close = triple ? '"""' : (PAIRS[left] ?? left);
    const start = at + match[0].length + (triple ? 2 : 0);
    let depth = 1;
    let i = start;
    for (; i < text.length; i++) {
      if (text[i] === '\\') i++;
      else if (text.startsWith(close, i) && --depth === 0) break;
      else if (close !== left && text[i] === left) depth++;
      else if (text[i] === '\n' && !/["([{]/.test(left)) break;
    }
    const end = Math.min(i, text.length);
    return { end: end + close.length, inner: isText(match[1] ?? '') ? { start, end, escapes: false } : null };
  };

/** Ruby: a slash where a value is expected opens a regular expression. */
const regularExpression: Reader = (text, at) => {
  if (
    text[at] !== '/' ||
    !/(?:^|[=(,~!|&;\n]|\b(?:if|unless|when|and|or|not|match\??))[ \t]*$/.test(text.slice(Math.max(0, at - 12), at))
  )
    return null;
  const match = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/.exec(text.slice(at, at + 400));
  return match ? { end: at + match[0].length, inner: null } : null;
};

const rubyBlock: Reader = (text, at) =>
  text.startsWith('=begin', at) && (at === 0 || text[at - 1] === '\n')
    ? { end: find(text, '\n=end', at) + 5, inner: null }
    : null;

const cComments = [lineComment('//'), blockComment];

/** In the order in which they are tried: the longer opening first. */
const READERS: Record<Language, Reader[]> = {
  go: [...cComments, quoted('"'), quoted('`', { escapes: false, multiline: true }), character],
  java: [...cComments, quoted('"""', { multiline: true }), quoted('"'), character, quoted("'")],
  csharp: [
    ...cComments,
    quoted('"""', { escapes: false, multiline: true, prefix: /^\$*$/ }),
    verbatim,
    quoted('"', { prefix: /^\$?$/ }),
    character,
  ],
  php: [
    (text, at) => (text[at] === '#' && text[at + 1] !== '[' ? { end: find(text, '\n', at), inner: null } : null),
    ...cComments,
    heredoc(/^<<<[ \t]*["']?(\w+)["']?/),
    quoted('"', { multiline: true }),
    quoted("'", { multiline: true }),
  ],
  ruby: [
    rubyBlock,
    lineComment('#'),
    heredoc(/^<<[~-]["'`]?([A-Z]\w*)["'`]?/),
    quoted('"', { multiline: true }),
    quoted("'", { multiline: true }),
    quoted('`', { multiline: true }),
    sigil(/^%([qQ]?)([([{<|!])/, () => true),
    sigil(/^%([wWiIrsx])([([{<|!/])/, () => false),
    regularExpression,
  ],
  elixir: [
    lineComment('#'),
    quoted('"""', { multiline: true }),
    quoted("'''", { multiline: true }),
    quoted('"', { multiline: true }),
    quoted("'", { multiline: true }),
    sigil(/^~([a-zA-Z])(["'/|([{<])/, kind => /^[sS]$/.test(kind)),
  ],
  rust: [...cComments, rawRust, quoted('"', { multiline: true, prefix: /^b?$/ }), character],
};
