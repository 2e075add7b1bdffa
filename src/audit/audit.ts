/** Hazards of sources: what breaks, or silently misbehaves, behind PgBouncer. */

import { lineStarts, positionAt } from '../lines.ts';
import { mapEscaped, mapSlice, toSource } from '../mapped-text.ts';
import type { Hazard, RawSite, Source } from '../model.ts';
import { goesDirect, isAudited } from './candidates.ts';
import { asFragment, type Event, namedArguments } from './events.ts';
import { type CompiledHazardRule, concernsVersion, type Item, type PoolMode } from './hazard-rules.ts';
import { loadGrammar, readSqlFacts, SQL_WORDS, type SqlFact } from './sql-facts.ts';

export interface AuditInput {
  rules: readonly CompiledHazardRule[];
  mode: PoolMode;
  /** PgBouncer's, e.g. `1.24.1`. */
  version: string;
}

/** A hazard and the rule that found it. */
export interface Finding extends Hazard {
  process: CompiledHazardRule['process'];
}

interface Placed {
  item: Item;
  at: number;
}

/** What the code and the SQL of a source do, in the order of the file. */
export async function auditSource(source: Source, input: AuditInput): Promise<Finding[]> {
  // Larger ones are generated, and parsing one would take longer than all others together.
  if (!isAudited(source.path) || source.text.length > 300_000) return [];
  const events = await readEvents(source);
  const facts = await readFacts(source, events);
  const imports = events.flatMap(event => (event.kind === 'import' ? [event.name] : []));
  const items: Placed[] = [
    ...events.flatMap(event => (event.kind === 'sql' ? [] : [{ item: event as Item, at: event.at }])),
    ...facts.map(fact => ({ item: { kind: 'fact' as const, fact }, at: fact.at })),
  ];
  return judge(source, items, imports, input);
}

/** What connection strings ask for. */
export function auditSites(source: Source, sites: readonly RawSite[], input: AuditInput): Finding[] {
  const items = sites.flatMap(({ params, span }) =>
    params.map((name): Placed => ({ item: { kind: 'parameter', name, at: span.start }, at: span.start })),
  );
  return judge(source, items, [], input);
}

function judge(source: Source, items: Placed[], imports: readonly string[], input: AuditInput): Finding[] {
  const starts = lineStarts(source.text);
  const found: Finding[] = [];
  for (const { item, at } of items.sort((a, b) => a.at - b.at)) {
    for (const rule of input.rules) {
      const severity = rule.severity[input.mode];
      // Once a file is enough for a library.
      if (item.kind === 'import' && found.some(finding => finding.rule === rule.id)) continue;
      if (!severity || !concernsVersion(rule, input.version) || !rule.matches(item, { imports })) continue;
      const { line, column } = positionAt(starts, at);
      found.push({
        file: source.path,
        line,
        column,
        rule: rule.id,
        // What goes direct anyway is told, and breaks nothing.
        severity: goesDirect(source.path) ? 'note' : severity,
        modes: (Object.keys(rule.severity) as PoolMode[]).filter(mode => rule.severity[mode]),
        message: rule.message,
        fix: rule.fix,
        process: rule.process,
      });
    }
  }
  return found.filter((one, i) => !found.slice(0, i).some(other => other.line === one.line && other.rule === one.rule));
}

async function readEvents({ path, text }: Source): Promise<Event[]> {
  if (/\.pyi?$/i.test(path)) return (await import('./python-events.ts')).readPythonEvents(text);
  if (/\.(?:[cm]?[jt]s|[jt]sx)$/i.test(path))
    return (await import('./javascript-events.ts')).readJavaScriptEvents(text, path);
  if (/\.sql$/i.test(path)) return [{ kind: 'sql', value: mapSlice(text, 0, text.length), callee: 'psql' }];
  return readLiterals(text);
}

const LITERAL = /"""([\s\S]*?)"""|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`/g;
const IMPORT =
  /^\s*(?:import\s+(?:\w+\s+|_\s+)?"([^"\n]+)"|(?:[\w.]+\s+)?"([\w./-]+\/[\w./-]+)"\s*$|import\s+(?:static\s+)?([\w.]+);|use\s+([\w\\:]+)|require\s+['"]([\w/-]+)['"])/gm;

/** PHP: the options are the rest of the statement. */
const PDO = /\bnew\s+\\?PDO\(\s*(["'])(.*?)\1([^;]*)/g;

/** Languages without a parser here: their literals, and what they import. */
function readLiterals(text: string): Event[] {
  const literals = [...text.matchAll(LITERAL)].flatMap((match): Event[] => {
    const inner = match.slice(1).find(group => group !== undefined) ?? '';
    const start = match.index + match[0].indexOf(inner, 1);
    const end = start + inner.length;
    const mapped = match[0].startsWith('`') ? mapSlice(text, start, end) : mapEscaped(text, start, end);
    const before = text.slice(Math.max(0, match.index - 60), match.index);
    const after = text.slice(match.index + match[0].length, match.index + match[0].length + 20);
    const joins = /[+.]\s*$/.test(before) ? 'later' : /^\s*[+.](?!\w+\()/.test(after) ? 'first' : 'alone';
    const value = asFragment(mapped, joins);
    return value ? [{ kind: 'sql', value, callee: /(\w+)\s*\(\s*$/.exec(before)?.[1] ?? null }] : [];
  });
  const imports = [...text.matchAll(IMPORT)].map((match): Event => {
    const name = match.slice(1).find(Boolean) ?? '';
    // Go: a blank import is there for what the package does when it is loaded, such as registering a driver.
    return { kind: 'import', name: /^\s*(?:import\s+)?_\s/.test(match[0]) ? `_ ${name}` : name, at: match.index };
  });
  const calls = [...text.matchAll(PDO)].map(
    ({ index, 2: dsn = '', 3: rest = '' }): Event => ({
      kind: 'call',
      name: 'PDO',
      at: index,
      arguments: namedArguments([
        [0, dsn],
        ['options', rest.replace(/\s+/g, ' ')],
      ]),
    }),
  );
  return [...literals, ...imports, ...calls];
}

/** Functions that run what they get. */
const RUNS =
  /(?:^|[._])(?:execute\w*|query\w*|exec\w*|fetch\w*|raw|unsafe|run|prepare|text|sql|SQL|RunSQL|psql|\$?queryRaw\w*|\$?executeRaw\w*|createQuery|createNativeQuery|begin|stream|copy_expert)$/i;
const STARTS = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/;

/** Facts with offsets of the file. Text that nothing runs counts only if it is written as SQL is. */
async function readFacts(_source: Source, events: readonly Event[]): Promise<SqlFact[]> {
  const found: SqlFact[] = [];
  for (const event of events) {
    if (event.kind !== 'sql' || !SQL_WORDS.test(event.value.text)) continue;
    const { value, callee } = event;
    const first = STARTS.exec(value.text)?.[1] ?? '';
    const isRun = callee !== null && RUNS.test(callee);
    if (!isRun && first !== first.toUpperCase()) continue;
    await loadGrammar();
    for (const fact of readSqlFacts(value.text) ?? []) {
      found.push({ ...fact, at: toSource(value, fact.at, fact.at).span.start });
    }
  }
  return found;
}
