/** Events of JavaScript and TypeScript sources. The parser is @lezer/javascript. */
import type { SyntaxNode } from '@lezer/common';
import { asFragment, type Event, namedArguments, slotAfter } from './events.ts';
import { javaScriptTree } from './javascript-tree.ts';
import { readValue } from './javascript-values.ts';

export function readJavaScriptEvents(text: string, path: string): Event[] {
  const dialect = /\.[cm]?ts$/i.test(path) ? 'ts' : /\.tsx$/i.test(path) ? 'ts jsx' : 'jsx';
  const events: Event[] = [];
  const aliases = new Map<string, string>();
  javaScriptTree(dialect, text).iterate({
    enter({ node }) {
      if (node.name === 'CallExpression' || node.name === 'NewExpression') events.push(readCall(node, text, aliases));
      else if (node.name === 'ImportDeclaration') {
        const local = node.firstChild?.nextSibling;
        const module = moduleOf(node, text);
        if (local?.name === 'VariableDefinition' && /^[\w-]+$/.test(module)) aliases.set(slice(local, text), module);
        events.push(...readImport(node, text));
      } else if (node.name === 'Property') events.push(...readProperty(node, text));
      else if (node.name === 'String' || node.name === 'TemplateString') {
        const read = readValue(node, text);
        const value = read ? asFragment(read.mapped, placeOf(node, text)) : null;
        if (value && node.parent?.name !== 'ImportDeclaration')
          events.push({ kind: 'sql', value, callee: calleeOf(node, text) });
      }
    },
  });
  return events;
}

/** Where the literal stands in a sum. */
function placeOf(node: SyntaxNode, text: string): 'first' | 'later' | 'alone' {
  const { parent } = node;
  const operator = parent?.name === 'BinaryExpression' ? parent.firstChild?.nextSibling : null;
  if (!operator || text.slice(operator.from, operator.to) !== '+') return 'alone';
  return parent?.firstChild?.from === node.from ? 'first' : 'later';
}

const slice = (node: SyntaxNode | null | undefined, text: string): string =>
  node ? text.slice(node.from, Math.min(node.to, node.from + 200)) : '';

/** The function of a call, the class of `new`; type arguments left out. */
function nameOf(call: SyntaxNode, text: string): string {
  const callee = call.name === 'NewExpression' ? call.firstChild?.nextSibling : call.firstChild;
  return slice(callee, text)
    .replace(/\s+/g, '')
    .replace(/<[^()]*>$/, '');
}

/** `aliases`: names that the file gives to the default of a module: what is called is the module. */
function readCall(node: SyntaxNode, text: string, aliases: ReadonlyMap<string, string>): Event {
  const found: [number, string][] = [];
  const list = node.getChild('ArgList');
  let slot = list ? { at: list.from + 1, lead: '' } : null;
  for (let child = list?.firstChild ?? null; child; child = child.nextSibling) {
    if (/^[(),]$/.test(child.name) || child.name.endsWith('Comment')) continue;
    found.push([found.length, literalText(child, text)]);
    slot = { at: child.to, lead: ', ' };
  }
  const own = nameOf(node, text);
  const name = aliases.get(own) ?? own;
  return { kind: 'call', name, at: node.from, arguments: namedArguments(found), slot };
}

const moduleOf = (node: SyntaxNode, text: string): string => slice(node.getChild('String'), text).slice(1, -1);

/** The module, and each name that is taken from it: `pg-listen`, `pg-listen.default`. Types do nothing. */
function readImport(node: SyntaxNode, text: string): Event[] {
  const source = node.getChild('String');
  const clause = source ? text.slice(node.from, source.from) : '';
  if (!source || /^import\s+type\b/.test(clause)) return [];
  const module = moduleOf(node, text);
  const [, names = ''] = /\{([\s\S]*)\}/.exec(clause) ?? [];
  const taken = names.split(',').map(name => name.trim().split(/\s+as\s+/)[0] ?? '');
  const own = taken.filter(name => name !== '' && !/^type\s/.test(name));
  const whole = /^import\s+(?:[\w$]|\*)/.test(clause) || !clause.includes('{') ? ['default'] : [];
  const parts = [...own, ...whole];
  return (parts.length > 0 ? [module, ...parts.map(name => `${module}.${name}`)] : []).map(name => ({
    kind: 'import',
    name,
    at: node.from,
  }));
}

function readProperty(node: SyntaxNode, text: string): Event[] {
  const key = node.firstChild;
  const value = node.lastChild;
  if (!key || !value || key === value) return [];
  const name = slice(key, text).replace(/^["']|["']$/g, '');
  return [
    {
      kind: 'setting',
      name,
      value: literalText(value, text),
      at: node.from,
      within: namesAround(node, text),
      siblings: () => (node.parent?.getChildren('Property') ?? []).map(one => pairOf(one, text)),
      slot: slotAfter(text, node.from, node.to),
    },
  ];
}

function pairOf({ firstChild, lastChild }: SyntaxNode, text: string): string {
  const name = slice(firstChild, text).replace(/^["']|["']$/g, '');
  return `${name}=${lastChild ? literalText(lastChild, text) : ''}`;
}

/** Keys, variables and functions around a node, innermost first. */
function namesAround(node: SyntaxNode, text: string): string[] {
  const names: string[] = [];
  for (let up = node.parent; up && names.length < 8; up = up.parent) {
    if (up.name === 'Property') names.push(slice(up.firstChild, text).replace(/^["']|["']$/g, ''));
    else if (up.name === 'CallExpression' || up.name === 'NewExpression') names.push(nameOf(up, text));
    else if (up.name === 'VariableDeclaration') names.push(slice(up.getChild('VariableDefinition'), text));
  }
  return names.filter(Boolean);
}

const literalText = (node: SyntaxNode, text: string): string => readValue(node, text)?.mapped.text ?? slice(node, text);

/** The function that gets the string, or the tag of a template: sql`…`. */
function calleeOf(node: SyntaxNode, text: string): string | null {
  if (node.parent?.name === 'TaggedTemplateExpression') return slice(node.parent.firstChild, text);
  for (let up = node.parent, depth = 0; up && depth < 5; up = up.parent, depth++) {
    if (up.name === 'CallExpression' || up.name === 'NewExpression') return nameOf(up, text);
  }
  return null;
}
