/** Events of Python sources. The parser is @lezer/python. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/python';
import { asFragment, type Event, namedArguments, slotAfter } from './events.ts';
import { argumentsOf, calleeName } from './python-notes.ts';
import { isString, readString } from './python-strings.ts';
import { treeOf } from './trees.ts';

export function readPythonEvents(text: string): Event[] {
  const events: Event[] = [];
  // `DATABASES['default']['CONN_MAX_AGE'] = 0`, after the dictionary.
  const later: string[] = [];
  treeOf(parser, text).iterate({
    enter(ref) {
      const { node } = ref;
      if (node.name === 'CallExpression') events.push(...readCall(node, text));
      else if (node.name === 'ImportStatement') events.push(...readImports(node, text));
      else if (node.name === 'DictionaryExpression') events.push(...readDictionary(node, text, later));
      else if (node.name === 'AssignStatement') events.push(...readItem(node, text, later));
      else if (isString(node)) {
        // A docstring tells about SQL and runs none.
        if (node.parent?.name !== 'ExpressionStatement') events.push(...readSql(node, text));
        if (node.name === 'ContinuedString') return false;
      }
      return undefined;
    },
  });
  return events;
}

function readSql(node: SyntaxNode, text: string): Event[] {
  const sum =
    node.parent?.name === 'BinaryExpression' &&
    text[node.parent.childAfter(node.parent.firstChild?.to ?? 0)?.from ?? 0] === '+';
  const place = !sum
    ? 'alone'
    : node.parent?.firstChild?.from === node.from && node.parent.parent?.name !== 'BinaryExpression'
      ? 'first'
      : 'later';
  const value = asFragment(readString(text, node), place);
  return value ? [{ kind: 'sql', value, callee: calleeOf(node, text) }] : [];
}

function readCall(node: SyntaxNode, text: string): Event[] {
  const name = calleeName(text, node.firstChild);
  const list = argumentsOf(text, node);
  const args = list.map(({ name: key, value }, i): [string | number, string] => [key ?? i, literalText(value, text)]);
  const last = list.at(-1)?.value.to;
  const slot = last === undefined ? { at: node.to - 1, lead: '' } : { at: last, lead: ', ' };
  const call: Event = { kind: 'call', name, at: node.from, arguments: namedArguments(args), slot };
  if (!/(?:^|\.)partial$/.test(name) || list.length === 0) return [call];
  // `partial(connect, dsn=…)` is a call of the first with the rest.
  const [first] = list;
  const rest = args
    .slice(1)
    .map(([key, value]): [string | number, string] => [typeof key === 'number' ? key - 1 : key, value]);
  const inner = text.slice(first?.value.from, first?.value.to);
  return [call, { kind: 'call', name: inner, at: node.from, arguments: namedArguments(rest), slot }];
}

/** `import a.b as c` and `from a.b import c, d` → `a.b`, and `a.b.c`, `a.b.d`. */
function readImports(node: SyntaxNode, text: string): Event[] {
  const source = text
    .slice(node.from, node.to)
    .replace(/[()\\]/g, ' ')
    .replace(/\s+/g, ' ');
  const [, module = '', list = source.replace(/^import /, '')] = /^from ([\w.]+) import (.*)$/.exec(source) ?? [];
  const own = list.split(',').map(name => name.trim().split(' ')[0] ?? '');
  // `from . import a` is `.a`.
  const lead = module === '' || module.endsWith('.') ? module : `${module}.`;
  const names = [module, ...own.filter(Boolean).map(name => `${lead}${name}`)];
  return names.filter(Boolean).map(name => ({ kind: 'import', name, at: node.from }));
}

/** `env["PGOPTIONS"] = "…"` */
function readItem(node: SyntaxNode, text: string, later: string[]): Event[] {
  const target = node.firstChild;
  const key = target?.name === 'MemberExpression' ? target.getChild('String') : null;
  if (!target || !key || !node.lastChild) return [];
  const outer = target.firstChild;
  const within = [calleeName(text, outer?.name === 'MemberExpression' ? outer.firstChild : outer)];
  const value = literalText(node.lastChild, text);
  const name = readString(text, key).text;
  if (outer?.name === 'MemberExpression') later.push(`${name}=${value}`);
  const extent = { start: node.lastChild.from, end: node.lastChild.to };
  return [{ kind: 'setting', name, value, at: node.from, within, siblings: () => later, slot: null, extent }];
}

function readDictionary(node: SyntaxNode, text: string, later: readonly string[]): Event[] {
  const within = namesAround(node, text);
  const siblings: string[] = [];
  const events: Event[] = [];
  for (let key = node.firstChild; key; key = key.nextSibling) {
    const value = key.nextSibling?.name === ':' ? key.nextSibling.nextSibling : null;
    if (!isString(key) || !value) continue;
    const name = readString(text, key).text;
    const valueText = literalText(value, text);
    siblings.push(`${name}=${valueText}`);
    const slot = slotAfter(text, key.from, value.to);
    const extent = { start: value.from, end: value.to };
    const all = () => [...siblings, ...later];
    events.push({ kind: 'setting', name, value: valueText, at: key.from, within, siblings: all, slot, extent });
  }
  return events;
}

/** Keys, assigned names, keyword arguments and functions around a node, innermost first. */
function namesAround(node: SyntaxNode, text: string): string[] {
  const names: string[] = [];
  for (let up: SyntaxNode | null = node; up && names.length < 8; up = up.parent) {
    const before = up.prevSibling;
    if (before?.name === ':' && before.prevSibling && isString(before.prevSibling))
      names.push(readString(text, before.prevSibling).text);
    else if (before?.name === 'AssignOp' && before.prevSibling) names.push(calleeName(text, before.prevSibling));
    if (up.name === 'CallExpression') names.push(calleeName(text, up.firstChild));
  }
  return names;
}

const literalText = (node: SyntaxNode, text: string): string =>
  isString(node) ? readString(text, node).text : text.slice(node.from, Math.min(node.to, node.from + 200));

/** The function that gets the string, also through `text("…")` and `sql.SQL("…").format(…)`. */
function calleeOf(node: SyntaxNode, text: string): string | null {
  for (let up = node.parent, depth = 0; up && depth < 5; up = up.parent, depth++) {
    if (up.name === 'CallExpression' && up.firstChild && up.firstChild.to < node.from)
      return calleeName(text, up.firstChild);
  }
  return null;
}
