/**
 * Texts that sources in languages without a parser put together: joined literals, constants of the file, and formats with their
 * arguments. What is only known when the program runs stays as a hole. E.g. `fmt.Sprintf("host=%s port=%d", host, 5432)`.
 */
import { concatMapped, type MappedText, mapSlice, sliceMapped } from '../src/text/mapped-text.ts';
import type { Language, Token } from './lexer.ts';
import {
  bareName,
  chainEnd,
  followsDot,
  nameBefore,
  outermostCall,
  readTokenSource,
  type Source,
  usesOf,
  wordAt,
} from './token-source.ts';

export interface TokenValue {
  /** Where the expression stands. */
  at: number;
  end: number;
  value: MappedText;
  /** The variable, constant or setting that it is given to. */
  name: string | null;
  /** The same for the call that it is an argument of. */
  callName: string | null;
  /** The brackets around what it is given to, by their place: settings in one pair belong together. */
  block: number;
  /** Starts of the literals that it is made of, constants aside. */
  pieces: readonly number[];
  /** A constant in it is used for something else too. */
  isShared: () => boolean;
}

/**
 * Values in the order of their places: every one that begins with a literal or a format, and numbers that are given to a name or
 * stand behind a literal in a call.
 */
export function readTokenValues(text: string, tokens: readonly Token[], language: Language): TokenValue[] {
  const source: Evaluated = { ...readTokenSource(text, tokens, language), known: new Map() };
  const found: (Omit<TokenValue, 'isShared'> & { constants: string[] })[] = [];
  const folded = new Set<number>();
  for (const [i, token] of tokens.entries()) {
    if (folded.has(i)) continue;
    const isNumber = token.kind === 'word' && /^\d+$/.test(wordAt(source, i));
    if (!token.value && !isNumber && formatAt(source, i) === null) continue;
    const read = compose(source, i);
    if (!read) continue;
    const name = nameBefore(source, i)?.name ?? null;
    if (isNumber && name === null && !(wordAt(source, i - 1) === ',' && tokens[i - 2]?.value)) continue;
    for (const one of read.folded) folded.add(one);
    const outer = outermostCall(source, i);
    const callName = outer === i ? null : (nameBefore(source, outer)?.name ?? null);
    const block = tokens[source.around[outer] ?? -1]?.from ?? 0;
    const pieces = read.folded.map(one => tokens[one]?.from ?? 0);
    found.push({ ...placeOf(source, i, read), name, callName, block, pieces, constants: read.constants });
  }
  const isShared = (name: string) =>
    usesOf(source, name) > found.filter(other => other.constants.includes(name)).length;
  return found.map(({ constants, ...one }) => ({ ...one, isShared: () => constants.some(isShared) }));
}

/** The source, and the values of its constants as far as they were asked for. */
interface Evaluated extends Source {
  known: Map<string, MappedText | null>;
}

interface Composed {
  value: MappedText;
  /** The index behind the expression. */
  next: number;
  /** Literals that went into it. */
  folded: number[];
  constants: string[];
}

const placeOf = (
  { tokens }: Source,
  i: number,
  { value, next }: Composed,
): Pick<TokenValue, 'at' | 'end' | 'value'> => ({
  at: tokens[i]?.from ?? 0,
  end: tokens[next - 1]?.to ?? 0,
  value,
});

/** How strings are joined. */
const JOINS: Partial<Record<Language, RegExp>> = { php: /^\.$/, elixir: /^<$/ };

function compose(source: Evaluated, start: number, depth = 0): Composed | null {
  const pieces: MappedText[] = [];
  const folded: number[] = [];
  const constants: string[] = [];
  let next = start;
  for (;;) {
    const operand = readOperand(source, next, depth);
    if (!operand) return null;
    pieces.push(operand.value);
    folded.push(...operand.folded);
    constants.push(...operand.constants);
    next = operand.next;
    if (!(JOINS[source.language] ?? /^\+$/).test(wordAt(source, next))) break;
    // `<>` of Elixir are two signs.
    next += source.language === 'elixir' ? 2 : 1;
  }
  return { value: concatMapped(pieces), next, folded, constants };
}

const HOLE: MappedText = { text: '{}', runs: [] };

function readOperand(source: Evaluated, i: number, depth: number): Composed | null {
  const token = source.tokens[i];
  if (!token || depth > 5) return null;
  if (token.value) {
    const read = interpolate(source, token.value, depth);
    return { ...read, next: i + 1, folded: [i] };
  }
  if (token.kind === 'sign') {
    const close = wordAt(source, i) === '(' ? source.closing.get(i) : undefined;
    const inner = close === undefined ? null : compose(source, i + 1, depth + 1);
    return inner && inner.next === close ? { ...inner, next: close + 1 } : null;
  }
  const word = wordAt(source, i);
  if (/^\d+$/.test(word))
    return { value: mapSlice(source.text, token.from, token.to), next: i + 1, folded: [i], constants: [] };
  const format = formatAt(source, i);
  if (format) return readFormat(source, format.open, format.close, depth);
  return readName(source, i, depth);
}

/** A constant, or a hole for what is no constant: `c.Host`, `os.Getenv("X")`, `env["X"]`. */
function readName(source: Evaluated, i: number, depth: number): Composed {
  const last = chainEnd(source, i);
  let next = last + 1;
  const isPlain = last === i && !/^[([]$/.test(wordAt(source, next));
  while (/^[([]$/.test(wordAt(source, next)) || wordAt(source, next) === '!')
    next = (source.closing.get(next) ?? next) + 1;
  const name = environmentRead(source, i, next) ?? bareName(source, i);
  const value = isPlain ? constantValue(source, name, depth) : null;
  if (value) return { value, next, folded: [], constants: [name] };
  const hole = isPlain || name !== bareName(source, i) ? { text: `{${name}}`, runs: [] } : HOLE;
  return { value: hole, next, folded: [], constants: [] };
}

/** `os.Getenv("DB_HOST")`, `ENV["DB_HOST"]`: a read of the environment without a default. */
function environmentRead(source: Source, from: number, to: number): string | null {
  const literals = source.tokens.slice(from, to).flatMap(({ value }) => (value ? [value.text] : []));
  const [name] = literals;
  return literals.length === 1 && name && /^[A-Z][A-Z0-9_]*$/.test(name) ? name : null;
}

function constantValue(source: Evaluated, name: string, depth: number): MappedText | null {
  const place = source.constants.get(name);
  if (!place) return null;
  // How deep it is used decides how much of it is followed.
  const id = `${depth} ${name}`;
  const before = source.known.get(id);
  if (before !== undefined) return before;
  const value = compose(source, place.value, depth + 1)?.value ?? null;
  source.known.set(id, value);
  return value;
}

/** Text between `#{…}`, `${…}`, `{…}` or `$name` of languages that put values into literals. */
const INSERTS: Partial<Record<Language, RegExp>> = {
  java: /\$\{(\w+)\}|\$([A-Za-z_]\w*)/g,
  csharp: /\{(\w+)\}/g,
  ruby: /#\{@{0,2}(\w+)\}/g,
  elixir: /#\{@?(\w+)\}/g,
  php: /\{\$(\w+)\}|\$([A-Za-z_]\w*)/g,
  rust: /\{(\w+)\}/g,
};

function interpolate(source: Evaluated, value: MappedText, depth: number): { value: MappedText; constants: string[] } {
  const insert = INSERTS[source.language];
  const constants: string[] = [];
  const pieces: MappedText[] = [];
  let done = 0;
  for (const match of insert ? value.text.matchAll(insert) : []) {
    const name = match[1] ?? match[2] ?? '';
    const constant = constantValue(source, name, depth);
    if (!constant) continue;
    constants.push(name);
    pieces.push(sliceMapped(value, done, match.index), constant);
    done = match.index + match[0].length;
  }
  return { value: concatMapped([...pieces, sliceMapped(value, done, value.text.length)]), constants };
}

const FORMATS = /^(?:Sprintf|sprintf|format|Format|formatted)$/;

/** `fmt.Sprintf(`, `String.format(`, `string.Format(`, `format!(` with a literal as its first argument, seen from its first word. */
function formatAt(source: Source, i: number): { open: number; close: number } | null {
  if (source.tokens[i]?.kind !== 'word' || followsDot(source, i)) return null;
  const last = chainEnd(source, i);
  const open = wordAt(source, last + 1) === '!' ? last + 2 : last + 1;
  const close = source.closing.get(open);
  const isFormat = FORMATS.test(wordAt(source, last).replace(/!$/, '')) && wordAt(source, open) === '(';
  return isFormat && close !== undefined && source.tokens[open + 1]?.value ? { open, close } : null;
}

/** A place for an argument: `%s`, `%[1]d`, `{}`, `{0}`, `{:?}`. */
const VERB = /%(?:\[(\d+)\]|(\d+)\$)?[-+# 0]*\d*(?:\.\d+)?[sdvq]|\{(\d*)(?::[^{}]*)?\}/g;

function readFormat(source: Evaluated, open: number, close: number, depth: number): Composed | null {
  const format = compose(source, open + 1, depth + 1);
  if (!format) return null;
  const args: Composed[] = [];
  const folded = [...format.folded];
  for (let at = format.next; wordAt(source, at) === ',' && at < close; ) {
    const read = compose(source, at + 1, depth + 1);
    const end = argumentEnd(source, at + 1, close);
    const isWhole = read?.next === end;
    args.push(isWhole ? read : { value: HOLE, next: end, folded: [], constants: [] });
    at = end;
  }
  const pieces: MappedText[] = [];
  const constants = [...format.constants];
  let done = 0;
  let count = 0;
  for (const match of format.value.text.matchAll(VERB)) {
    // `100%%d`
    if (format.value.text[match.index - 1] === '%') continue;
    const given = match[1] ?? match[2];
    const index = given ? Number(given) - 1 : match[3] ? Number(match[3]) : count++;
    const argument = args[index];
    pieces.push(sliceMapped(format.value, done, match.index), argument?.value ?? HOLE);
    folded.push(...(argument?.folded ?? []));
    constants.push(...(argument?.constants ?? []));
    done = match.index + match[0].length;
  }
  const value = concatMapped([...pieces, sliceMapped(format.value, done, format.value.text.length)]);
  return { value, next: close + 1, folded, constants };
}

/** The comma behind an argument, or the closing bracket. */
function argumentEnd(source: Source, from: number, close: number): number {
  let at = from;
  while (at < close && wordAt(source, at) !== ',') at = (source.closing.get(at) ?? at) + 1;
  return Math.min(at, close);
}
