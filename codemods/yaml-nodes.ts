/** Access to YAML with places: the parser locates and never prints. */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { PlanError } from '../src/model/errors.ts';
import { isTooDeep } from '../src/text/depth-guard.ts';
import { type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';

export type { Node, Pair, Scalar, YAMLMap };
export { isAlias, isMap, isPair, isScalar, isSeq };

export interface YamlDocument {
  document: Document;
  contents: Node | null;
}

/** Parses every document of the file. Throws a PlanError with the line of the first fault. */
export function readYaml(text: string, lenient = false): YamlDocument[] {
  if (isTooDeep(text)) throw new PlanError('too-deep', 'nested too deeply to be read safely');
  const counter = new LineCounter();
  const composer = new Composer({ uniqueKeys: false, lineCounter: counter, logLevel: 'silent', merge: false });
  const documents = [...composer.compose(tolerant(new Parser(counter.addNewLine)).parse(text))];
  return documents.map(document => {
    const fault = document.errors[0];
    if (fault && !lenient) {
      const { line, col } = counter.linePos(fault.pos[0]);
      throw new PlanError('invalid-yaml', `${fault.message} at line ${line}, column ${col}`, line);
    }
    return { document: document as unknown as Document, contents: document.contents as Node | null };
  });
}

interface QuotedLexer {
  indentNext: number;
  parseQuotedScalar(): Generator<string, unknown>;
}

/**
 * Compose reads with go-yaml, which takes a quoted text whose next lines stand further left than the standard allows: a `'{` with its `}'`
 * below the key.
 */
function tolerant(parser: Parser): Parser {
  const { lexer } = parser as unknown as { lexer: QuotedLexer };
  const read = lexer.parseQuotedScalar;
  lexer.parseQuotedScalar = function* (this: QuotedLexer) {
    const { indentNext } = this;
    this.indentNext = 0;
    const next = yield* read.call(this);
    this.indentNext = indentNext;
    return next;
  };
  return parser;
}

/** The node behind an alias. */
export function resolveNode(node: unknown, document: Document): Node | null {
  if (isAlias(node)) return ((node as Alias).resolve(document) as Node | undefined) ?? null;
  return (node as Node | null) ?? null;
}

export const keyOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : '');

/** The pairs of a map, those merged with `<<` last and only where the map has no key of that name itself. */
export function pairsOf(
  node: unknown,
  document: Document,
  budget = { left: 10_000 },
  above: readonly unknown[] = [],
): Pair[] {
  const map = resolveNode(node, document);
  if (!isMap(map)) return [];
  // A map that merges itself, or merges that multiply: no file that a person wrote.
  if (above.includes(map) || --budget.left < 0) throw new PlanError('too-deep', 'merge keys that repeat without end');
  const own = map.items.filter(pair => keyOf(pair) !== '<<');
  const seen = new Set(own.map(keyOf));
  const merged: Pair[] = [];
  for (const pair of map.items.filter(pair => keyOf(pair) === '<<')) {
    const value = resolveNode(pair.value, document);
    for (const source of isSeq(value) ? value.items : [value]) {
      for (const item of pairsOf(source, document, budget, [...above, map])) {
        if (seen.has(keyOf(item))) continue;
        seen.add(keyOf(item));
        merged.push(item);
      }
    }
  }
  return [...own, ...merged];
}

export function getPair(node: unknown, key: string, document: Document): Pair | null {
  return pairsOf(node, document).find(pair => keyOf(pair) === key) ?? null;
}

export function getNode(node: unknown, key: string, document: Document): Node | null {
  return resolveNode(getPair(node, key, document)?.value, document);
}

/** A scalar as text; null for anything else, also for an absent or null value. */
export function textOf(node: unknown): string | null {
  return isScalar(node) && node.value !== null && node.value !== undefined ? String(node.value) : null;
}

/** Items of a list, or keys of a map, or a single scalar, as texts. */
export function textsOf(node: Node | null, document: Document): string[] {
  if (isSeq(node)) return node.items.map(item => textOf(resolveNode(item, document))).filter(item => item !== null);
  if (isMap(node)) return pairsOf(node, document).map(keyOf);
  const text = textOf(node);
  return text === null ? [] : [text];
}

/** The value of a scalar with its place in the file. */
export function mapScalar(text: string, scalar: Scalar): MappedText {
  const [start, end] = scalar.range as [number, number, number];
  if (scalar.type === 'QUOTE_DOUBLE') return mapEscaped(text, start + 1, end - 1);
  if (scalar.type === 'QUOTE_SINGLE') return mapSlice(text, start + 1, end - 1);
  if (scalar.type === 'BLOCK_LITERAL' || scalar.type === 'BLOCK_FOLDED') {
    const body = text.indexOf('\n', start) + 1;
    return mapSlice(text, body === 0 ? start : Math.min(body, end), end);
  }
  return mapSlice(text, start, end);
}

export const startOf = (node: unknown): number => (node as Node).range?.[0] ?? 0;
export const endOf = (node: unknown): number => (node as Node).range?.[1] ?? 0;
