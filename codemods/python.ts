/** Sites and facts of Python sources. The parser is @lezer/python. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@lezer/python';
import { type Extraction, type Facts, noFacts, type RawSite } from '../src/model/index.ts';
import { isDatabaseKey, isHostKey, isPortKey, type Named, type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type Scope, scanUrls, scanValue } from '../src/scan/scan-value.ts';
import { type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import {
  assignedName,
  convertedBy,
  environmentKey,
  fallbackOf,
  groupAround,
  isReader,
  literalOf,
  READERS,
  readsMain,
  valuesBeside,
  variableName,
  withoutBypass,
} from './python-nodes.ts';
import { type Argument, argumentsOf, calleeName, noteBypass, noteEngine, notePoolSize } from './python-notes.ts';
import { isString, readString } from './python-strings.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';
import { treeOf } from './trees.ts';

export function extract(text: string, context: ExtractContext): Extraction {
  const sites: RawSite[] = [];
  const facts = noFacts();
  const done = new Set<number>();
  const fileFacts = readsMain(text) ? ['main'] : [];
  const state: State = { text, context, sites, facts, done, fileFacts, split: [] };
  treeOf(parser, text).iterate({
    enter(ref) {
      const node = ref.node;
      if (node.name === 'CallExpression') visitCall(node, state);
      else if (node.name === 'DictionaryExpression') visitDictionary(node, state);
      else if (node.name === 'Number' && !done.has(node.from)) visitNumber(node, state);
      else if (isString(node) && !done.has(node.from)) {
        done.add(node.from);
        visitString(node, state);
        if (node.name === 'ContinuedString') return false;
      } else if (node.name === 'MemberExpression') noteSubscript(node, state);
      return undefined;
    },
  });
  const blocks = new Set(state.split.map(({ block }) => block));
  for (const block of blocks) {
    const own = state.split.filter(item => item.block === block);
    const settings = own.map(item => item.setting);
    sites.push(...scanBlock(settings, block, context, { beside: own[0]?.beside() ?? [] }));
  }
  // A variable of the file itself is most likely one that it reads.
  const hosts = facts.reads.filter(isHostKey);
  if (hosts.length > 0) facts.portless = facts.portless.flatMap(name => (name === '*' ? hosts : [name]));
  return { sites, facts };
}

interface State {
  text: string;
  context: ExtractContext;
  sites: RawSite[];
  facts: Facts;
  /** Starts of strings that were read with their surroundings. */
  done: Set<number>;
  fileFacts: string[];
  /** Hosts and ports assigned to names: paired when the whole file is read. */
  split: { block: string; setting: Setting; beside: () => Named[] }[];
}

function visitCall(call: SyntaxNode, state: State): void {
  const { text } = state;
  const callee = calleeName(text, call.firstChild);
  const args = argumentsOf(text, call);
  if ((READERS.test(callee) && args[0]?.name === null) || isReader(args, text))
    readEnvironment(call, callee, args, state);
  else if (/(?:^|\.)Field$/.test(callee)) readField(call, args, state);
  else readKeywords(call, callee, args, state);
  noteEngine(call, callee, args, state);
}

/** What a command with the bypass takes instead is no place of the pool. */
function pooledOf(node: SyntaxNode, { text, done }: State): SyntaxNode {
  const value = withoutBypass(node, text);
  if (value !== node) done.add(node.from);
  return value;
}

/** `os.getenv("KEY", "default")`: the default is a site whose key is the variable. */
function readEnvironment(call: SyntaxNode, callee: string, args: Argument[], state: State): void {
  const first = args[0];
  const fallback = args.find(arg => arg.name === 'default') ?? args.filter(arg => arg.name === null)[1];
  if (!first || !isString(first.value)) return;
  const key = readString(state.text, first.value).text;
  state.facts.reads.push(key);
  state.done.add(first.value.from);
  const value = fallback && pooledOf(fallback.value, state);
  const facts = value && value !== fallback.value ? [...state.fileFacts, 'bypassed'] : state.fileFacts;
  if (!value || state.done.has(value.from)) return;
  const mapped = literalOf(state.text, value);
  if (!mapped) return;
  state.done.add(value.from);
  const local = assignedName(convertedBy(call, state.text), state.text);
  const scope: Scope = { role: 'fallback', call: callee, local, facts };
  noteBypass(call, key, value, pushRead(call, { key, value: mapped, scope }, state), state);
}

/** Host and port read in one call are one decision: psycopg2.connect(host=os.getenv(…), port=os.getenv(…)). */
function pushRead(node: SyntaxNode, setting: Setting, state: State): RawSite[] {
  const { key } = setting;
  const group = isHostKey(key) || isPortKey(key) ? groupAround(node, state.text) : null;
  const beside = valuesBeside(node, state.text);
  const found = scanBlock([setting], `read@${node.from}`, state.context, { beside });
  state.sites.push(...found.map(site => ({ ...site, group: group ?? site.group })));
  return found;
}

/** pydantic: `db_host: str = Field(default="db", alias="DB_HOST")`. */
function readField(call: SyntaxNode, args: Argument[], state: State): void {
  const { text } = state;
  const value = (args.find(arg => arg.name === 'default') ?? args.find(arg => arg.name === null))?.value;
  const alias = args.find(arg => /^(?:alias|validation_alias|env)$/.test(arg.name ?? ''))?.value;
  const local = assignedName(call, text);
  const key = alias && isString(alias) ? readString(text, alias).text : local;
  const mapped = value ? literalOf(text, value) : null;
  if (!value || !mapped || key === null) return;
  state.done.add(value.from);
  const scope: Scope = { role: 'setting', key, local, facts: state.fileFacts };
  if (isHostKey(key) || isPortKey(key)) {
    state.split.push({
      block: groupAround(call, text) ?? 'file',
      setting: { key, value: mapped, scope },
      beside: () => valuesBeside(call, text),
    });
  } else state.sites.push(...scanValue(mapped, scope, state.context));
}

const CONNECTS =
  /(?:^|\.)(?:psycopg2?|psycopg_pool|asyncpg|aiopg|pg8000|pgdb|pygresql)\b|(?:PostgresHook|PostgresqlDatabase|PooledPostgresqlDatabase|AsyncConnectionPool|ConnectionPool|ThreadedConnectionPool|SimpleConnectionPool)$|URL\.create$|PostgresDsn\.build$/;

/** `connect(host="db", port=5432)`: two sites of one group; other keyword arguments are values with a name. */
function readKeywords(call: SyntaxNode, callee: string, args: Argument[], state: State): void {
  const { text } = state;
  const scope: Scope = { role: 'argument', call: callee, facts: state.fileFacts };
  const split: Setting[] = [];
  const host = args.find(arg => arg.name !== null && isHostKey(arg.name));
  const hostVariable = host ? environmentKey(calleeName(text, host.value)) : null;
  for (const { name, value } of args) {
    const mapped = literalOf(text, value);
    if (!mapped || state.done.has(value.from)) continue;
    if (name !== null && (isHostKey(name) || isPortKey(name))) {
      split.push({ key: name, value: mapped, scope });
      state.done.add(value.from);
    } else if (isString(value)) {
      state.done.add(value.from);
      const found = scanValue(mapped, { ...scope, key: name }, state.context);
      state.sites.push(...(found.length > 0 ? found : scanText(mapped, { ...scope, key: name }, state)));
    }
  }
  const isPostgres =
    CONNECTS.test(callee) ||
    (hostVariable !== null && isDatabaseKey(hostVariable)) ||
    args.some(arg => /^(?:drivername|scheme)$/.test(arg.name ?? '') && /postgres/.test(calleeName(text, arg.value)));
  // Only where all arguments can be seen: `**options` or a DSN may hold the port.
  const isComplete = args.every(arg => arg.name !== 'port' && (arg.name !== null || isString(arg.value)));
  if (isPostgres && isComplete && host?.name === 'host' && !args.some(arg => /^dsn$|^conninfo$/.test(arg.name ?? ''))) {
    const slot = { at: host.value.to, before: ', port=', after: '' };
    for (const setting of split) if (setting.key === 'host') setting.scope = { ...scope, portSlot: slot };
    if (split.length === 0) state.facts.portless.push(hostVariable ?? variableName(calleeName(text, host.value)));
  }
  const found = scanBlock(split, `call@${call.from}`, state.context, {
    form: 'argument',
    isPostgres,
    beside: host ? valuesBeside(host.value, text) : [],
  });
  state.sites.push(
    ...found.map(site => ({ ...site, group: `call@${call.from}`, hostVariable: site.port ? hostVariable : null })),
  );
}

/** Django's DATABASES and other dictionaries of settings. */
function visitDictionary(node: SyntaxNode, state: State): void {
  const { text } = state;
  const settings: Setting[] = [];
  let hostVariable: string | null = null;
  for (let key = node.firstChild; key; key = key.nextSibling) {
    if (!isString(key) || key.nextSibling?.name !== ':') continue;
    const given = key.nextSibling.nextSibling;
    const value = given && pooledOf(given, state);
    const facts = value !== given ? [...state.fileFacts, 'bypassed'] : state.fileFacts;
    const mapped = value ? literalOf(text, value) : null;
    state.done.add(key.from);
    const name = readString(text, key).text;
    if (value && name === 'pool_size') notePoolSize(key, value, state);
    if (value && !mapped && isHostKey(name)) hostVariable = environmentKey(calleeName(text, value));
    if (!value || !mapped || state.done.has(value.from)) continue;
    if (!isHostKey(name) && !isPortKey(name) && !isString(value)) continue;
    state.done.add(value.from);
    settings.push({ key: name, value: mapped, scope: { role: 'setting', facts } });
  }
  const isDjango = settings.some(item => item.key === 'ENGINE' && /postg/.test(item.value.text));
  // `{'host': os.getenv('DB_HOST'), 'port': 5432}`
  const isPostgres = isDjango || (hostVariable !== null && isDatabaseKey(hostVariable));
  if (isDjango) placePort(node, settings, text);
  const beside = node.firstChild ? valuesBeside(node.firstChild, text) : [];
  const found = scanBlock(settings, `dict@${node.from}`, state.context, { isPostgres, beside }).map(site =>
    site.port && !site.host ? { ...site, hostVariable } : site,
  );
  state.sites.push(
    ...found.map(site =>
      site.form === 'host' || site.form === 'port' ? { ...site, group: `dict@${node.from}` } : site,
    ),
  );
}

/** Django: `'HOST': 'db'` without a `PORT`, or with an empty one, which means 5432. */
function placePort(node: SyntaxNode, settings: Setting[], text: string): void {
  const host = settings.find(item => item.key === 'HOST');
  const keys = node.getChildren('String').filter(key => key.nextSibling?.name === ':');
  const find = (name: string) => keys.find(key => readString(text, key).text === name);
  const value = find('HOST')?.nextSibling?.nextSibling;
  const port = find('PORT')?.nextSibling?.nextSibling;
  if (!host || !value || text.slice(node.from, node.to).includes('**')) return;
  const isEmpty = port && isString(port) && /^(''|"")$/.test(text.slice(port.from, port.to));
  if (port && !isEmpty) return;
  const quote = text[value.from] === "'" ? "'" : '"';
  const slot = isEmpty
    ? { at: port.from + 1, before: '', after: '' }
    : { at: value.to, before: `, ${quote}PORT${quote}: ${quote}`, after: quote };
  host.scope = { ...host.scope, portSlot: slot };
}

function visitString(node: SyntaxNode, state: State): void {
  const mapped = readString(state.text, node);
  if (!mapped.text.includes('://') && !/\bhost|:\d{4}|^[\w.-]+$/i.test(mapped.text)) return;
  const parent = node.parent;
  const key = assignedName(node, state.text);
  const isDocstring = parent?.name === 'ExpressionStatement';
  const read = fallbackOf(node, state.text);
  const scope: Scope = {
    role: isDocstring ? 'prose' : read ? 'fallback' : key ? 'setting' : 'literal',
    key: read ?? key,
    local: key,
    facts: isDocstring ? ['mention'] : state.fileFacts,
  };
  if (read && (isHostKey(read) || isPortKey(read))) {
    pushRead(node, { key: read, value: mapped, scope }, state);
    return;
  }
  if (key && !read && (isHostKey(key) || isPortKey(key))) {
    const setting = { key, value: mapped, scope };
    const beside = () => valuesBeside(node, state.text);
    state.split.push({ block: groupAround(node, state.text) ?? 'file', setting, beside });
    return;
  }
  const found = scanValue(mapped, scope, state.context);
  state.sites.push(...(found.length > 0 ? found : scanText(mapped, scope, state)));
}

/** `POSTGRES_PORT: int = 5432`, beside the host of the same block. */
function visitNumber(node: SyntaxNode, state: State): void {
  const read = fallbackOf(node, state.text);
  if (read && isPortKey(read)) {
    state.done.add(node.from);
    const scope: Scope = { role: 'fallback', facts: state.fileFacts };
    pushRead(node, { key: read, value: mapSlice(state.text, node.from, node.to), scope }, state);
    return;
  }
  const key = assignedName(node, state.text);
  if (key === null || !isPortKey(key)) return;
  state.done.add(node.from);
  const value = mapSlice(state.text, node.from, node.to);
  const block = groupAround(node, state.text) ?? 'file';
  state.split.push({
    block,
    setting: { key, value, scope: { role: 'setting', key, local: key, facts: state.fileFacts } },
    beside: () => valuesBeside(node, state.text),
  });
}

/** Longer strings: commands in docstrings, URLs in help texts. */
function scanText(mapped: MappedText, scope: Scope, state: State): RawSite[] {
  if (scope.role !== 'docs') return scanUrls(mapped, scope, state.context);
  return logicalLines(mapped.text).flatMap(([start, end]) => {
    const first = mapped.runs[0];
    if (!first || mapped.runs.length !== 1) return [];
    const line = mapSlice(state.text, first.from + start, first.from + end);
    return isCandidate(line.text, state.context) ? scanShell(line, scope, state.context).sites : [];
  });
}

function noteSubscript(node: SyntaxNode, state: State): void {
  const key = /^(?:os\.)?environ\[\s*['"](\w+)['"]\s*\]$/.exec(calleeName(state.text, node))?.[1];
  if (key) state.facts.reads.push(key);
}
