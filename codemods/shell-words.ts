/** Shell text as commands whose words know where their characters stand. The parser is unbash. */
import {
  type AndOr,
  type Command as CommandNode,
  type Function as FunctionNode,
  type If,
  type Pipeline,
  parse,
  type Redirected,
  type Word,
  type WordPart,
} from 'unbash';
import { concatMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export interface ShellWord {
  /** The word without its quotes; expansions keep their text. */
  value: MappedText;
  start: number;
  end: number;
}

export interface ShellAssignment extends ShellWord {
  name: string;
}

export interface ShellCommand {
  start: number;
  end: number;
  words: ShellWord[];
  /** `NAME=value` before the command, or alone. */
  assignments: ShellAssignment[];
  /** Bodies of here-documents. */
  heredocs: ShellWord[];
  /** Redirected input: `psql < dump.sql`. */
  input: boolean;
  /** The file that its output goes to. */
  output: string | null;
  /** Variables without which alone it runs: `if [ -z "$NAME" ]; then …`. */
  unset: readonly string[];
  /** It calls a function of the text, whose commands stand there themselves, and which gives none of them what it is given. */
  isOwnCall: boolean;
}

/** What holds for all that is inside of a node. */
interface Around {
  output: string | null;
  unset: readonly string[];
  /** The function that it is a part of. */
  within: string | null;
}

/** `-c`, alone or among others: `-ecx`. */
export const isScriptFlag = (word: string): boolean => /^-[a-z]*c[a-z]*$/.test(word);

export const isShell = (word: string): boolean => /(?:^|\/)(?:ba|da|a|k|z)?sh$/.test(word);

/** Every simple command of the text, in order, those in substitutions and compound commands too. */
export function readShell(text: string): ShellCommand[] {
  const found: ShellCommand[] = [];
  const bodies = new Map<string, ShellCommand[]>();
  visit(text, parse(text), { output: null, unset: [], within: null }, (node, { output, unset, within }) => {
    const command = readCommand(text, node);
    found.push({ ...command, output: command.output ?? output, unset });
    if (within !== null) bodies.set(within, [...(bodies.get(within) ?? []), command]);
  });
  const handsOn = ({ start, end, words }: ShellCommand) =>
    words.length > 0 && !SAYS.has(words[0]?.value.text ?? '') && /\$\{?[1-9@*]/.test(text.slice(start, end));
  const isOwnCall = ({ words }: ShellCommand) => {
    const body = bodies.get(words[0]?.value.text ?? '');
    return body !== undefined && (words.length === 1 || !body.some(handsOn));
  };
  return found.map(command => ({ ...command, isOwnCall: isOwnCall(command) })).sort((a, b) => a.start - b.start);
}

/** What these are given goes nowhere else. */
const SAYS = new Set(
  'echo printf tee logger date local declare shift return tput test [ [[ : export curl wget jq sed tr cat'.split(' '),
);

/** Walks every node, because commands hide in substitutions inside words, and those in default values of expansions. */
function visit(
  text: string,
  node: unknown,
  around: Around,
  onCommand: (node: CommandNode, around: Around) => void,
): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(text, item, around, onCommand);
  } else if (node !== null && typeof node === 'object') {
    const typed = node as { type?: string };
    if (typed.type === 'Command') onCommand(node as CommandNode, around);
    const output = outputOf(text, typed) ?? around.output;
    const [name, branch] = ifUnset(text, typed);
    const within = typed.type === 'Function' ? readWord(text, (node as FunctionNode).name).value.text : around.within;
    for (const value of Object.values(node)) {
      if (typeof value !== 'object') continue;
      const unset = name !== null && value === branch ? [...around.unset, name] : around.unset;
      visit(text, value, { output, unset, within }, onCommand);
    }
  }
}

/** The variable, and the part of the node that runs where it is not set: `if [ -z "$X" ]`, `[ -z "$X" ] && …`, `[ -n "$X" ] || …`. */
function ifUnset(text: string, node: { type?: string }): [string | null, unknown] {
  if (node.type === 'If') {
    const { clause, then } = node as If;
    return [testedName(text.slice(clause.pos, clause.end), '-z'), then];
  }
  if (node.type !== 'AndOr') return [null, null];
  const { commands, operators } = node as AndOr;
  const [test] = commands;
  const name = test && testedName(text.slice(test.pos, test.end), operators[0] === '&&' ? '-z' : '-n');
  // `[ -z "$X" ] && X=1 || X=2`: the last runs where it is set.
  return [operators.every(operator => operator === operators[0]) ? (name ?? null) : null, commands];
}

const testedName = (test: string, flag: '-z' | '-n'): string | null => {
  const [, found, name = null] =
    /^\s*(?:\[\[?|test)\s+(?:(-[zn])\s+)?"?\$\{?(\w+)(?::?-)?\}?"?\s*(?:\]\]?)?\s*;?\s*$/.exec(test) ?? [];
  return (found ?? '-n') === flag ? name : null;
};

/** Where the output of what is inside goes: `{ …; } > file`, `… | tee file`. */
function outputOf(text: string, node: { type?: string }): string | null {
  if (node.type === 'Redirected')
    return (node as Redirected).redirects.map(item => writtenFile(item, text)).find(file => file !== null) ?? null;
  const last = node.type === 'Pipeline' ? (node as Pipeline).commands.at(-1) : null;
  if (last?.type !== 'Command') return null;
  const words = readCommand(text, last).words.map(({ value }) => value.text);
  return words.includes('tee')
    ? (words.slice(words.indexOf('tee') + 1).find(word => !word.startsWith('-')) ?? null)
    : null;
}

const writtenFile = (item: Redirected['redirects'][number], text: string): string | null =>
  item.type === 'Redirect' && /^(?:>>?|>\|)$/.test(item.operator) && item.target
    ? readWord(text, item.target).value.text
    : null;

function readCommand(text: string, node: CommandNode): ShellCommand {
  const command: ShellCommand = {
    start: node.pos,
    end: node.end,
    words: [],
    assignments: [],
    heredocs: [],
    input: false,
    output: null,
    unset: [],
    isOwnCall: false,
  };
  if (node.name) command.words.push(readWord(text, node.name));
  for (const item of [...node.prefix, ...node.suffix]) {
    if (item.type === 'Word') command.words.push(readWord(text, item));
    else if (item.type === 'Assignment') {
      if (item.value.type === 'Word') command.assignments.push({ ...readWord(text, item.value), name: item.name });
    } else if (item.type === 'HereDoc') {
      const { pos, end } = item.body;
      command.heredocs.push({ value: mapSlice(text, pos, end), start: pos, end });
      command.input = true;
    } else if (item.type === 'HereString' || item.operator === '<') command.input = true;
    else command.output ??= writtenFile(item, text);
  }
  return command;
}

function readWord(text: string, word: Word): ShellWord {
  const value = word.parts
    ? concatMapped(word.parts.map(part => readPart(text, part)))
    : mapEscaped(text, word.pos, word.end);
  return { value, start: word.pos, end: word.end };
}

function readPart(text: string, part: WordPart): MappedText {
  if (part.type === 'SingleQuoted') return mapSlice(text, part.pos + 1, closingQuote(text, part, "'"));
  if (part.type === 'DoubleQuoted') return mapEscaped(text, part.pos + 1, closingQuote(text, part, '"'));
  if (part.type === 'Literal') return mapEscaped(text, part.pos, part.end);
  return mapSlice(text, part.pos, part.end);
}

/** The parser recovers from a quote that is never closed; its part then ends without one. */
const closingQuote = (text: string, part: WordPart, quote: string): number =>
  text[part.end - 1] === quote && part.end - part.pos > 1 ? part.end - 1 : part.end;
