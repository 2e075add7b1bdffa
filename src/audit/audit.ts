/** Hazards of sources: what breaks, or silently misbehaves, behind PgBouncer. */

import { lineStarts, positionAt } from '../lines.ts';
import { mapSlice, toSource } from '../mapped-text.ts';
import type { Hazard, Mend, RawSite, Source } from '../model.ts';
import { goesDirect, isAudited, isSettingsFile } from './candidates.ts';
import type { Event } from './events.ts';
import { type CompiledHazardRule, concernsVersion, type FileFacts, type Item, type PoolMode } from './hazard-rules.ts';
import { isAdo, mend } from './mend.ts';
import { loadGrammar, readSqlFacts, SQL_WORDS, type SqlFact } from './sql-facts.ts';

export interface AuditInput {
  rules: readonly CompiledHazardRule[];
  mode: PoolMode;
  /** PgBouncer's, e.g. `1.24.1`. */
  version: string;
  /** The repository has a Postgres server of its own. */
  hasServer: boolean;
}

/** A hazard with what the rule that found it says of its process, and how it is mended where that is certain. */
export interface Finding extends Hazard {
  process: CompiledHazardRule['process'];
  mend: Mend | null;
}

interface Placed {
  item: Item;
  at: number;
  /** The connection string that a parameter belongs to; for all else those of the file. */
  sites: readonly RawSite[];
}

/** What the code and the SQL of a source do, in the order of the file. `sites`: the connection strings in it. */
export async function auditSource(source: Source, input: AuditInput, sites: readonly RawSite[]): Promise<Finding[]> {
  // Larger ones are generated, and parsing one would take longer than all others together.
  if (!isAudited(source.path) || source.text.length > 300_000) return [];
  const events = await readEvents(source);
  const facts = await readFacts(events);
  const imports = events.flatMap(event => (event.kind === 'import' ? [event.name] : []));
  const items: Placed[] = [
    ...events.flatMap(event => (event.kind === 'sql' ? [] : [{ item: event as Item, at: event.at, sites }])),
    ...facts.map(fact => ({ item: { kind: 'fact' as const, fact }, at: fact.at, sites })),
  ];
  return judge(source, items, { imports, parameters: sites.flatMap(({ params }) => params) }, input);
}

/** What connection strings ask for. */
export function auditSites(source: Source, sites: readonly RawSite[], input: AuditInput): Finding[] {
  // Host and port of a keyword DSN are two sites of one string.
  const items = sites
    .filter(({ form }) => form !== 'port')
    .flatMap((site): Placed[] => {
      const { params, span, scheme, host } = site;
      if (host === null) return [];
      const kind = scheme !== '' ? [`scheme=${scheme.toLowerCase()}`] : isAdo(site, source.text) ? ['form=ado'] : [];
      const others = [...params, ...kind];
      return others.map(name => ({
        item: { kind: 'parameter', name, at: span.start, others },
        at: span.start,
        sites: [site],
      }));
    });
  return judge(source, items, { imports: [], parameters: [] }, input);
}

function judge(source: Source, items: Placed[], about: Omit<FileFacts, 'path'>, input: AuditInput): Finding[] {
  const starts = lineStarts(source.text);
  const found: Finding[] = [];
  const file = { path: source.path, ...about };
  for (const { item, at, sites } of items.sort((a, b) => a.at - b.at)) {
    for (const rule of input.rules) {
      const severity = rule.severity[input.mode];
      // Once a file is enough for a library.
      if (item.kind === 'import' && found.some(finding => finding.rule === rule.id)) continue;
      if (!severity || !concernsVersion(rule, input.version) || (rule.needsServer && !input.hasServer)) continue;
      if (!rule.matches(item, file)) continue;
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
        mend: rule.edit ? mend(rule.edit, item, sites, source.text) : null,
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
  if (isSettingsFile(path)) {
    const settings = await import('./setting-events.ts');
    if (/\.ya?ml/i.test(path)) return settings.readYamlEvents(text);
    return /\.properties$/i.test(path) ? settings.readPropertiesEvents(text) : settings.readEnvironmentEvents(text);
  }
  return (await import('./token-events.ts')).readTokenEvents(text, path);
}

/** Functions that run what they get. */
const RUNS =
  /(?:^|[._])(?:execute\w*|query\w*|exec\w*|fetch\w*|raw|unsafe|run|prepare|text|sql|SQL|RunSQL|psql|\$?queryRaw\w*|\$?executeRaw\w*|createQuery|createNativeQuery|begin|stream|copy_expert)$/i;
const STARTS = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/;

/** Facts with offsets of the file. Text that nothing runs counts only if it is written as SQL is. */
async function readFacts(events: readonly Event[]): Promise<SqlFact[]> {
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
