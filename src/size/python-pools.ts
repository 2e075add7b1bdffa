/** Pools of Python code: SQLAlchemy, Celery's result backend, Django, psycopg, asyncpg. The parser is @lezer/python. */
import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import { isString, readString } from '../../codemods/python-strings.ts';
import { lineAt } from '../text/lines.ts';
import { type ClientPool, libraryDefault, literal, type Setting, unseen } from './client-pools.ts';
import type { Place } from './quantity.ts';

interface Module {
  path: string;
  text: string;
  tree: Tree;
  /** Dictionaries that a name stands for: what a function returns, or what is assigned. */
  options: Map<string, Options>;
  /** Values assigned to names, those of classes too. */
  constants: Map<string, SyntaxNode>;
  isProgram: boolean;
}

/** Keyword arguments or entries of a dictionary, and the names whose entries come in with `**`. */
interface Options {
  module: Module;
  entries: Map<string, SyntaxNode>;
  spreads: string[];
}

/** All Python files of one build context together: options often come from a settings module. */
export function readPythonPools(files: ReadonlyMap<string, string>): ClientPool[] {
  const modules = [...files].map(([path, text]) => readModule(path, text));
  return modules.flatMap(module => {
    const found: ClientPool[] = [];
    module.tree.iterate({
      enter({ node }) {
        if (node.name === 'CallExpression') found.push(...readCall(node, module, modules));
        else if (node.name === 'DictionaryExpression') found.push(...readDjango(node, module, modules));
      },
    });
    return found;
  });
}

function readModule(path: string, text: string): Module {
  const tree = parser.parse(text);
  const isProgram = /^if\s+__name__\s*==\s*['"]__main__['"]/m.test(text);
  const module: Module = { path, text, tree, options: new Map(), constants: new Map(), isProgram };
  tree.iterate({
    enter({ node }) {
      if (node.name === 'AssignStatement') {
        const name = node.firstChild?.name === 'VariableName' ? textOf(node.firstChild, text) : null;
        const value = node.lastChild;
        if (name === null || !value) return;
        module.constants.set(name, value);
        const options = readOptions(value, module);
        if (options) module.options.set(name, options);
      } else if (node.name === 'FunctionDefinition') {
        const name = node.getChild('VariableName');
        const value = node.getChild('Body')?.getChildren('ReturnStatement').at(-1)?.lastChild;
        const options = value ? readOptions(value, module) : null;
        if (name && options) module.options.set(textOf(name, text), options);
      }
    },
  });
  return module;
}

const textOf = (node: SyntaxNode, text: string): string => text.slice(node.from, node.to);
const placeOf = (node: SyntaxNode, { path, text }: Module): Place => ({ file: path, line: lineAt(text, node.from) });

/** `{…}` or `dict(…)`. */
function readOptions(node: SyntaxNode, module: Module): Options | null {
  if (node.name === 'DictionaryExpression') return readEntries(node, module);
  if (node.name !== 'CallExpression' || !node.firstChild) return null;
  return textOf(node.firstChild, module.text) === 'dict' ? readArguments(node, module) : null;
}

function readEntries(node: SyntaxNode, module: Module): Options {
  const options: Options = { module, entries: new Map(), spreads: [] };
  for (let child = node.firstChild; child; child = child.nextSibling) {
    const value = child.nextSibling?.nextSibling;
    if (isString(child) && child.nextSibling?.name === ':' && value)
      options.entries.set(readString(module.text, child).text, value);
    if (child.name === '**' && child.nextSibling) options.spreads.push(spreadName(child.nextSibling, module.text));
  }
  return options;
}

function readArguments(call: SyntaxNode, module: Module): Options {
  const options: Options = { module, entries: new Map(), spreads: [] };
  for (let child = call.getChild('ArgList')?.firstChild ?? null; child; child = child.nextSibling) {
    const value = child.nextSibling?.name === 'AssignOp' ? child.nextSibling.nextSibling : null;
    if (child.name === 'VariableName' && value) options.entries.set(textOf(child, module.text), value);
    if (child.name === '**' && child.nextSibling) options.spreads.push(spreadName(child.nextSibling, module.text));
  }
  return options;
}

/** `config.engine_options()` → `engine_options`. */
const spreadName = (node: SyntaxNode, text: string): string =>
  /(\w+)\s*(?:\([^()]*\))?$/.exec(textOf(node, text))?.[1] ?? '';

interface Found {
  node: SyntaxNode;
  module: Module;
}

/** The value of an option, through `**name`; null where nothing gives it, 'hidden' where something may. */
function find(name: string, options: Options, modules: readonly Module[], depth = 0): Found | 'hidden' | null {
  const own = options.entries.get(name);
  if (own) return { node: own, module: options.module };
  for (const spread of options.spreads) {
    const target = depth < 4 ? optionsNamed(spread, options.module, modules) : null;
    const found = target ? find(name, target, modules, depth + 1) : 'hidden';
    if (found !== null) return found;
  }
  return null;
}

const optionsNamed = (name: string, module: Module, modules: readonly Module[]): Options | null =>
  module.options.get(name) ?? modules.find(other => other.options.has(name))?.options.get(name) ?? null;

/** A number with the place where it stands, and the variable that can change it. */
interface Written extends Found {
  value: number;
  variable: string | null;
}

/** A number behind literals, reads of the environment with a default, constants and settings classes. */
function readNumber(found: Found, modules: readonly Module[], depth = 0): Written | null {
  const { node, module } = found;
  const text = textOf(node, module.text);
  const plain = isString(node) ? readString(module.text, node).text : node.name === 'Number' ? text : '';
  if (/^\d+$/.test(plain)) return { ...found, value: Number(plain), variable: null };
  if (depth > 4) return null;
  if (node.name === 'CallExpression') {
    const args = (node.getChild('ArgList')?.getChildren('String') ?? []).map(arg => readString(module.text, arg).text);
    const variable = args.find(arg => /^[A-Z][A-Z0-9_]*$/.test(arg)) ?? null;
    // The default stands last: `int(os.getenv("POOL", "5"))`, `int_env("POOL", 5)`, `Field(default=5)`.
    let last: Written | null = null;
    for (let child = node.getChild('ArgList')?.firstChild ?? null; child; child = child.nextSibling) {
      last = readNumber({ node: child, module }, modules, depth + 1) ?? last;
    }
    return last && { ...last, variable: variable ?? last.variable };
  }
  if (node.name === 'VariableName') {
    const constant = module.constants.get(text);
    return constant ? readNumber({ node: constant, module }, modules, depth + 1) : null;
  }
  if (node.name === 'MemberExpression') {
    const name = /\.(\w+)$/.exec(text)?.[1] ?? '';
    const owner = modules.find(other => other.constants.has(name));
    const constant = owner?.constants.get(name);
    const number = owner && constant ? readNumber({ node: constant, module: owner }, modules, depth + 1) : null;
    // Settings classes (pydantic) read the variable of the same name.
    return number && { ...number, variable: number.variable ?? name.toUpperCase() };
  }
  return null;
}

function readSetting(
  name: string,
  fallback: number,
  note: string,
  options: Options,
  at: Place,
  modules: readonly Module[],
): Setting {
  const found = find(name, options, modules);
  if (found === null) return libraryDefault(fallback, at, note);
  if (found === 'hidden') return unseen(fallback, at, `${name} may come from options that can't be seen here; ${note}`);
  const number = readNumber(found, modules);
  return number
    ? literal(number.value, placeOf(number.node, number.module), name, number.variable)
    : unseen(fallback, placeOf(found.node, found.module), `${name} is computed; ${note}`);
}

// Sources: docs.sqlalchemy.org/en/20/core/engines.html, magicstack.github.io/asyncpg, psycopg.org/psycopg3/docs/api/pool.html
const POOLS: { call: RegExp; library: string; option: string; value: number }[] = [
  { call: /(?:^|\.)asyncpg\.create_pool$/, library: 'asyncpg', option: 'max_size', value: 10 },
  { call: /(?:^|\.)(?:Async)?ConnectionPool$/, library: 'psycopg_pool', option: 'max_size', value: 4 },
  { call: /(?:^|\.)(?:Threaded|Simple)ConnectionPool$/, library: 'psycopg2.pool', option: 'maxconn', value: 10 },
  { call: /(?:^|\.)aiopg\.create_pool$/, library: 'aiopg', option: 'maxsize', value: 10 },
];

function readCall(call: SyntaxNode, module: Module, modules: readonly Module[]): ClientPool[] {
  const callee = call.firstChild ? textOf(call.firstChild, module.text).replace(/\s/g, '') : '';
  const place = placeOf(call, module);
  const base = { place, isProgram: module.isProgram, isCelery: false, overflow: null };
  if (/(?:^|\.)create_(?:async_)?engine$/.test(callee)) {
    const options = readArguments(call, module);
    if (/\b(?:sqlite|mysql|mssql|oracle)\b/.test(textOf(call, module.text))) return [];
    return [{ ...base, library: 'SQLAlchemy', kind: 'pool', ...readEngine(options, place, modules) }];
  }
  if (/(?:^|\.)Celery$/.test(callee)) return readCelery(call, module, modules);
  const pool = POOLS.find(known => known.call.test(callee));
  if (pool) {
    const size = readSetting(
      pool.option,
      pool.value,
      `${pool.library}'s default is ${pool.value}`,
      readArguments(call, module),
      place,
      modules,
    );
    return [{ ...base, library: pool.library, kind: 'pool', size }];
  }
  const [, library] = /(?:^|\.)(psycopg2?|asyncpg|pg8000)\.(?:\w+\.)?connect$/.exec(callee) ?? [];
  return library ? [{ ...base, library, kind: 'per-thread', size: perThread(place, library) }] : [];
}

const perThread = (place: Place, library: string): Setting =>
  libraryDefault(1, place, `${library}: one connection for each thread`);

function readEngine(
  options: Options,
  at: Place,
  modules: readonly Module[],
): { size: Setting; overflow: Setting | null } {
  const pool = find('poolclass', options, modules);
  if (pool && pool !== 'hidden' && /NullPool/.test(textOf(pool.node, pool.module.text)))
    return { size: libraryDefault(1, at, 'NullPool: a connection only while it is used'), overflow: null };
  return {
    size: readSetting('pool_size', 5, "SQLAlchemy's default is 5", options, at, modules),
    overflow: readSetting('max_overflow', 10, "SQLAlchemy's default is 10", options, at, modules),
  };
}

/** The result backend has an engine of its own, with `database_engine_options`. */
function readCelery(call: SyntaxNode, module: Module, modules: readonly Module[]): ClientPool[] {
  const options = readArguments(call, module);
  const backend = options.entries.get('backend') ?? options.entries.get('result_backend');
  if (!backend || !leadsToDatabase(backend, module)) return [];
  const place = placeOf(call, module);
  const given = findEngineOptions(modules) ?? { module, entries: new Map(), spreads: [] };
  return [
    {
      library: 'Celery result backend',
      place,
      kind: 'pool',
      ...readEngine(given, place, modules),
      isProgram: false,
      isCelery: true,
    },
  ];
}

/** `db+postgresql://…`, written there or in the constant that it names. */
function leadsToDatabase(node: SyntaxNode, module: Module): boolean {
  const constant = module.constants.get(textOf(node, module.text));
  return /\bdb\+postgres/.test(textOf(constant ?? node, module.text));
}

function findEngineOptions(modules: readonly Module[]): Options | null {
  for (const module of modules) {
    let found: Options | null = null;
    module.tree.iterate({
      enter({ node }) {
        const isNamed = /^(?:VariableName|String)$/.test(node.name) && node.nextSibling !== null;
        if (
          found ||
          !isNamed ||
          !/^['"]?(?:database_engine_options|CELERY_\w*ENGINE_OPTIONS)['"]?$/.test(textOf(node, module.text))
        )
          return;
        const value = node.nextSibling?.nextSibling;
        if (value) found = readOptions(value, module) ?? optionsNamed(spreadName(value, module.text), module, modules);
      },
    });
    if (found) return found;
  }
  return null;
}

/** Django opens one connection per thread and database. Source: docs.djangoproject.com/en/stable/ref/databases/ */
function readDjango(node: SyntaxNode, module: Module, modules: readonly Module[]): ClientPool[] {
  const options = readEntries(node, module);
  const engine = options.entries.get('ENGINE');
  if (!engine || !/postg/.test(textOf(engine, module.text))) return [];
  const place = placeOf(node, module);
  const base = { place, library: 'Django', isProgram: false, isCelery: false, overflow: null };
  const given = options.entries.get('OPTIONS');
  const pool = given ? readOptions(given, module)?.entries.get('pool') : undefined;
  const settings = pool ? readOptions(pool, module) : null;
  if (pool && textOf(pool, module.text) !== 'False') {
    const note = "psycopg_pool's default is 4";
    const size = settings
      ? readSetting('max_size', 4, note, settings, place, modules)
      : libraryDefault(4, placeOf(pool, module), note);
    return [{ ...base, kind: 'pool', size }];
  }
  return [{ ...base, kind: 'per-thread', size: perThread(place, 'Django') }];
}
