/** SQL in the strings of code: which of them are SQL, and what it does to its session. */

import type { Event } from '../../codemods/events.ts';
import { toSource } from '../text/mapped-text.ts';
import { isPostgresSetting } from './postgres-settings.ts';
import { readSqlFacts, SQL_WORDS, type SqlFact } from './sql-facts.ts';
import { loadGrammar } from './sql-tree.ts';

/** Functions that run what they get. */
const RUNS =
  /(?:^|[._])(?:execute\w*|query\w*|exec\w*|fetch\w*|raw|unsafe|run|prepare|prepareStatement|createCommand|NpgsqlCommand|statement|select|text|sql|SQL|RunSQL|psql|\$?queryRaw\w*|\$?executeRaw\w*|createQuery|createNativeQuery|begin|stream|copy_expert)!?$/i;
/** In lower case, what can hardly be anything but SQL. */
const CERTAIN =
  /^\s*(?:set\s+(?:search_path|role|session|local|\w+\.\w+)\b|create\s+temp(?:orary)?\s|select\s[\s\S]*(?:_advisory_(?:un)?lock|set_config)\s*\()/;
const SETS = /^\s*set\s+(\w+)\s*(?:=|to\b)/;
const isCertain = (text: string): boolean => CERTAIN.test(text) || isPostgresSetting(SETS.exec(text)?.[1] ?? '');
/** A method of a transaction: what it sets stays after COMMIT. */
const IN_TRANSACTION = /(?:^|\.)(?:tx|trx|txn|transaction)\.\w+$/i;
const STARTS = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/;

/** Facts with offsets of the file. Text that nothing runs counts only if it is written as SQL is. */
export async function readCodeSql(events: readonly Event[]): Promise<SqlFact[]> {
  const found: SqlFact[] = [];
  for (const event of events) {
    if (event.kind !== 'sql' || !SQL_WORDS.test(event.value.text)) continue;
    const { value, callee } = event;
    const first = STARTS.exec(value.text)?.[1] ?? '';
    const isRun = callee !== null && RUNS.test(callee);
    if (!isRun && first !== first.toUpperCase() && !isCertain(value.text)) continue;
    await loadGrammar();
    const isInTransaction = IN_TRANSACTION.test(callee ?? '');
    for (const fact of readSqlFacts(value.text) ?? []) {
      const name = isInTransaction && fact.name === 'set-session' ? 'set-session-in-tx' : fact.name;
      found.push({ ...fact, name, at: toSource(value, fact.at, fact.at).span.start });
    }
  }
  return found;
}
