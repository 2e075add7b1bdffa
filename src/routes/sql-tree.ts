/** PostgreSQL's own grammar (libpg-query), and what its trees hold. Placeholders are masked to equal length. */
import { counters } from '../model/counters.ts';
import { maskPlaceholders, splitStatements } from './mask-placeholders.ts';

export type Ast = Record<string, unknown>;
type Library = typeof import('libpg-query');

let library: Library | null = null;

/** Loads the grammar once; it costs some 25 ms. */
export async function loadGrammar(): Promise<void> {
  if (library) return;
  library = await import('libpg-query');
  await library.loadModule();
}

export interface Statement {
  stmt?: Ast;
  stmt_location?: number;
  stmt_len?: number;
}

/** Null where the text is no SQL. Call `loadGrammar` before. Places in the statements are bytes of `masked`. */
export function parseMasked(sql: string): [masked: string, statements: Statement[] | null] {
  if (!library) throw new Error('loadGrammar has not been called');
  counters.sqlParsed++;
  const masked = maskPlaceholders(sql);
  const statements = parse(masked);
  if (statements || !sql.includes('?')) return [masked, statements];
  const other = maskPlaceholders(sql, false);
  return [other, parse(other)];
}

function parse(sql: string): Statement[] | null {
  return parseWhole(sql) ?? parseEach(sql);
}

function parseWhole(sql: string): Statement[] | null {
  try {
    return (library as Library).parseSync(sql).stmts as Statement[];
  } catch {
    return null;
  }
}

/** A script of several statements, of which the grammar does not know one: the others are read. Null where it knows none. */
function parseEach(sql: string): Statement[] | null {
  const pieces = splitStatements(sql);
  if (pieces.length < 2 || pieces.length > MOST_STATEMENTS) return null;
  const found: Statement[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const length = Buffer.byteLength(piece);
    for (const one of parseWhole(piece) ?? [])
      found.push({ ...one, stmt: shifted(one.stmt ?? {}, bytes), stmt_location: bytes + (one.stmt_location ?? 0) });
    bytes += length;
  }
  return found.length > 0 ? found : null;
}

/** Parsing each of very many by itself takes long, and a file of so many is data. */
const MOST_STATEMENTS = 2000;

/** Places in a tree are bytes of its own text. */
function shifted(node: Ast, by: number): Ast {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, child]) => [
        name,
        name === 'location' && typeof child === 'number' ? child + by : visit(child),
      ]),
    );
  };
  return visit(node) as Ast;
}

/** The queries of a function in PL/pgSQL. */
export function queriesOf(statement: string): string[] {
  const found: string[] = [];
  try {
    walk((library as Library).parsePlPgSQLSync(statement), (name, node) => {
      if (name === 'PLpgSQL_expr' && typeof node.query === 'string') found.push(node.query);
    });
  } catch {
    return [];
  }
  return found;
}

/** Every node of the tree, by name. */
export function walk(node: unknown, visit: (name: string, node: Ast) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
  } else if (node !== null && typeof node === 'object') {
    for (const [name, child] of Object.entries(node)) {
      if (child !== null && typeof child === 'object' && !Array.isArray(child)) visit(name, child as Ast);
      walk(child, visit);
    }
  }
}

export const lastName = (names: unknown): string => {
  const last = (Array.isArray(names) ? names.at(-1) : null) as { String?: { sval?: string } } | null;
  return last?.String?.sval?.toLowerCase() ?? '';
};

export const constant = (node: Ast | undefined): Ast | null => (node?.A_Const as Ast | undefined) ?? null;
export const stringOf = (node: Ast | undefined): string | null =>
  ((constant(node)?.sval as Ast)?.sval as string) ?? null;

/** `false`, `'f'` or `false::boolean`. */
export function isFalse(node: Ast | undefined): boolean {
  const cast = (node?.TypeCast as Ast | undefined)?.arg as Ast | undefined;
  if (cast) return isFalse(cast);
  const value = constant(node);
  if (value?.boolval) return (value.boolval as Ast).boolval !== true;
  return /^(?:f|false|off|0)$/i.test(stringOf(node) ?? '');
}

/** `byte`: where blanks and comments may stand; the result: where the statement begins. */
export const skipBlank = (sql: string, byte: number): number =>
  byte + (/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(sql.slice(byte))?.[0].length ?? 0);

/** The parser counts bytes of UTF-8. */
export function indexOfBytes(text: string): (byte: number) => number {
  if (/^[\x00-\x7f]*$/.test(text)) return byte => byte;
  const bytes = Buffer.from(text);
  return byte => bytes.subarray(0, byte).toString('utf8').length;
}
