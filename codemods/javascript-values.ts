/** Values of JavaScript expressions: literals, joined literals, and defaults behind a read of the environment. */
import type { SyntaxNode } from '@lezer/common';
import { concatMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export interface JavaScriptValue {
  mapped: MappedText;
  /** The variable of the environment whose default this is. */
  key: string | null;
  isNumber: boolean;
  /** Starts of the literals that make it up. */
  nodes: number[];
}

export const isLiteral = (node: SyntaxNode): boolean =>
  node.name === 'String' || node.name === 'TemplateString' || node.name === 'Number';

/** Null where the value is no literal. E.g.: `Number(process.env.DB_PORT ?? '5432')` → 5432, key DB_PORT. */
export function readValue(node: SyntaxNode, text: string): JavaScriptValue | null {
  if (isLiteral(node)) return readLiteral(node, text);
  if (node.name === 'ParenthesizedExpression' || node.name === 'UnaryExpression') {
    const inner = node.name === 'UnaryExpression' ? node.lastChild : node.firstChild?.nextSibling;
    return inner ? readValue(inner, text) : null;
  }
  if (node.name === 'CallExpression') return readCall(node, text);
  if (node.name === 'ConditionalExpression') return readConditional(node, text);
  return node.name === 'BinaryExpression' ? readBinary(node, text) : null;
}

function readLiteral(node: SyntaxNode, text: string): JavaScriptValue {
  const isNumber = node.name === 'Number';
  const isClosed = text[node.to - 1] === text[node.from] && node.to - node.from > 1;
  const mapped = isNumber
    ? mapSlice(text, node.from, node.to)
    : mapEscaped(text, node.from + 1, isClosed ? node.to - 1 : node.to);
  return { mapped, key: null, isNumber, nodes: [node.from] };
}

function readBinary(node: SyntaxNode, text: string): JavaScriptValue | null {
  const left = node.firstChild;
  const right = node.lastChild;
  const operator = left?.nextSibling;
  if (!left || !right || !operator) return null;
  const sign = text.slice(operator.from, operator.to);
  if (sign === '??' || sign === '||') {
    const fallback = readValue(right, text);
    const key = environmentName(text.slice(...rangeOf(lastChoice(left, text))));
    return fallback && key !== null ? { ...fallback, key } : null;
  }
  if (sign !== '+') return null;
  const first = readValue(left, text);
  const second = readValue(right, text);
  if (!first || !second || first.key || second.key) return null;
  return {
    mapped: concatMapped([first.mapped, second.mapped]),
    key: null,
    isNumber: false,
    nodes: [...first.nodes, ...second.nodes],
  };
}

/** Of `(process.env.A ?? process.env.B)`, the one whose default comes next. */
function lastChoice(node: SyntaxNode, text: string): SyntaxNode {
  if (node.name === 'ParenthesizedExpression' && node.firstChild?.nextSibling)
    return lastChoice(node.firstChild.nextSibling, text);
  const operator = node.name === 'BinaryExpression' ? node.firstChild?.nextSibling : null;
  const isChoice = operator && /^(?:\?\?|\|\|)$/.test(text.slice(...rangeOf(operator)));
  return isChoice && node.lastChild ? node.lastChild : node;
}

const rangeOf = ({ from, to }: SyntaxNode): [number, number] => [from, to];

/** `process.env.DB_PORT ? Number(process.env.DB_PORT) : 5432`. */
function readConditional(node: SyntaxNode, text: string): JavaScriptValue | null {
  const condition = node.firstChild;
  const fallback = node.lastChild ? readValue(node.lastChild, text) : null;
  const key = condition ? environmentName(text.slice(condition.from, condition.to)) : null;
  // `process.env.CI ? a : b` asks for something else.
  const isRead = condition && text.slice(condition.to, node.lastChild?.from).includes(key ?? '');
  return fallback && key !== null && isRead ? { ...fallback, key } : null;
}

/** `Number(x)`, `parseInt(x, 10)`; `config.get('KEY', 'default')`, `env('KEY', 'default')`. */
function readCall(node: SyntaxNode, text: string): JavaScriptValue | null {
  const callee = node.firstChild;
  const list = node.getChild('ArgList');
  if (!callee || !list) return null;
  const name = text.slice(callee.from, callee.to).replace(/<[^<>()]*>$/, '');
  const args: SyntaxNode[] = [];
  for (let child = list.firstChild; child; child = child.nextSibling) if (!/^[(),]$/.test(child.name)) args.push(child);
  const [first, second] = args;
  if (first && /^(?:Number|Number\.parseInt|parseInt|String|toNumber)$/.test(name)) return readValue(first, text);
  if (
    !first ||
    !second ||
    !isLiteral(first) ||
    !/(?:^|\.)(?:env|get|getOrThrow|getEnv|str|port|host|url|int|num)$/i.test(name)
  )
    return null;
  const key = readLiteral(first, text).mapped.text;
  const fallback = readValue(second, text);
  return fallback && /^[A-Z][A-Z0-9_]*$/.test(key)
    ? { ...fallback, key, nodes: [...fallback.nodes, first.from] }
    : null;
}

/** E.g.: `process.env.DB_HOST`, `process.env["DB_HOST"]`, `Deno.env.get("DB_HOST")`, `config.get('DB_HOST')`, `env.DB_HOST`. */
export function environmentName(expression: string): string | null {
  const text = expression
    .replace(/\s+as\s+\w+\)?$/, '')
    .replace(/^\+|^(?:Number|Number\.parseInt|parseInt|String)\(\s*([\s\S]*?)\s*(?:,\s*10\s*)?\)$/, '$1')
    .trim();
  const match =
    /^\(?(?:(?:process|import\.meta|Bun|globalThis\.process)\.)?env(?:\?)?(?:\.(\w+)|\[\s*['"](\w+)['"]\s*\])!?\)?$/.exec(
      text,
    ) ?? /(?:\.|^)(?:get|getOrThrow|env|getEnv)(?:<[^>]*>)?\(\s*['"]([\w.]+)['"]\s*\)$/.exec(text);
  return match?.slice(1).find(Boolean) ?? null;
}
