/** What SQL does to the session that runs it. */
import { isPostgresSetting } from './postgres-settings.ts';
import {
  type Ast,
  constant,
  indexOfBytes,
  isFalse,
  lastName,
  parseMasked,
  queriesOf,
  skipBlank,
  stringOf,
  walk,
} from './sql-tree.ts';
import { TRACKED } from './startup-parameters.ts';

export type SqlFactName =
  | 'set-session'
  | 'set-session-in-tx'
  | 'set-config-session'
  | 'search-path-session'
  | 'session-characteristics'
  | 'set-role'
  | 'listen'
  | 'session-advisory-lock'
  | 'sql-prepare'
  | 'temp-table'
  | 'with-hold-cursor'
  | 'load'
  | 'currval-lastval'
  | 'discard'
  | 'backend-pid'
  | 'create-database'
  | 'foreign-server';

export interface SqlFact {
  name: SqlFactName;
  /** Offset in the text, in UTF-16 units. */
  at: number;
  /** What is set, locked or listened to, as a word. */
  detail: string;
  /** Between BEGIN and COMMIT of the same text. */
  inTransaction: boolean;
}

/** A cheap look before the parser is loaded: words of which every hazard has one, those that start a statement where one can start. */
export const SQL_WORDS =
  /_advisory_|\b(?:set_config|TEMP|TEMPORARY|HOLD|currval|lastval|pg_temp|pg_backend_pid|DATABASE|FOREIGN|dblink\w*)\b|(?:^|[;$'"]|\b(?:BEGIN|THEN|LOOP|ELSE|AS)\b|\*\/|--[^\n]*\n)\s*(?:SET|RESET|LISTEN|UNLISTEN|PREPARE|EXECUTE|DEALLOCATE|LOAD|DISCARD|SERVER)\b/i;

/** Null where the text is no SQL. Call `loadGrammar` before. */
export function readSqlFacts(sql: string): SqlFact[] | null {
  const [masked, statements] = parseMasked(sql);
  if (!statements) return null;
  const facts: SqlFact[] = [];
  const toIndex = indexOfBytes(masked);
  let inTransaction = false;
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of statements) {
    const [kind = '', node = {}] = (Object.entries(stmt ?? {})[0] ?? []) as [string, Ast];
    const transaction = kind === 'TransactionStmt' ? String(node.kind) : '';
    if (/BEGIN|START/.test(transaction)) inTransaction = true;
    if (/COMMIT$|ROLLBACK$/.test(transaction)) inTransaction = false;
    const add = (name: SqlFactName, detail: string, location: unknown) =>
      facts.push({
        name,
        at: typeof location === 'number' ? toIndex(location) : skipBlank(masked, toIndex(start)),
        detail,
        inTransaction,
      });
    readStatement(kind, node, inTransaction, add);
    // What is only compared or shown is gone with the statement.
    const keeps = /^(?:Insert|Update|Delete|Create)Stmt$/.test(kind);
    walk(node, (name, child) => readExpression(name, child, keeps, add));
    if (kind === 'DoStmt' || kind === 'CreateFunctionStmt') {
      const from = toIndex(start);
      const text = masked.slice(from, length === undefined ? undefined : toIndex(start + length));
      const first = skipBlank(masked, from);
      for (const fact of readBody(kind, node, text))
        facts.push({ ...fact, at: fact.at === -1 ? first : from + fact.at });
    }
  }
  return facts;
}

type Add = (name: SqlFactName, detail: string, location: unknown) => void;

/** Statements as a whole: only what stands on its own is done by the session (a function's `SET` clause is not). */
function readStatement(kind: string, node: Ast, inTransaction: boolean, add: Add): void {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  switch (kind) {
    case 'VariableSetStmt':
      readSet(node, inTransaction, add);
      return;
    // UNLISTEN meets another server connection than the LISTEN before it.
    case 'ListenStmt':
    case 'UnlistenStmt':
      if (node.conditionname) add('listen', text(node.conditionname), undefined);
      return;
    case 'PrepareStmt':
    case 'ExecuteStmt':
      add('sql-prepare', text(node.name), undefined);
      return;
    case 'DeallocateStmt':
      if (node.isall !== true) add('sql-prepare', text(node.name), undefined);
      return;
    case 'CreateStmt':
      readTemporary(node.relation, node.oncommit, add);
      return;
    case 'CreateFunctionStmt':
      if (isTemporarySchema(node.funcname)) add('temp-table', lastName(node.funcname), undefined);
      return;
    case 'CompositeTypeStmt':
      readTemporary(node.typevar, undefined, add);
      return;
    case 'CreateEnumStmt':
      if (isTemporarySchema(node.typeName)) add('temp-table', lastName(node.typeName), undefined);
      return;
    case 'CreateTableAsStmt': {
      const into = (node.into ?? {}) as Ast;
      readTemporary(into.rel, into.onCommit, add);
      return;
    }
    case 'ViewStmt':
      readTemporary(node.view, undefined, add);
      return;
    case 'CreateSeqStmt':
      readTemporary(node.sequence, undefined, add);
      return;
    case 'SelectStmt': {
      const into = (node.intoClause ?? {}) as Ast;
      readTemporary(into.rel, into.onCommit, add);
      return;
    }
    case 'DeclareCursorStmt':
      // CURSOR_OPT_HOLD of parsenodes.h
      if ((Number(node.options) & 0x20) !== 0) add('with-hold-cursor', text(node.portalname), undefined);
      return;
    case 'LoadStmt':
      add('load', text(node.filename), undefined);
      return;
    case 'DiscardStmt':
      add('discard', 'DISCARD', undefined);
      return;
    case 'CreatedbStmt':
    case 'DropdbStmt':
      add('create-database', text(node.dbname), undefined);
      return;
    case 'CreateForeignServerStmt':
      add('foreign-server', text(node.servername), undefined);
  }
}

function readSet(node: Ast, inTransaction: boolean, add: Add): void {
  const name = String(node.name ?? '').toLowerCase();
  const isReset = node.kind === 'VAR_RESET' || node.kind === 'VAR_SET_DEFAULT';
  if (node.kind === 'VAR_RESET_ALL') add('discard', 'RESET ALL', undefined);
  else if (node.is_local === true || isReset || /^transaction/.test(name) || TRACKED.has(name)) return;
  else if (name === 'session characteristics') {
    for (const { DefElem } of (node.args ?? []) as { DefElem?: Ast }[])
      if (!isReadWrite(DefElem)) add('session-characteristics', String(DefElem?.defname), undefined);
  } else if (name === 'default_transaction_read_only' && isFalse(((node.args ?? []) as Ast[])[0])) return;
  else if (name === 'role' || name === 'session_authorization') add('set-role', name, undefined);
  else if (name === 'search_path') add('search-path-session', name, undefined);
  else if (isPostgresSetting(name)) add(inTransaction ? 'set-session-in-tx' : 'set-session', name, undefined);
}

/** READ WRITE is what everybody has anyway. */
const isReadWrite = (element: Ast | undefined): boolean =>
  element?.defname === 'transaction_read_only' &&
  !((constant(element.arg as Ast)?.ival as Ast | undefined)?.ival as number);

function readTemporary(relation: unknown, onCommit: unknown, add: Add): void {
  const { relpersistence, relname, schemaname } = (relation ?? {}) as Ast;
  if ((relpersistence === 't' || schemaname === 'pg_temp') && onCommit !== 'ONCOMMIT_DROP')
    add('temp-table', String(relname ?? ''), undefined);
}

function readExpression(kind: string, node: Ast, keeps: boolean, add: Add): void {
  if (kind !== 'FuncCall') return;
  const name = lastName(node.funcname);
  const args = (node.args ?? []) as Ast[];
  if (name === 'set_config') {
    const variable = stringOf(args[0]);
    if (variable !== null && TRACKED.has(variable.toLowerCase())) return;
    if (isFalse(args[2]))
      add(
        variable === 'search_path' ? 'search-path-session' : 'set-config-session',
        variable ?? 'set_config',
        node.location,
      );
  } else if (/^pg_(?:try_)?advisory_(?:un)?lock(?:_shared|_all)?$/.test(name)) {
    add('session-advisory-lock', name, node.location);
  } else if (name === 'currval' || name === 'lastval') add('currval-lastval', name, node.location);
  else if (name === 'pg_backend_pid' && keeps) add('backend-pid', name, node.location);
  else if (/^dblink_connect/.test(name)) add('foreign-server', name, node.location);
  // SQL that a function puts together and runs.
  else if (name === 'format' && /^\s*create\s+temp(?:orary)?\s+table\b/i.test(stringOf(args[0]) ?? ''))
    add('temp-table', 'format', node.location);
}

const isTemporarySchema = (names: unknown): boolean =>
  Array.isArray(names) && names.length > 1 && lastName(names.slice(0, 1)) === 'pg_temp';

/** SQL inside DO blocks and function bodies, with offsets in the statement; -1 where the place is not known. */
function readBody(kind: string, node: Ast, text: string): SqlFact[] {
  const options = ((kind === 'DoStmt' ? node.args : node.options) ?? []) as { DefElem?: Ast }[];
  const option = (name: string) =>
    options.find(({ DefElem }) => DefElem?.defname === name)?.DefElem?.arg as Ast | undefined;
  const language = ((option('language')?.String as Ast)?.sval as string | undefined) ?? 'plpgsql';
  const source = option('as');
  const body =
    ((source?.String as Ast)?.sval as string | undefined) ??
    ((((source?.List as Ast)?.items as Ast[] | undefined)?.[0]?.String as Ast)?.sval as string | undefined);
  if (!body || !/^(?:sql|plpgsql)$/i.test(language)) return [];
  const queries = language.toLowerCase() === 'sql' ? [body] : queriesOf(kind === 'DoStmt' ? asFunction(body) : text);
  let from = Math.max(0, text.indexOf(body));
  const found = queries.flatMap(query => {
    const at = text.indexOf(query, from);
    if (at !== -1) from = at;
    // A query with INTO is kept without it: then the words at the place itself are looked for.
    const placeOf = (offset: number) =>
      at === -1 ? text.indexOf(query.slice(offset, offset + 20), from) : at + offset;
    return factsOf(query).map(fact => ({ ...fact, at: placeOf(fact.at) }));
  });
  // A function runs in one transaction: what it prepares it can execute, and a table that it drops afterwards is gone.
  const start = Math.max(0, text.indexOf(body));
  const dropped = [...body.matchAll(/\bdrop\s+table\s+(?:if\s+exists\s+)?(?:pg_temp\.)?"?(\w+)/gi)];
  const isDropped = ({ at, detail }: SqlFact) =>
    dropped.some(({ 1: name, index }) => name === detail && (at === -1 || start + index > at));
  return found.filter(fact => fact.name !== 'sql-prepare' && !(fact.name === 'temp-table' && isDropped(fact)));
}

/** A query, or an expression, as `EXECUTE` and `IF` have. */
function factsOf(query: string): SqlFact[] {
  const lead = 'SELECT ';
  return (
    readSqlFacts(query) ??
    (readSqlFacts(lead + query) ?? []).map(fact => ({ ...fact, at: Math.max(0, fact.at - lead.length) }))
  );
}

const asFunction = (body: string): string => {
  const tag = '$pool_migrate_body$';
  return `CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS ${tag}${body}${tag}`;
};
