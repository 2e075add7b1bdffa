/**
 * Events of Go, Java, Kotlin, Scala, C#, PHP, Ruby, Elixir and Rust sources. Without a grammar, calls and settings are told from
 * brackets, `key: value`, `key => value` and the commas between them, which these languages share.
 */

import type { MappedText } from '../src/text/mapped-text.ts';
import { type Event, namedArguments, slotAfter } from './events.ts';
import { type Language, languageOf, type Token, tokenize } from './lexer.ts';
import { readTokenValues, type TokenValue } from './token-values.ts';

export function readTokenEvents(text: string, path: string): Event[] {
  const language = languageOf(path);
  if (!language) return [];
  const tokens = tokenize(text, language);
  return tokenEvents(text, tokens, language, readTokenValues(text, tokens, language));
}

/** The same where tokens and values are known. */
export function tokenEvents(
  text: string,
  tokens: readonly Token[],
  language: Language,
  values: readonly TokenValue[],
): Event[] {
  const imports = language === 'go' ? readGoImports(text, tokens) : readImports(text, tokens);
  return [...imports, ...readStructure(text, tokens, values)];
}

/** What is inside a pair of brackets, or in a statement without any. */
interface Frame {
  open: '' | '(' | '[' | '{';
  /** The function that is called, or the key whose value this is. */
  name: string;
  at: number;
  isCall: boolean;
  /** Tokens between commas; of a pair of brackets inside, only the brackets. */
  items: Token[][];
}

type Setting = Extract<Event, { kind: 'setting' }>;

const CLOSING = /^[)\]}]$/;
/** A line that ends or begins with one of these goes on. */
const CONTINUES = /^(?:[,=|.+>\\&?:(<[{-]|=>|::|->|\|>)$/;
const CONTINUED = /^(?:[.|&?:+]|::|->|\|>)$/;

function readStructure(text: string, tokens: readonly Token[], composed: readonly TokenValue[]): Event[] {
  const events: Event[] = [];
  /** Variables by the text that was last assigned to them, and functions by what they return: `dsn()`. */
  const locals = new Map(readReturns(text, tokens, composed));
  const slice = (token: Token | undefined) => (token ? text.slice(token.from, token.to) : '');
  const values = new Map<number, MappedText | null>();
  for (const { value, pieces } of composed)
    for (const [k, at] of pieces.entries()) values.set(at, k === 0 ? value : null);
  const frames: Frame[] = [];
  const top = () => frames.at(-1) as Frame;
  const open = (frame: Omit<Frame, 'items'>) => frames.push({ ...frame, items: [[]] });
  const close = (end: number) => {
    const frame = frames.pop() as Frame;
    events.push(...finishFrame(frame, frames, end, text, locals));
  };
  open({ open: '', name: '', at: 0, isCall: false });
  for (const [i, token] of tokens.entries()) {
    const before = tokens[i - 1];
    const sign = token.kind === 'sign' ? slice(token) : '';
    const isNewLine =
      token.startsLine && !(before?.kind === 'sign' && CONTINUES.test(slice(before))) && !CONTINUED.test(sign);
    if (!before || sign === ';' || (isNewLine && !CLOSING.test(sign))) {
      if (frames.length === 1) {
        close(before?.to ?? 0);
        const isCommand = startsCommand(token, tokens[i + 1], slice);
        open({ open: '', name: isCommand ? slice(token) : '', at: token.from, isCall: isCommand });
        // The name itself is no argument.
        if (isCommand) continue;
      } else if (top().open === '{' || sign === ';') top().items.push([]);
      if (sign === ';') continue;
    }
    // A literal that others are joined to stands for all of them.
    const value = token.value ? (values.get(token.from) ?? null) : null;
    if (value) events.push({ kind: 'sql', value, callee: calleeOf(frames) });
    const name = token.value?.text ?? (token.kind === 'word' ? slice(token).replace(/^:/, '') : '');
    if (
      LOCK_FUNCTION.test(name) &&
      slice(tokens[i + 1]) !== '(' &&
      !/extension$/.test(calleeOf(frames) ?? slice(before))
    )
      events.push({ kind: 'call', name, at: token.from, arguments: new Map(), slot: null });
    if (CLOSING.test(sign)) {
      if (frames.length > 1) {
        const [[index, ...more] = []] = sign === ']' ? top().items : [];
        close(before?.to ?? token.from);
        // `x["key"] = value`: the key belongs to the item around.
        if (index?.value && more.length === 0) top().items.at(-1)?.push(index);
      }
      top().items.at(-1)?.push(token);
    } else if (sign === ',') top().items.push([]);
    else if (sign === '(' || sign === '[' || sign === '{') {
      const item = top().items.at(-1) ?? [];
      // `pooled[IO](` of Scala.
      const isTyped = sign === '(' && slice(item.at(-1)) === ']' && slice(item.at(-2)) === '[';
      const chain = chainAtEnd(isTyped ? item.slice(0, -2) : item, text);
      const isCall = sign === '(' && chain !== null && item.at(-1)?.to === token.from;
      const name = isCall ? chain.name : (keyOf(item, text, top().open)?.name ?? chain?.name ?? '');
      item.push(token);
      open({ open: sign, name, at: isCall ? chain.at : token.from, isCall });
    } else top().items.at(-1)?.push(token);
  }
  while (frames.length > 0) close(text.length);
  return events;
}

/** A function of the server that code names: `:pg_advisory_lock`, `DSL.function("pg_advisory_lock", …)`. */
const LOCK_FUNCTION = /^pg_(?:try_)?advisory_(?:un)?lock(?:_shared|_all)?$/;

/** `config :app, …`, `execute "…"`: a word of its own before an argument, in languages that need no brackets. */
const startsCommand = (token: Token, next: Token | undefined, slice: (token: Token) => string): boolean =>
  token.kind === 'word' &&
  next !== undefined &&
  !next.startsLine &&
  next.from > token.to &&
  next.kind !== 'sign' &&
  !/^(?:if|unless|do|and|or|in|return|new|const|let|var|def|class|module|func|type|package)$/.test(slice(token)) &&
  !/^(?:if|unless|do|and|or|in)$/.test(slice(next));

/** The chain of names at the end of an item. E.g.: `return $this->db.query` → `this.db.query` */
function chainAtEnd(item: readonly Token[], text: string): { name: string; at: number } | null {
  const slice = (token: Token | undefined) => (token ? text.slice(token.from, token.to) : '');
  let start = item.length - 1;
  if (item[start]?.kind !== 'word') return null;
  while (
    /^(?:\.|::|->|\\)$/.test(slice(item[start - 1])) &&
    (item[start - 2]?.kind === 'word' || /^[)\]]$/.test(slice(item[start - 2])))
  )
    start -= 2;
  const words = item.slice(start).map(slice).join('');
  return { name: words.replace(/->|::|\\/g, '.').replace(/^[)\].]+|\$/g, ''), at: item[start]?.from ?? 0 };
}

/**
 * `name: …`, `"name" => …`, `x["name"] = …`, `x.name = …` at the start of an item, and inside round brackets `name = …`; the value starts at
 * the token `after`.
 */
function keyOf(
  item: readonly Token[],
  text: string,
  open: Frame['open'],
): { name: string; after: number; of: string } | null {
  const slice = (token: Token | undefined) => (token ? text.slice(token.from, token.to) : '');
  const at = item.findIndex(token => token.kind === 'sign' && /^(?:=>|:|=)$/.test(slice(token)));
  const isIndex = slice(item[at - 1]) === ']';
  const key = item[isIndex ? at - 2 : at - 1];
  const isMember = !isIndex && /^(?:\.|->)$/.test(slice(item[at - 2]));
  const isAssignment = slice(item[at]) === '=' && !isIndex && !isMember && open !== '(';
  if (at === -1 || !key || key.kind === 'sign' || isAssignment || slice(item[at + 1]) === '=') return null;
  // `config.RuntimeParams["key"] = …` is a setting of RuntimeParams, `job.adapter = …` one of job.
  const of = isIndex ? slice(item[at - 4]) : isMember ? slice(item[at - 3]) : '';
  return { name: key.value?.text ?? slice(key).replace(/^[:$@]+/, ''), after: at + 1, of };
}

/** What a closed frame tells: the call itself, and the settings in it, which know one another. */
function finishFrame(
  frame: Frame,
  above: readonly Frame[],
  end: number,
  text: string,
  locals: Map<string, string>,
): Event[] {
  const within = [frame, ...above.slice(-8).toReversed()].flatMap(one => namesIn(one, text));
  const words: [string | number, string][] = [];
  const settings: Setting[] = [];
  const siblings: string[] = [];
  let positional = 0;
  for (const item of frame.items) {
    const [first] = item;
    const last = item.at(-1);
    if (!first || !last) continue;
    const key = keyOf(item, text, frame.open);
    const value = textOfValue(item.slice(key?.after ?? 0), text, locals);
    words.push([key?.name ?? positional++, value]);
    if (key) {
      siblings.push(`${key.name}=${value}`);
      const slot = slotAfter(text, first.from, last.to);
      const around = key.of === '' ? within : [key.of, ...within];
      settings.push({
        kind: 'setting',
        name: key.name,
        value,
        at: first.from,
        within: around,
        siblings: () => siblings,
        slot,
      });
    } else noteLocal(item, text, locals);
  }
  if (!frame.isCall) return settings;
  const slot = { at: end, lead: words.length === 0 ? '' : ', ' };
  return [{ kind: 'call', name: frame.name, at: frame.at, arguments: namedArguments(words), slot }, ...settings];
}

/** The name of a frame, and the names that stand alone in it: `App.Repo` of `config :app, App.Repo, …`. */
function namesIn({ name, items }: Frame, text: string): string[] {
  const alone = items.slice(0, 3).flatMap(item => {
    const whole = text.slice(item[0]?.from ?? 0, item.at(-1)?.to ?? 0);
    return /^:?[A-Za-z][\w.]*$/.test(whole) ? [whole.replace(/^:/, '')] : [];
  });
  return [name, ...alone].filter(Boolean);
}

function textOfValue(tokens: readonly Token[], text: string, locals: ReadonlyMap<string, string>): string {
  const [first] = tokens;
  if (!first) return '';
  if (tokens.length === 1 && first.value) return first.value.text;
  const whole = text.slice(first.from, Math.min(tokens.at(-1)?.to ?? 0, first.from + 300)).replace(/\s+/g, ' ');
  const called = /(?:^|[.:>])(\w+\(\))$/.exec(whole)?.[1] ?? '';
  return locals.get(whole) ?? locals.get(called) ?? whole;
}

/** Functions of the file that return one text: `function dsn(): string { return 'pgsql:host=' . $host; }`. */
function readReturns(text: string, tokens: readonly Token[], composed: readonly TokenValue[]): [string, string][] {
  const values = new Map(composed.map(({ at, value }) => [at, value.text]));
  const slice = (token: Token | undefined) => (token ? text.slice(token.from, token.to) : '');
  const returned = new Map<string, (string | undefined)[]>();
  const open: string[] = [];
  let name = '';
  for (const [i, token] of tokens.entries()) {
    const word = token.value ? '' : slice(token);
    if (word === '(' && /^(?:function|func|fn|fun)$/.test(slice(tokens[i - 2]))) name = slice(tokens[i - 1]);
    else if (word === '{') {
      // A block inside a function belongs to it.
      open.push(name || (open.at(-1) ?? ''));
      name = '';
    } else if (word === ';') name = '';
    else if (word === '}') open.pop();
    else if (word === 'return' && open.at(-1)) {
      const id = `${open.at(-1)}()`;
      returned.set(id, [...(returned.get(id) ?? []), values.get(tokens[i + 1]?.from ?? -1)]);
    }
  }
  return [...returned].flatMap(([id, [value, ...more]]): [string, string][] =>
    value === undefined || more.length > 0 ? [] : [[id, value]],
  );
}

/** `dsn = "…"`, `dsn := "…"`, `String dsn = "…" + x`. */
function noteLocal(item: readonly Token[], text: string, locals: Map<string, string>): void {
  const at = item.findIndex(token => token.kind === 'sign' && text[token.from] === '=');
  const name = item.slice(0, Math.max(at, 0)).findLast(token => token.kind === 'word');
  const value = item[at + 1]?.value;
  if (at > 0 && name && value) locals.set(text.slice(name.from, name.to), value.text);
}

/** The innermost function that gets a string. */
const calleeOf = (frames: readonly Frame[]): string | null =>
  frames.slice(-5).findLast(({ isCall, name }) => isCall && name !== '' && !FORMATS.test(name))?.name ?? null;

/** What only puts a text together: the function around it is the one that gets it. */
const FORMATS = /(?:^|\.)(?:Sprintf|[Ff]ormat|format!)$/;

/** Imports come before everything else. A blank one is there for what the package does when it is loaded. */
function readGoImports(text: string, tokens: readonly Token[]): Event[] {
  const words = tokens.map(({ from, to }) => text.slice(from, to));
  const start = words.indexOf('import');
  if (start === -1) return [];
  const end = words.findIndex(word => /^(?:func|type|var|const)$/.test(word));
  return tokens.slice(start, end === -1 ? undefined : end).flatMap(({ value, from }, i, all): Event[] => {
    const before = all[i - 1];
    const lead = before && text.slice(before.from, before.to) === '_' ? '_ ' : '';
    return value ? [{ kind: 'import', name: `${lead}${value.text}`, at: from }] : [];
  });
}

/** `import a.b.C;`, `use A\B;`, `using A.B;`, `require "x"`, `gem "x"`, `use Oban`. */
function readImports(text: string, tokens: readonly Token[]): Event[] {
  return tokens.flatMap((token, i): Event[] => {
    const next = tokens[i + 1];
    if (!token.startsLine || !next || !/^(?:import|use|using|require|gem)$/.test(text.slice(token.from, token.to)))
      return [];
    if (next.value) return [{ kind: 'import', name: next.value.text, at: token.from }];
    const name = /^(?:static\s+)?([\w.\\:]+)/.exec(text.slice(next.from, next.from + 200))?.[1];
    return name ? [{ kind: 'import', name: name.replace(/:+$/, ''), at: token.from }] : [];
  });
}
