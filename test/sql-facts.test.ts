import { beforeAll, expect, test } from 'vitest';
import { maskPlaceholders } from '../src/routes/mask-placeholders.ts';
import { readSqlFacts } from '../src/routes/sql-facts.ts';
import { loadGrammar } from '../src/routes/sql-tree.ts';

beforeAll(loadGrammar);

const show = (sql: string): string[] | null =>
  readSqlFacts(sql)?.map(({ name, at, inTransaction }) => `${name}@${at}${inTransaction ? ' in tx' : ''}`) ?? null;

const CASES: [sql: string, facts: string[] | null][] = [
  // Must be silent. Folklore first: research on PgBouncer 1.18, 1.24.1 and 1.26.1 found none of these to break.
  ['LOCK TABLE t', []],
  ['VACUUM t', []],
  ['CREATE INDEX CONCURRENTLY i ON t (a)', []],
  ["PREPARE TRANSACTION 'x'", []],
  ["COMMIT PREPARED 'x'", []],
  ['COPY t FROM STDIN', []],
  ['BEGIN ISOLATION LEVEL SERIALIZABLE', []],
  ['SELECT pg_export_snapshot()', []],
  ["NOTIFY jobs, 'x'", []],
  ["SELECT pg_notify('jobs', %s)", []],
  ['SET LOCAL statement_timeout = 5', []],
  ["SET TIME ZONE 'UTC'", []],
  ["SET application_name = 'x'", []],
  ['SET TRANSACTION READ ONLY', []],
  ["SELECT set_config('app.tenant', $1, true)", []],
  ['SELECT pg_advisory_xact_lock(1)', []],
  ['SELECT pg_try_advisory_xact_lock(%(id)s)', []],
  ['CREATE TEMP TABLE t (a int) ON COMMIT DROP', []],
  ['CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1', []],
  ['DECLARE c CURSOR FOR SELECT 1', []],
  ['DEALLOCATE ALL', []],
  ['ALTER ROLE app SET search_path = a', []],
  ['ALTER DATABASE app SET statement_timeout = 5', []],
  ['CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = a AS $$ SELECT 1 $$', []],
  ["SELECT nextval('s')", []],
  ["SELECT 'SET x = 1', a ? 'LISTEN', b::int FROM t -- LISTEN x", []],
  ['INSERT INTO t VALUES (%s, :name, ?, {x}) RETURNING id', []],
  ['not sql at all', null],
  ['Listen to the music', null],

  ['SET statement_timeout = %s', ['set-session@0']],
  ['SET SESSION work_mem = $1', ['set-session@0']],
  ["SET app.tenant TO '{x}'", ['set-session@0']],
  ['BEGIN; SET app.x = 1; COMMIT; SET app.x = 2', ['set-session-in-tx@7 in tx', 'set-session@30']],
  ["SELECT set_config('app.tenant', %(t)s, false)", ['set-config-session@7']],
  ["SELECT set_config('app.tenant', ?, 'f')", ['set-config-session@7']],
  ['SET search_path TO {schema}, public', ['search-path-session@0']],
  ['SET ROLE ${role}', ['set-role@0']],
  ['SET SESSION AUTHORIZATION app', ['set-role@0']],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', ['session-characteristics@0']],
  ['RESET ALL', ['discard@0']],
  ['DISCARD ALL', ['discard@0']],
  ['LISTEN jobs', ['listen@0']],
  ['SELECT 1; LISTEN jobs', ['listen@10']],
  ['SELECT pg_try_advisory_lock(:id)', ['session-advisory-lock@7']],
  ["SELECT 'é', pg_advisory_unlock(1)", ['session-advisory-lock@12']],
  ['PREPARE p AS SELECT 1', ['sql-prepare@0']],
  ['EXECUTE p(1)', ['sql-prepare@0']],
  ['DEALLOCATE p', ['sql-prepare@0']],
  ['CREATE TEMP TABLE t (a int)', ['temp-table@0']],
  ['CREATE TEMPORARY TABLE t AS SELECT 1', ['temp-table@0']],
  ['SELECT * INTO TEMP t FROM s WHERE a = ?', ['temp-table@0']],
  ['CREATE TEMP VIEW v AS SELECT 1', ['temp-table@0']],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', ['with-hold-cursor@0']],
  ["LOAD 'auto_explain'", ['load@0']],
  ["SELECT currval('s')", ['currval-lastval@7']],
  ['SELECT pg_backend_pid()', []],
  ['INSERT INTO w VALUES (pg_backend_pid())', ['backend-pid@22']],
  ['UNLISTEN jobs', ['listen@0']],
  ['CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', ['temp-table@0']],
  ['SELECT pg_try_advisory_lock($int8)', ['session-advisory-lock@7']],
  ['CREATE DATABASE app', ['create-database@0']],
  ["DO $$ BEGIN PERFORM set_config('a.b', 'c', false); END $$", ['set-config-session@20']],
  [
    'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN PERFORM pg_advisory_lock(1); END $x$',
    ['session-advisory-lock@71'],
  ],
  ['-- first\n  LISTEN jobs', ['listen@11']],
];

test.each(CASES)('%s', (sql, facts) => {
  expect(show(sql)).toEqual(facts);
});

test.each(['a %s b', 'x = %(name)s', "':x' :y", 'a ? b', '{f(x)["}"]} z', '"{a}" \'%s\'', '$$ %s $$ %s'])(
  '%s keeps its length',
  sql => {
    expect(maskPlaceholders(sql)).toHaveLength(sql.length);
  },
);
