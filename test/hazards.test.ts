import { expect, test } from 'vitest';
import { hazards } from '../rules/hazards.generated.ts';
import { extractSource } from '../src/extract/extract.ts';
import type { Source } from '../src/model/index.ts';
import { auditSites, auditSource } from '../src/routes/audit.ts';
import { AUDIT_LITERALS, auditPurpose, isAudited } from '../src/routes/candidates.ts';
import { compileHazardRule, type PoolMode } from '../src/routes/hazard-rules.ts';
import { splice } from '../src/wire/splice.ts';
import { folklore } from './live/proofs-folklore.ts';
import { silentFeatures } from './live/proofs-silent.ts';

const scan = { names: new Set(['postgres']), ports: new Set(['5432']) };
const rules = hazards.map(compileHazardRule);

async function audit(file: string, text: string, mode: PoolMode, version: string) {
  const source: Source = { path: file, text: `${text}\n`, newline: '\n', mode: 0o644, digest: '' };
  const { extraction } = await extractSource(source, scan);
  const input = { rules, mode, version, keepsPrepared: true, hasServer: true, migrators: new Map() };
  return [...(await auditSource(source, input, extraction)), ...auditSites(source, extraction.sites, input)];
}

const EXAMPLES = hazards.flatMap(rule =>
  rule.examples.flatMap(({ bad, good }) => [
    { rule, kind: 'good' as const, example: good },
    { rule, kind: 'bad' as const, example: bad },
  ]),
);

test.each(EXAMPLES.map(item => [item.rule.id, item.kind, item.example?.text ?? '', item] as const))(
  '%s: %s: %s',
  async (_, kind, __, { rule, example }) => {
    const mode = Object.keys(rule.severity)[0] as PoolMode;
    const found = await audit(example?.file ?? '', example?.text ?? '', mode, rule.fixedIn ? '1.18' : '1.24.1');
    // Only this rule of the bad one: a second would say the same thing twice. The good one is silent altogether.
    expect(found.map(finding => finding.rule)).toEqual(kind === 'bad' ? [rule.id] : []);
  },
);

test.each(EXAMPLES.filter(({ rule, kind }) => rule.edit && kind === 'bad').map(item => [item.rule.id, item] as const))(
  '%s: what is mended is found no more',
  async (id, { rule, example }) => {
    const { file = '', text = '' } = example ?? {};
    const version = rule.fixedIn ? '1.18' : '1.24.1';
    const found = (await audit(file, text, 'transaction', version)).find(finding => finding.rule === id);
    // A rule whose edit needs a connection string in the same file has one example with it.
    if (id === 'lib-pq' && !text.includes('sql.Open')) return expect(found?.mend).toBeNull();
    expect(found?.mend?.edits.length).toBeGreaterThan(0);
    const edits = (found?.mend?.edits ?? []).map(edit => ({ ...edit, file, unit: '', safety: 'unsafe' as const }));
    const mended = splice(`${text}\n`, edits);
    expect((await audit(file, mended, 'transaction', version)).map(finding => finding.rule)).not.toContain(id);
    expect(mended).toMatchSnapshot();
  },
);

test.each(hazards.filter(rule => rule.fixedIn).map(rule => [rule.id, rule] as const))(
  '%s: silent from the version that mends it',
  async (_, rule) => {
    const { bad } = rule.examples[0] ?? {};
    const found = await audit(bad?.file ?? '', bad?.text ?? '', 'transaction', rule.fixedIn ?? '');
    expect(found.map(finding => finding.rule)).not.toContain(rule.id);
  },
);

test('what session pooling keeps apart is no hazard there', async () => {
  expect(await audit('a.py', 'conn.execute("LISTEN jobs")', 'session', '1.24.1')).toEqual([]);
  expect(await audit('a.py', 'conn.set_session(autocommit=True)', 'session', '1.24.1')).toEqual([]);
});

const SILENT: [name: string, file: string, text: string][] = [
  ['a docstring', 'a.py', '"""LISTEN jobs"""'],
  ['a label', 'a.ts', "label('Listen now')"],
  ['a message', 'a.py', 'log("SET the value first")'],
  ['a comment', 'a.py', '# SET x = 1'],
  ['an update', 'a.py', 'cur.execute("UPDATE t SET a = 1")'],
  ['a part of an update', 'A.java', 'String s = "UPDATE t "\n + "SET a = 1";'],
  ['a part of an update in Python', 'a.py', 'q = "UPDATE t " + "SET a = 1"'],
  ['a tracked setting', 'a.py', 'cur.execute("SET TIME ZONE \'UTC\'")'],
  ['a word of another language', 'a.ts', "const LOAD = 'LOAD'"],
  ['a setting of DuckDB', 'a.py', 'con.execute("SET memory_limit = \'1GB\'")'],
  ['a temporary table of SQLite', 'a.py', 'import sqlite3\ncon.execute("CREATE TEMP TABLE a (b int)")'],
  ['read and write as always', 'a.go', 'db.Exec("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")'],
  ['not read-only', 'a.py', 'cur.execute("SET default_transaction_read_only = off")'],
  ['UNLISTEN', 'a.py', 'cur.execute("UNLISTEN *")'],
  [
    'a temporary table that its function drops',
    'a.sql',
    'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE t (a int); DROP TABLE t; END $$;',
  ],
  ['only a type of a worker', 'a.ts', "import type { Task } from 'graphile-worker'"],
  ['only jobs for a worker', 'a.ts', "import { makeWorkerUtils, type Task } from 'graphile-worker'"],
  ['a query with a name that is no statement', 'a.js', "navigator.permissions.query({ name: 'clipboard' })"],
  ['a comment of Go', 'a.go', '// db.Exec("SET statement_timeout = 5")\nfunc f() {}'],
  ['a comment of Ruby with an apostrophe', 'a.rb', '# don\'t\n# execute "SET statement_timeout = 5"\nx = 1'],
  ['a comment of C#', 'A.cs', '/* cmd.Execute("SET ROLE x"); */'],
  ['a URL of another scheme', 'a.env', 'DEV_URL=docker://postgres/15/dev?search_path=public'],
  ['options that PgBouncer keeps', 'a.env', 'DB_URL=postgresql://app:pw@postgres:5432/app?options=-c%20timezone%3DUTC'],
];

test.each([
  ['lower case in Java', 'A.java', 'String.format("set search_path to org_%d,public", id);', 'search-path-session'],
  ['lower case in C#', 'A.cs', 'conn.CreateCommand($"select pg_advisory_lock({key})");', 'session-advisory-lock'],
  ['lower case in Rust', 'a.rs', 'sqlx::query!("set role app")', 'set-role'],
  ['a verb of Go', 'a.go', 'db.Exec(fmt.Sprintf("SET statement_timeout=%d", ms))', 'set-session'],
  ['a transaction of Go', 'a.go', 'tx.Exec(ctx, "SET statement_timeout = 5")', 'set-session-in-tx'],
  ['a heredoc of Ruby', 'a.rb', 'execute <<~SQL\n  SET search_path TO a\nSQL', 'search-path-session'],
  ['a command of Ruby', 'a.rb', 'connection.execute "LISTEN jobs"', 'listen-notify'],
  ['a heredoc of PHP', 'a.php', '<?php\n$db->query(<<<SQL\n  SET ROLE app\nSQL);', 'set-role'],
  ['a raw string of C#', 'A.cs', 'Execute("""\n  LISTEN jobs\n  """);', 'listen-notify'],
  ['a verbatim string of C#', 'A.cs', 'Execute(@"SET ROLE app");', 'set-role'],
  ['a text block of Java', 'A.java', 'execute("""\n  SET ROLE app""");', 'set-role'],
  ['a raw string of Rust', 'a.rs', 'client.execute(r#"SET ROLE app"#)', 'set-role'],
  ['a text of Elixir', 'a.ex', 'Repo.query!("""\nSET ROLE app\n""")', 'set-role'],
  ['properties of Spring', 'application.properties', 'spring.hikari.connection-init-sql=SET ROLE app', 'set-role'],
  ['YAML of Spring', 'application.yml', 'spring:\n  hikari:\n    connection-init-sql: set role app', 'set-role'],
  ['a DSN in a variable of PHP', 'a.php', "<?php $dsn = 'pgsql:host=db'; $db = new PDO($dsn, $u, $p);", 'pdo-prepared'],
  ['settings of pgx', 'a.go', 'config.RuntimeParams["statement_timeout"] = "5"', 'startup-parameter'],
  ['a large file', 'a.py', `${'x = 1\n'.repeat(60_000)}conn.execute("SET ROLE app")`, 'set-role'],
])('found: %s', async (_, file, text, rule) => {
  expect((await audit(file, text, 'transaction', '1.24.1')).map(finding => finding.rule)).toEqual([rule]);
  expect(isSearched(text)).toBe(true);
});

test('a finding in a function body has its own place', async () => {
  const body = 'BEGIN\n  SET work_mem = 5;\n  SET ROLE app;\nEND';
  const text = `CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\n${body} $$;`;
  const found = await audit('a.sql', text, 'transaction', '1.24.1');
  expect(found.map(({ line, rule }) => [line, rule])).toEqual([
    [3, 'set-session'],
    [4, 'set-role'],
  ]);
});

test('a dump says it once, and as a note', async () => {
  const text = '--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\nSET lock_timeout = 0;';
  const found = await audit('schema.sql', text, 'transaction', '1.24.1');
  expect(found.map(({ rule, severity }) => [rule, severity])).toEqual([['set-session', 'note']]);
});

test.each(SILENT)('%s is silent', async (_, file, text) => {
  expect(await audit(file, text, 'transaction', '1.24.1')).toEqual([]);
});

test.each([
  ['a.ts', 'db.query("SET search_path TO " + schema)'],
  ['a.py', 'cur.execute("SET search_path TO " + schema)'],
  ['A.java', 'st.execute("SET search_path TO " + schema);'],
  ['a.ts', `db.query("SET app.tenant = '" + t + "'")`],
])('%s: the first part of a sum is found: %s', async (file, text) => {
  expect(await audit(file, text, 'transaction', '1.24.1')).toHaveLength(1);
});

test.each([...silentFeatures, ...folklore].map(({ name, example }) => [name, example] as const))(
  'proven to be no hazard: %s',
  async (_, { file, text }) => {
    expect(await audit(file, text, 'transaction', '1.24.1')).toEqual([]);
  },
);

/** The groups of literals first, and of those what they are for. */
function isSearched(text: string): boolean {
  const groups = AUDIT_LITERALS.reduce(
    (found, literals, i) => found | (literals.some(literal => text.includes(literal)) ? 1 << i : 0),
    0,
  );
  return auditPurpose(text, groups) === 'audit' && auditPurpose(text) === 'audit';
}

test('every bad example of code is found by the search that comes first', () => {
  const code = hazards
    .filter(({ when }) => !when.parameter && !when.need)
    .flatMap(({ examples }) => examples.map(({ bad }) => bad))
    .filter(bad => isAudited(bad?.file ?? ''));
  const missed = code.filter(bad => !isSearched(bad?.text ?? ''));
  expect(missed).toEqual([]);
});

test('a finding has its place in the file, also inside a longer string', async () => {
  const text = 'def f(c):\n    c.execute("""\n        SELECT 1;\n        LISTEN jobs\n    """)';
  const [finding] = await audit('a.py', text, 'transaction', '1.24.1');
  expect(finding).toMatchObject({ line: 4, column: 9, rule: 'listen-notify', severity: 'error' });
});
