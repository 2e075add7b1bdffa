/** Sites of JavaScript and TypeScript, and of JSON with comments. The parser is @lezer/javascript. */
import type { SyntaxNode } from '@lezer/common';
import { type Extraction, type Facts, noFacts, type RawSite } from '../src/model/index.ts';
import { isDatabaseKey, isHostKey, isPortKey, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type Scope, scanUrls, scanValue } from '../src/scan/scan-value.ts';
import { lineStartOf } from '../src/text/lines.ts';
import { composeMapped, type MappedText, mapSlice, toSource } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { javaScriptTree } from './javascript-tree.ts';
import { environmentName, isLiteral, type JavaScriptValue, readValue } from './javascript-values.ts';
import { isCommandLine, scanShell } from './shell.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const dialect = /\.[cm]?ts$/i.test(context.path) ? 'ts' : /\.tsx$/i.test(context.path) ? 'ts jsx' : 'jsx';
  return walk(text, mapSlice(text, 0, text.length), dialect, context);
}

/** JSON is an expression; in parentheses it reads as one, comments and trailing commas included. */
export function extractJson(text: string, context: ExtractContext): Extraction {
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const shifted: MappedText = {
    text: `(${text.slice(start)})`,
    runs: [{ at: 1, from: start, length: text.length - start }],
  };
  return walk(shifted.text, shifted, '', context);
}

interface State {
  text: string;
  /** Maps the parsed text into the file. */
  outer: MappedText;
  context: ExtractContext;
  sites: RawSite[];
  facts: Facts;
  done: Set<number>;
  /** Hosts and ports of variables, by the block around: paired when the whole file is read. */
  split: Map<string, Setting[]>;
}

function walk(text: string, outer: MappedText, dialect: string, context: ExtractContext): Extraction {
  const state: State = { text, outer, context, sites: [], facts: noFacts(), done: new Set(), split: new Map() };
  javaScriptTree(dialect, text).iterate({
    enter(ref) {
      const { node } = ref;
      if (node.name === 'ObjectExpression') visitObject(node, state);
      else if (isLiteral(node) && !state.done.has(node.from)) visitLiteral(node, state);
      else if (node.name === 'MemberExpression') noteRead(text.slice(node.from, node.to), state.facts);
    },
  });
  for (const [block, settings] of state.split)
    state.sites.push(...scanBlock(settings, block, context).map(site => ({ ...site, group: block })));
  return { sites: state.sites, facts: state.facts };
}

const noteRead = (text: string, facts: Facts): void => {
  const name = /^(?:process|import\.meta|Bun)\.env(?:\.(\w+)|\[\s*['"](\w+)['"]\s*\])$/.exec(text);
  if (name) facts.reads.push(name[1] ?? name[2] ?? '');
};

/** `{ host: …, port: …, connectionString: … }`: settings of one block; a default behind `process.env.X ??` counts. */
function visitObject(node: SyntaxNode, state: State): void {
  const { text } = state;
  const settings: Setting[] = [];
  const keys = new Map<number, string>();
  let hostVariable: string | null = null;
  const callee = calleeOf(node, text);
  const section = sectionOf(node, text);
  const isCommandMap = section.at(-1) === 'scripts';
  for (let property = node.firstChild; property; property = property.nextSibling) {
    const key = property.name === 'Property' ? nameOf(property, text) : null;
    const value = property.lastChild;
    if (property.firstChild?.name === 'String') state.done.add(property.firstChild.from);
    if (key === null || !value || value === property.firstChild) continue;
    const read = readValue(value, text);
    if (!read && isHostKey(key)) hostVariable = environmentName(text.slice(value.from, value.to));
    if (!read || read.nodes.some(start => state.done.has(start))) continue;
    if (isCommandMap || isCommandLine(read.mapped.text)) {
      markDone(read, state);
      const scope: Scope = { role: 'command', facts: isCommandMap ? ['script'] : [] };
      const result = scanShell(composeMapped(state.outer, read.mapped), scope, state.context);
      state.sites.push(...result.sites);
      state.facts.commands.push(...result.commands);
      continue;
    }
    if (!isHostKey(key) && !isPortKey(key) && read.isNumber) continue;
    markDone(read, state);
    const role = read.key ? 'fallback' : callee ? 'argument' : 'setting';
    const mapped = composeMapped(state.outer, read.mapped);
    const start = mapped.runs[0]?.from;
    if (read.key && start !== undefined) keys.set(start, read.key);
    settings.push({ key, value: mapped, scope: { role, call: callee, section } });
  }
  const group = `object@${node.from}`;
  const isPostgres =
    /\b(?:Pool|Client|postgres|Sequelize|knex|pgp|DataSource|TypeOrm\w*|drizzle|MikroORM\w*)\b/.test(callee ?? '') ||
    settings.some(
      item =>
        /^(?:dialect|type|client|provider|driver|engine)$/.test(item.key) && /^(?:pg|postg)/i.test(item.value.text),
    );
  const isDatabase = isPostgres || (hostVariable !== null && isDatabaseKey(hostVariable));
  if (isPostgres) placePort(node, settings, state);
  if (isPostgres && hostVariable !== null && settings.every(({ key }) => !isPortKey(key)) && isPortless(node, text))
    state.facts.portless.push(hostVariable);
  for (const site of scanBlock(settings, group, state.context, {
    isPostgres: isDatabase,
    ...(callee ? { form: 'argument' as const } : {}),
  })) {
    const read = keys.get(site.span.start) ?? keys.get(valueStart(site, keys));
    const isSplit = site.form === 'host' || site.form === 'port' || site.form === 'argument';
    state.sites.push({
      ...site,
      key: read ?? site.key,
      group: isSplit ? group : site.group,
      hostVariable: site.port && !site.host ? hostVariable : null,
    });
  }
}

/** The object shows all its properties, and none of them can bring a port. */
function isPortless(node: SyntaxNode, text: string): boolean {
  const names = node.getChildren('Property').map(property => nameOf(property, text));
  const isWhole = !names.includes(null) && !node.getChild('Spread');
  return isWhole && !names.some(name => /^port$|connectionString|^url$|^uri$/i.test(name ?? ''));
}

/** `host: 'db'` in an object without a port. */
function placePort(node: SyntaxNode, settings: Setting[], { text, outer }: State): void {
  const host = settings.find(item => item.key === 'host' && item.scope.role !== 'fallback');
  const property = node.getChildren('Property').find(candidate => nameOf(candidate, text) === 'host');
  if (!host || !property || !isPortless(node, text)) return;
  const { span, exact } = toSource(outer, property.to, property.to);
  if (!exact) return;
  const quote = text[property.from] === '"' || text[property.from] === "'" ? text[property.from] : '';
  const lead = text.slice(lineStartOf(text, property.from), property.from);
  const gap = /^[ \t]*$/.test(lead) && text.includes('\n') ? newlineOf(text) + lead : ' ';
  host.scope = { ...host.scope, portSlot: { at: span.start, before: `,${gap}${quote}port${quote}: `, after: '' } };
}

const newlineOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** Names of the properties and variables around, outermost first. */
function sectionOf(node: SyntaxNode, text: string): string[] {
  const names: string[] = [];
  for (let up = node.parent; up && names.length < 8; up = up.parent) {
    const name = /^(?:Property|VariableDeclaration|PropertyDeclaration)$/.test(up.name) ? nameOf(up, text) : null;
    if (name !== null) names.unshift(name);
  }
  return names;
}

/** The value that holds the site, for URLs, whose span starts inside it. */
const valueStart = (site: RawSite, keys: ReadonlyMap<number, string>): number =>
  Math.max(
    -1,
    ...[...keys.keys()].filter(
      start => start <= site.span.start && site.span.start - start < 500 && site.form === 'url',
    ),
  );

const markDone = (read: JavaScriptValue, { done }: State): void => {
  for (const start of read.nodes) done.add(start);
};

/** The function or class that gets the object, at most two objects up. */
function calleeOf(node: SyntaxNode, text: string): string | null {
  let up: SyntaxNode | null = node.parent;
  for (let depth = 0; up && depth < 4; up = up.parent, depth++) {
    if (up.name !== 'ArgList') continue;
    const call = up.parent;
    const callee = call?.name === 'NewExpression' ? call.firstChild?.nextSibling : call?.firstChild;
    return callee ? text.slice(callee.from, callee.to).slice(0, 80) : null;
  }
  return null;
}

/** The name of a property or of a variable that is assigned. */
function nameOf(node: SyntaxNode | null, text: string): string | null {
  if (!node) return null;
  const first = node.firstChild;
  if (node.name === 'Property' || node.name === 'PropertyDeclaration') {
    const key = node.getChild('PropertyDefinition') ?? (first?.name === 'String' ? first : null);
    return key ? text.slice(key.from, key.to).replace(/^["']|["']$/g, '') : null;
  }
  if (node.name === 'VariableDeclaration') {
    const variable = node.getChild('VariableDefinition');
    return variable ? text.slice(variable.from, variable.to) : null;
  }
  if (node.name === 'AssignmentExpression' && first)
    return text.slice(first.from, first.to).replace(/^(?:this|exports|module\.exports)\./, '');
  return null;
}

function visitLiteral(node: SyntaxNode, state: State): void {
  const { text, context } = state;
  // The whole of `process.env.X ?? "…"` or of `"a" + "b"`, so that its parts are not read again.
  const whole = outermost(node);
  const read = readValue(whole, text);
  const key = read ? (read.key ?? nameOf(whole.parent, text)) : null;
  const isEndpoint = key !== null && (isHostKey(key) || isPortKey(key));
  if (!read || (read.isNumber && !(key && isPortKey(key)))) return;
  markDone(read, state);
  if (!read.mapped.text.includes('://') && !/host|server|:\d{4}/i.test(read.mapped.text) && !read.key && !isEndpoint)
    return;
  const isArgument = whole.parent?.name === 'ArgList';
  const call = isArgument ? calleeOf(whole, text) : null;
  const role = read.key ? 'fallback' : isArgument ? 'argument' : key ? 'setting' : 'literal';
  const mapped = composeMapped(state.outer, read.mapped);
  const scope: Scope = { role, key, call, local: nameOf(whole.parent, text) };
  if (/\b(?:pg_dump|pg_restore|psql|migrate|prisma|knex)\s/.test(mapped.text)) {
    state.sites.push(...scanShell(mapped, { ...scope, role: 'command' }, context).sites);
    return;
  }
  if (isEndpoint) {
    const block = `scope@${scopeOf(whole)}`;
    state.split.set(block, [...(state.split.get(block) ?? []), { key, value: mapped, scope }]);
    return;
  }
  const found = scanValue(mapped, scope, context);
  state.sites.push(...(found.length > 0 ? found : scanUrls(mapped, scope, context)));
}

function outermost(node: SyntaxNode): SyntaxNode {
  let at = node;
  while (
    at.parent &&
    /^(?:BinaryExpression|ConditionalExpression|ParenthesizedExpression|UnaryExpression)$/.test(at.parent.name)
  )
    at = at.parent;
  return at;
}

/** The block around, so that `const host = …; const port = …;` beside one another are one connection. */
function scopeOf(node: SyntaxNode): number {
  for (let up = node.parent; up; up = up.parent)
    if (/^(?:Block|Script|ClassBody|TemplateString)$/.test(up.name)) return up.from;
  return 0;
}
