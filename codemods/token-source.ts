/** The tokens of a file with what stands around each: brackets, names that are given a value, and what is constant. */
import type { Language, Token } from './lexer.ts';

export interface Source {
  text: string;
  tokens: readonly Token[];
  language: Language;
  /** The closing bracket of each opening one, by their indices. */
  closing: ReadonlyMap<number, number>;
  /** Of each token the innermost opening bracket around it; -1: none. */
  around: readonly number[];
  /** Names that are given one value in the whole file: the tokens where the name and the value start. */
  constants: ReadonlyMap<string, { at: number; value: number }>;
}

export function readTokenSource(text: string, tokens: readonly Token[], language: Language): Source {
  const source: Source = { text, tokens, language, ...matchBrackets(text, tokens), constants: new Map() };
  return { ...source, constants: readConstants(source) };
}

export const wordAt = ({ text, tokens }: Source, i: number): string => {
  const token = tokens[i];
  return token ? text.slice(token.from, token.to) : '';
};

function matchBrackets(text: string, tokens: readonly Token[]): Pick<Source, 'closing' | 'around'> {
  const closing = new Map<number, number>();
  const around: number[] = [];
  const open: number[] = [];
  tokens.forEach(({ kind, from }, i) => {
    const sign = kind === 'sign' ? (text[from] ?? '') : '';
    const start = /[)\]}]/.test(sign) ? open.pop() : undefined;
    if (start !== undefined) closing.set(start, i);
    around.push(open.at(-1) ?? -1);
    if (/[([{]/.test(sign)) open.push(i);
  });
  return { closing, around };
}

/** `=` and `:=` of an assignment, or the sign between a key and its value. */
const GIVES = /^(?:=|:|=>)$/;

/**
 * The name before `name = `, `name := `, `name: Type = `, `"name" => `. In Go the type stands behind the name, in languages like Java
 * before it.
 */
export function nameBefore(source: Source, i: number): { name: string; at: number; isMember: boolean } | null {
  const { tokens, language } = source;
  let at = i - 1;
  if (!GIVES.test(wordAt(source, at)) || tokens[at]?.kind !== 'sign') return null;
  // `:=`
  if (wordAt(source, at) === '=' && wordAt(source, at - 1) === ':' && tokens[at - 1]?.to === tokens[at]?.from) at--;
  if (/^[=!<>+\-*/%]$/.test(wordAt(source, at - 1)) && tokens[at - 1]?.to === tokens[at]?.from) return null;
  let name = at - 1;
  if (wordAt(source, at) === '=' && language !== 'php') {
    const start = lineStart(source, at);
    const words = Array.from({ length: at - start }, (_, k) => start + k);
    const colon = words.find(k => wordAt(source, k) === ':' && tokens[k]?.kind === 'sign');
    if (colon !== undefined && colon > start) name = colon - 1;
    else if (language === 'go') name = words.find(k => !/^(?:const|var)$/.test(wordAt(source, k))) ?? name;
  }
  const token = tokens[name];
  if (!token || token.kind === 'sign') return null;
  return { name: token.value?.text ?? bareName(source, name), at: name, isMember: followsDot(source, name) };
}

/** `.`, `->` and `::` between the names of a chain. */
const DOT = /^(?:\.|->|::)$/;

/** The last name of the chain that starts at `i`: of `c.db.Host` that of `Host`. */
export function chainEnd(source: Source, i: number): number {
  let last = i;
  while (DOT.test(wordAt(source, last + 1)) && source.tokens[last + 2]?.kind === 'word') last += 2;
  return last;
}

/** True in the middle of a chain. */
export const followsDot = (source: Source, i: number): boolean => DOT.test(wordAt(source, i - 1));

/** Where the calls begin that it is an argument of, up to the one whose result is given to a name. */
export function outermostCall(source: Source, i: number): number {
  let at = i;
  while (nameBefore(source, at) === null) {
    const open = source.around[at] ?? -1;
    let start = open - 1;
    if (wordAt(source, open) !== '(' || source.tokens[start]?.kind !== 'word') break;
    while (followsDot(source, start) && source.tokens[start - 2]?.kind === 'word') start -= 2;
    at = start;
  }
  return at;
}

/** The first token of the line, or behind the last bracket or comma on it. */
function lineStart(source: Source, i: number): number {
  let at = i;
  while (at > 0 && !source.tokens[at]?.startsLine && !/^[,;({[]$/.test(wordAt(source, at - 1))) at--;
  return at;
}

/** `$name`, `@name` and `:name` without their marks. */
export const bareName = (source: Source, i: number): string => wordAt(source, i).replace(/^[$@:]+/, '');

function readConstants(source: Source): Source['constants'] {
  const given = new Map<string, { at: number; value: number } | null>();
  source.tokens.forEach((_, i) => {
    if (wordAt(source, i) !== '=') return;
    const target = nameBefore(source, i + 1);
    if (!target || target.isMember) return;
    given.set(target.name, given.has(target.name) ? null : { at: target.at, value: i + 1 });
  });
  return new Map([...given].flatMap(([name, place]) => (place === null ? [] : [[name, place] as const])));
}

/** How often a constant is used; what is only logged does not count. */
export const usesOf = (source: Source, name: string): number =>
  source.tokens.filter(
    ({ kind }, i) =>
      kind === 'word' && bareName(source, i) === name && source.constants.get(name)?.at !== i && !isLogged(source, i),
  ).length;

function isLogged(source: Source, i: number): boolean {
  for (let open = source.around[i] ?? -1; open !== -1; open = source.around[open] ?? -1)
    if (/^(?:print\w*|log\w*|info\w*|debug\w*|warn\w*|fatal\w*|puts|echo)$/i.test(wordAt(source, open - 1)))
      return true;
  return false;
}
