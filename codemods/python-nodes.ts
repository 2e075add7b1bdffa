/** What a node of a Python source says: the text of a literal, the variable that is read, the name that it is given, its group. */
import type { SyntaxNode } from '@lezer/common';
import { isHostKey, type Named } from '../src/scan/scan-block.ts';
import { type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import { isBypass } from './python-bypass.ts';
import { type Argument, argumentsOf, calleeName } from './python-notes.ts';
import { isString, readString } from './python-strings.ts';

/** A script of its own, and not only a way to start a test runner. */
export const readsMain = (text: string): boolean =>
  /^if\s+__name__\s*==\s*['"]__main__['"]/m.test(text) && !/^\s+(?:unittest|pytest)\.main\(/m.test(text);

export const READERS =
  /(?:^|\.)(?:getenv|environ\.get|environ\.setdefault|env|config|env\.(?:str|url|db|db_url|int|get)|get_env|getenv_or|decouple\.config|env_str|os_getenv)$/;

/** A reader of the project's own: `optional_env("DB_HOST", "db")`. */
export const isReader = (args: Argument[], text: string): boolean =>
  args.length >= 2 &&
  args[0]?.name === null &&
  isString(args[0].value) &&
  /^[A-Z][A-Z0-9]*_[A-Z0-9_]*$/.test(readString(text, args[0].value).text);

/** The call around that only converts: `int(os.getenv(…))`. */
export function convertedBy(call: SyntaxNode, text: string): SyntaxNode {
  const outer = call.parent?.name === 'ArgList' ? call.parent.parent : null;
  return outer && /^(?:int|str)$/.test(calleeName(text, outer.firstChild)) ? outer : call;
}

/** Of `"db" if BYPASS else "pgbouncer"` (`bypassed`) the value without the bypass; any other node as it is. */
export function withoutBypass(node: SyntaxNode, text: string): SyntaxNode {
  const value = node.name === 'ConditionalExpression' ? node.lastChild : null;
  return value && isBypass(text.slice(node.from, value.from)) ? value : node;
}

/** A string or a whole number. */
export function literalOf(text: string, node: SyntaxNode): MappedText | null {
  if (isString(node)) return readString(text, node);
  return node.name === 'Number' ? mapSlice(text, node.from, node.to) : null;
}

/** The call, dictionary or block around a read, so that its host and its port share a group. */
export function groupAround(node: SyntaxNode, text: string): string | null {
  const around = containerOf(node, text);
  if (!around) return null;
  if (around.name === 'DictionaryExpression') return `dict@${around.from}`;
  if (around.name === 'ParamList') return `parameters@${around.from}`;
  if (around.name === 'ArgList') return `call@${around.parent?.from ?? around.from}`;
  return `body@${around.from}`;
}

function containerOf(node: SyntaxNode, text: string): SyntaxNode | null {
  for (let up = node.parent; up; up = up.parent) {
    if (/^(?:DictionaryExpression|ParamList|Body|Script)$/.test(up.name)) return up;
    if (up.name !== 'ArgList') continue;
    const callee = calleeName(text, up.prevSibling);
    const isRead = up.parent !== null && isReader(argumentsOf(text, up.parent), text);
    if (!isRead && !READERS.test(callee) && !/^(?:int|str|bool|float)$/.test(callee)) return up;
  }
  return null;
}

/** What stands beside it by name: other keys, arguments, parameters or variables, and the variables that they are read from. */
export function valuesBeside(node: SyntaxNode, text: string): Named[] {
  const around = containerOf(node, text);
  if (!around) return [];
  const found: Named[] = [];
  const note = (name: string, value: SyntaxNode | null) => {
    const read = value?.name === 'CallExpression' ? readOf(value, text) : null;
    const literal = value && isString(value) ? value : (read?.fallback ?? null);
    if (!literal || !isString(literal)) return;
    const mapped = readString(text, literal);
    found.push({ key: name, value: mapped });
    if (read) found.push({ key: read.key, value: mapped });
  };
  for (let child = around.firstChild; child; child = child.nextSibling) {
    const sign = child.nextSibling;
    if (around.name === 'DictionaryExpression' && isString(child) && sign?.name === ':')
      note(readString(text, child).text, sign.nextSibling);
    else if (child.name === 'VariableName' && sign?.name === 'AssignOp')
      note(text.slice(child.from, child.to), sign.nextSibling);
    else if (child.name === 'AssignStatement') note(calleeName(text, child.firstChild), child.lastChild);
  }
  return found;
}

/** The variable that a call reads, and the default. */
function readOf(call: SyntaxNode, text: string): { key: string; fallback: SyntaxNode | null } | null {
  const args = argumentsOf(text, call);
  const [first, second] = args.filter(({ name }) => name === null);
  if (!first || !isString(first.value) || !(READERS.test(calleeName(text, call.firstChild)) || isReader(args, text)))
    return null;
  const fallback = args.find(({ name }) => name === 'default') ?? second;
  return { key: readString(text, first.value).text, fallback: fallback?.value ?? null };
}

/** `settings.DB_HOST` → `DB_HOST`; a plain variable may come from anywhere. */
export const variableName = (expression: string): string => {
  const name = /\.(\w+)$/.exec(expression)?.[1]?.toUpperCase() ?? '';
  return isHostKey(name) ? name : '*';
};

/** `os.getenv("DB_HOST") or "db"` → the variable. */
export function fallbackOf({ parent, from }: SyntaxNode, text: string): string | null {
  if (parent?.name !== 'BinaryExpression') return null;
  const left = text.slice(parent.from, from);
  return /\bor\s*$/.test(left) ? environmentKey(left) : null;
}

export const environmentKey = (text: string): string | null =>
  /(?:getenv|environ(?:\.get)?)[[(]\s*['"](\w+)['"]/.exec(text)?.[1] ?? null;

/** E.g.: `DATABASE_URL = "…"` and `url: str = "…"` → the name. */
export function assignedName(node: SyntaxNode, text: string): string | null {
  const parent = node.parent;
  if (parent?.name === 'ParamList') return parameterName(node, text);
  if (parent?.name !== 'AssignStatement') return null;
  const target = parent.firstChild;
  return target && target.to < node.from ? calleeName(text, target).replace(/^self\./, '') : null;
}

/** `def connect(host: str = "db", port: int = 5432)` → the parameter. */
function parameterName(node: SyntaxNode, text: string): string | null {
  let before = node.prevSibling;
  if (before?.name !== 'AssignOp') return null;
  while (before && before.name !== 'VariableName') before = before.prevSibling;
  return before ? text.slice(before.from, before.to) : null;
}
