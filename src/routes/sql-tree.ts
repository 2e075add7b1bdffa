/** PostgreSQL's own grammar (libpg-query), and what its trees hold. Placeholders are masked to equal length. */
import { maskPlaceholders } from './mask-placeholders.ts';

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
  const masked = maskPlaceholders(sql);
  const statements = parse(masked);
  if (statements || !sql.includes('?')) return [masked, statements];
  const other = maskPlaceholders(sql, false);
  return [other, parse(other)];
}

function parse(sql: string): Statement[] | null {
  try {
    return (library as Library).parseSync(sql).stmts as Statement[];
  } catch {
    return null;
  }
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
