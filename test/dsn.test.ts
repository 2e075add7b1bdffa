/** The tokenizers of connection strings: tables of spans, then properties against node-postgres and libpq. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { parse as parseNodePostgres } from 'pg-connection-string';
import { describe, expect, test } from 'vitest';
import type { Span } from '../src/model/index.ts';
import { findUrlDsns, readKeywordDsn, type UrlDsn } from '../src/scan/dsn.ts';
import { cpuTime } from './cpu-time.ts';

/** A DSN as the text of its spans. */
interface Read {
  span: string;
  scheme: string;
  user: string | null;
  password: string | null;
  /** `host|port`, or `host` without a port. */
  hosts: string[];
  path: string | null;
  query: string | null;
}

function read(text: string, dsn: UrlDsn): Read {
  const slice = (span: Span | null) => (span ? text.slice(span.start, span.end) : null);
  return {
    span: text.slice(dsn.span.start, dsn.span.end),
    scheme: dsn.scheme,
    user: slice(dsn.user),
    password: slice(dsn.password),
    hosts: dsn.hosts.map(({ host, port }) => [slice(host), slice(port)].filter(part => part !== null).join('|')),
    path: slice(dsn.path),
    query: slice(dsn.query),
  };
}

const readAll = (text: string): Read[] => findUrlDsns(text).map(dsn => read(text, dsn));
const spansOf = (text: string): string[] => readAll(text).map(dsn => dsn.span);

type Expected = Partial<Read> & Pick<Read, 'hosts'>;

/** What a DSN of the scheme `postgres` without the parts that the row leaves out reads as. */
const whole = (text: string, expected: Expected): Read => ({
  span: text,
  scheme: 'postgres',
  user: null,
  password: null,
  path: null,
  query: null,
  ...expected,
});

describe('text that is no URL', () => {
  test.each([
    [''],
    ['postgres'],
    ['postgres:'],
    ['postgres:/db:5432/app'],
    ['postgres//db:5432/app'],
    ['postgres: //db:5432/app'],
    ['://'],
    ['://db:5432/app'],
    ['"://db:5432/app"'],
    ['1://db:5432/app'],
    ['localhost:5432/app'],
    ['app@db:5432'],
    ['Postgres listens on port 5432.'],
    ['C:\\postgres\\data'],
    ['postgres://db:5432:1/app'],
    ['postgres://app:pw@db:5432:1/app'],
    ['postgres://[::1/app'],
    ['postgres://[::1]5432/app'],
  ])('%j', text => {
    expect(readAll(text)).toEqual([]);
  });
});

describe('URLs that are not of Postgres', () => {
  test.each([
    ['http://postgres:5432/app'],
    ['https://app:pw@postgres:5432/app'],
    ['mysql://app:pw@postgres:5432/app'],
    ['jdbc:mysql://postgres:5432/app'],
    ['redis://postgres:5432/0'],
    ['amqp://app:pw@postgres:5432//'],
    ['mongodb+srv://postgres/app'],
    ['sqlite:///postgres'],
    ['file:///postgres'],
    ['git+ssh://git@postgres/app'],
    ['mypostgres://postgres/app'],
    ['postgresx://postgres/app'],
    ['postgres-exporter://postgres/app'],
  ])('%j', text => {
    expect(findUrlDsns(text).map(dsn => dsn.engine)).toEqual(['other']);
  });
});

describe('schemes of Postgres', () => {
  test.each([
    ['postgres'],
    ['postgresql'],
    ['POSTGRESQL'],
    ['postgis'],
    ['pgsql'],
    ['psql'],
    ['timescaledb'],
    ['postgresql+psycopg'],
    ['postgresql+psycopg2'],
    ['postgresql+asyncpg'],
    ['postgres+pg8000'],
    ['postgresql+psycopg_async'],
    ['db+postgresql'],
    ['db+postgresql+psycopg2'],
    ['jdbc:postgresql'],
  ])('%s', scheme => {
    const text = `${scheme}://app:pw@db:5432/app?sslmode=require`;
    const expected: Expected = {
      scheme,
      user: 'app',
      password: 'pw',
      hosts: ['db|5432'],
      path: 'app',
      query: 'sslmode=require',
    };
    expect(findUrlDsns(text).map(dsn => dsn.engine)).toEqual(['postgres']);
    expect(readAll(text)).toEqual([whole(text, expected)]);
    expect(readAll(`URL=${text} next`)).toEqual([whole(text, expected)]);
    expect(readAll(`url: "${text}"`)).toEqual([whole(text, expected)]);
  });

  test.each([
    ['r2dbc:postgresql://db:5432/app', 'postgresql'],
    ['r2dbc:pool:postgresql://db:5432/app', 'postgresql'],
    ['url:postgres://db:5432/app', 'postgres'],
    ['DATABASE_URL=postgres://db:5432/app', 'postgres'],
    ['_postgres://db:5432/app', 'postgres'],
    ['--url=postgres://db:5432/app', 'postgres'],
    ['${DATABASE_URL:-postgres://db:5432/app}', 'postgres'],
    ['${DATABASE_URL:=postgres://db:5432/app}', 'postgres'],
    ['${DATABASE_URL=postgres://db:5432/app}', 'postgres'],
    ['${DATABASE_URL-postgres://db:5432/app}', 'postgres'],
    ['${URL-postgres://db:5432/app}', 'postgres'],
  ])('%j starts after what stands before the scheme', (text, scheme) => {
    const rest = `${scheme}://db:5432/app`;
    expect(readAll(text)).toEqual([whole(rest, { scheme, hosts: ['db|5432'], path: 'app' })]);
    expect(findUrlDsns(text).map(dsn => dsn.engine)).toEqual(['postgres']);
  });
});

const URLS: [string, Expected][] = [
  ['postgres://', { hosts: [''] }],
  ['postgres://db', { hosts: ['db'] }],
  ['postgres://db/', { hosts: ['db'] }],
  ['postgres://db/app', { hosts: ['db'], path: 'app' }],
  ['postgres://db:/app', { hosts: ['db'], path: 'app' }],
  ['postgres://db:5432', { hosts: ['db|5432'] }],
  ['postgres://:5432/app', { hosts: ['|5432'], path: 'app' }],
  ['postgres:///app', { hosts: [''], path: 'app' }],
  ['postgres:///app?host=/run/pg', { hosts: [''], path: 'app', query: 'host=/run/pg' }],
  ['postgres://%2Frun%2Fpg/app', { hosts: ['%2Frun%2Fpg'], path: 'app' }],
  ['postgres://db?sslmode=disable', { hosts: ['db'], query: 'sslmode=disable' }],
  ['postgres://db/?sslmode=disable', { hosts: ['db'], query: 'sslmode=disable' }],
  ['postgres://db/app?a=b/c?d', { hosts: ['db'], path: 'app', query: 'a=b/c?d' }],
  ['postgres://db/app?a=b#part', { hosts: ['db'], path: 'app', query: 'a=b' }],
  ['postgres://db:5432/app#part', { hosts: ['db|5432'], path: 'app' }],
  ['postgres://app@db/app', { user: 'app', hosts: ['db'], path: 'app' }],
  ['postgres://app:@db/app', { user: 'app', password: '', hosts: ['db'], path: 'app' }],
  ['postgres://:pw@db/app', { user: '', password: 'pw', hosts: ['db'], path: 'app' }],
  ['postgres://app@/app', { user: 'app', hosts: [''], path: 'app' }],
  ['postgres://my.db-1.eu_west.example.com:5432/app', { hosts: ['my.db-1.eu_west.example.com|5432'], path: 'app' }],
  ['postgres://127.0.0.1:5432/app', { hosts: ['127.0.0.1|5432'], path: 'app' }],
  ['postgres://[::1]/app', { hosts: ['[::1]'], path: 'app' }],
  ['postgres://[::1]:5432/app', { hosts: ['[::1]|5432'], path: 'app' }],
  ['postgres://a:b@[2001:db8::1]:5432', { user: 'a', password: 'b', hosts: ['[2001:db8::1]|5432'] }],
  ['postgres://[fe80::1%25eth0]:5432/app', { hosts: ['[fe80::1%25eth0]|5432'], path: 'app' }],
  ['postgres://a:1,b:2/app', { hosts: ['a|1', 'b|2'], path: 'app' }],
  ['postgres://a,b:2,c/app', { hosts: ['a', 'b|2', 'c'], path: 'app' }],
  ['postgres://u:p@[::1]:1,b/app', { user: 'u', password: 'p', hosts: ['[::1]|1', 'b'], path: 'app' }],
  ['postgres://u%40x:p%3A%2F%40@db/a%20b', { user: 'u%40x', password: 'p%3A%2F%40', hosts: ['db'], path: 'a%20b' }],
  ['postgres://ü:pä😀@db:1/größe', { user: 'ü', password: 'pä😀', hosts: ['db|1'], path: 'größe' }],
  ['postgres://db/a/b', { hosts: ['db'], path: 'a/b' }],
];

describe('components of a URL', () => {
  test.each(URLS)('%s', (text, expected) => {
    expect(readAll(text)).toEqual([whole(text, expected)]);
  });
});

/** Characters that a URL would have to encode, but people do not. */
const PASSWORDS: [string, Expected][] = [
  ['postgres://app:p@ss@db:5432/app', { password: 'p@ss', hosts: ['db|5432'] }],
  ['postgres://app:@@db:5432/app', { password: '@', hosts: ['db|5432'] }],
  ['postgres://app:p:ss@db:5432/app', { password: 'p:ss', hosts: ['db|5432'] }],
  ['postgres://app:p/ss@db:5432/app', { password: 'p/ss', hosts: ['db|5432'] }],
  ['postgres://app:p/ss@db/app', { password: 'p/ss', hosts: ['db'] }],
  ['postgres://app:p/ss@${HOST}:${PORT}/app', { password: 'p/ss', hosts: ['${HOST}|${PORT}'] }],
  ['postgres://app:p#ss@db:5432/app', { password: 'p#ss', hosts: ['db|5432'] }],
  ['postgres://app:p?ss@db:5432/app', { password: 'p?ss', hosts: ['db|5432'] }],
  ['postgres://app:p/#s?s@db:5432/app', { password: 'p/#s?s', hosts: ['db|5432'] }],
  ['postgres://app:p/s@s/w@db:5432/app', { password: 'p/s@s/w', hosts: ['db|5432'] }],
  ['postgres://app:p/ss@[::1]:5432/app', { password: 'p/ss', hosts: ['[::1]|5432'] }],
  ['postgres://app:p/ss@a:1,b:2/app', { password: 'p/ss', hosts: ['a|1', 'b|2'] }],
  ['postgres://app:p/ss@{host}:{port}/app', { password: 'p/ss', hosts: ['{host}|{port}'] }],
  ['postgres://app:p/ss@<host>:5432/app', { password: 'p/ss', hosts: ['<host>|5432'] }],
  ['postgres://app:p/ss@${HOST:-db}:5432/app', { password: 'p/ss', hosts: ['${HOST:-db}|5432'] }],
  ['postgres://app:p%ss@db:5432/app', { password: 'p%ss', hosts: ['db|5432'] }],
  ['postgres://app:p$s@db:5432/app', { password: 'p$s', hosts: ['db|5432'] }],
  ['postgres://app:p{s@db:5432/app', { password: 'p{s', hosts: ['db|5432'] }],
  ['postgres://app:p}s@db:5432/app', { password: 'p}s', hosts: ['db|5432'] }],
  ['postgres://app:p,s;w@db:5432/app', { password: 'p,s;w', hosts: ['db|5432'] }],
  ['postgres://app:p)s(w@db:5432/app', { password: 'p)s(w', hosts: ['db|5432'] }],
  ['postgres://app:[YOUR-PASSWORD]@db:5432/app', { password: '[YOUR-PASSWORD]', hosts: ['db|5432'] }],
  ['postgres://app:***@db:5432/app', { password: '***', hosts: ['db|5432'] }],
];

describe('unencoded characters in a password', () => {
  const rows = PASSWORDS.map(([text, rest]) => [text, whole(text, { user: 'app', path: 'app', ...rest })] as const);

  test.each(rows)('%s', (text, expected) => {
    expect(readAll(text)).toEqual([expected]);
  });

  test.each(rows)('%s in quotes, in a line', (text, expected) => {
    expect(readAll(`url = "${text}", then`)).toEqual([expected]);
  });

  test.each([
    ['postgres://app:123@db:5432/app', false],
    ['postgres://app:p/ss@db:5432/app', false],
    ['postgres://db:5432/app?user=me@example.org', false],
    ['postgres://app:pw@db:5432/app?options=a@b:1', false],
    ['postgres://app:pw@db:5432/app@v2', false],
    ['postgres://app:123/ss@db:5432/app', true],
    ['postgres://app:/ss@db:5432/app', true],
    ['postgres://app/ss@db:5432/app', true],
    ['postgres://app:p@s/w@db:5432/app', true],
  ])('%s: ambiguous %s', (text, ambiguous) => {
    expect(findUrlDsns(text).map(dsn => dsn.ambiguous)).toEqual([ambiguous]);
  });
});

describe('placeholders stand in every component', () => {
  const parts = ['user', 'password', 'host', 'port', 'path', 'query'] as const;
  const build = (values: Record<(typeof parts)[number], string>) =>
    `postgres://${values.user}:${values.password}@${values.host}:${values.port}/${values.path}?a=${values.query}`;
  const plain = { user: 'app', password: 'pw', host: 'db', port: '5432', path: 'app', query: 'b' };

  const PLACEHOLDERS = [
    ['${VAR}'],
    ['$VAR'],
    ['$${VAR}'],
    ['${VAR:-default}'],
    ['${VAR-default}'],
    ['${VAR:?must be set: @/?#,}'],
    ['${VAR:-a@b:c/d?e#f,g}'],
    ['${VAR:-${OTHER:-x}}'],
    ['${VAR:-${OTHER:-${THIRD:-x@y:1/z}}}'],
    ['${spring.var:default}'],
    ['$(cat /run/secret)'],
    ['$(f "$(g a@b)")'],
    ['{placeholder}'],
    ['{}'],
    ['{0}'],
    ['{settings.DB["key"]}'],
    ['{{ template }}'],
    ['{{ .Values.db.value | default "x/y" }}'],
    ['#{ruby}'],
    ['#{ENV.fetch("A", "b@c")}'],
    ['%s'],
    ['%d'],
    ['%(name)s'],
    ['<x>'],
    ['<your-value>'],
    ['<YOUR VALUE>'],
    ['pre${VAR}post'],
    ['${A}-${B}'],
    ['%s%s'],
  ];

  const expectedOf = (values: typeof plain, text: string) =>
    whole(text, {
      user: values.user,
      password: values.password,
      hosts: [`${values.host}|${values.port}`],
      path: values.path,
      query: `a=${values.query}`,
    });

  test.each(PLACEHOLDERS)('%s, one at a time', placeholder => {
    const seen = parts.map(part => readAll(build({ ...plain, [part]: placeholder })));
    const expected = parts.map(part => {
      const values = { ...plain, [part]: placeholder };
      return [expectedOf(values, build(values))];
    });
    expect(seen).toEqual(expected);
  });

  test.each(PLACEHOLDERS)('%s, everywhere at once', placeholder => {
    const values = Object.fromEntries(parts.map(part => [part, placeholder])) as typeof plain;
    const text = build(values);
    expect(readAll(text)).toEqual([expectedOf(values, text)]);
  });

  test.each(PLACEHOLDERS)('%s, in free text', placeholder => {
    const seen = parts.map(part => readAll(`see ${build({ ...plain, [part]: placeholder })} there, too`));
    const expected = parts.map(part => {
      const values = { ...plain, [part]: placeholder };
      return [expectedOf(values, build(values))];
    });
    expect(seen).toEqual(expected);
  });

  test('all kinds in one URL', () => {
    const text = 'postgres://${U:-app}:%(pw)s@{host}:$PORT,<other>:%s/{{ db }}?a=#{x}';
    const expected: Expected = {
      user: '${U:-app}',
      password: '%(pw)s',
      hosts: ['{host}|$PORT', '<other>|%s'],
      path: '{{ db }}',
      query: 'a=#{x}',
    };
    expect(readAll(text)).toEqual([whole(text, expected)]);
  });
});

const URL_TEXT = 'postgres://app:pw@db:5432/app';

describe('free text', () => {
  test.each([
    ['a sentence', `Connect to ${URL_TEXT}.`],
    ['a sentence with a comma', `Connect to ${URL_TEXT}, then go on.`],
    ['a colon', `The url ${URL_TEXT}: the database`],
    ['an exclamation', `Use ${URL_TEXT}!`],
    ['an ellipsis', `Use ${URL_TEXT}...`],
    ['parentheses', `The database (${URL_TEXT}) is there.`],
    ['parentheses and a full stop', `The database (see ${URL_TEXT}).`],
    ['an address later on', `Use ${URL_TEXT} or write to me@example.org:25`],
    ['Markdown: code', `Use \`${URL_TEXT}\` here.`],
    ['Markdown: bold', `Use **${URL_TEXT}** here.`],
    ['Markdown: link', `[the database](${URL_TEXT})`],
    ['Markdown: link text', `[${URL_TEXT}](https.html)`],
    ['Markdown: autolink', `<${URL_TEXT}>`],
    ['Markdown: table', `| url | ${URL_TEXT} | me@example.org |`],
    ['Markdown: narrow table', `|url|${URL_TEXT}|me@example.org|`],
    ['HTML', `<code>${URL_TEXT}</code>`],
    ['shell: argument', `psql ${URL_TEXT} -c 'select 1'`],
    ['shell: quoted', `psql "${URL_TEXT}" -c 'select 1'`],
    ['shell: assignment', `DATABASE_URL=${URL_TEXT} ./run`],
    ['shell: semicolon', `export URL=${URL_TEXT}; ./run`],
    ['shell: pipe', `psql ${URL_TEXT}|cat`],
    ['shell: substitution', `N=$(psql ${URL_TEXT})`],
    ['shell: default', `psql "\${DATABASE_URL:-${URL_TEXT}}"`],
    ['shell: continuation', `psql ${URL_TEXT}\\\n  -c 'select 1'`],
    ['shell: single quotes in double ones', `sh -c "psql '${URL_TEXT}'"`],
    ['shell: escaped quotes in double ones', `sh -c "psql \\"${URL_TEXT}\\""`],
    ['YAML', `DATABASE_URL: ${URL_TEXT} # comment`],
    ['YAML: flow', `{url: ${URL_TEXT}}`],
    ['YAML: list', `[${URL_TEXT}]`],
    ['JSON', `{"url": "${URL_TEXT}", "n": 1}`],
    ['JSON in a string', `"{\\"url\\": \\"${URL_TEXT}\\"}"`],
    ['XML', `<add value="${URL_TEXT}"/>`],
    ['Python', `create_engine('${URL_TEXT}', echo=True)`],
    ['Python: f-string', `f"${URL_TEXT}"`],
    ['JavaScript', `const url = \`${URL_TEXT}\`;`],
    ['CRLF', `URL=${URL_TEXT}\r\nNEXT=1\r\n`],
    ['a line end', `${URL_TEXT}\nnext line`],
  ])('%s', (_, text) => {
    const expected: Expected = { user: 'app', password: 'pw', hosts: ['db|5432'], path: 'app' };
    expect(readAll(text)).toEqual([whole(URL_TEXT, expected)]);
  });

  test.each([
    ['postgres://a:1/x postgres://b:2/y', ['postgres://a:1/x', 'postgres://b:2/y']],
    ['postgres://a:1/x, postgres://b:2/y.', ['postgres://a:1/x', 'postgres://b:2/y']],
    ['"postgres://a/x","postgres://b/y"', ['postgres://a/x', 'postgres://b/y']],
    ['s/postgres:\\/\\/a/postgres://b/', ['postgres://b/']],
    ['postgres://a/x\npostgres://b/y\n', ['postgres://a/x', 'postgres://b/y']],
    ['redis://r:6379/0 db+postgresql://b/y', ['redis://r:6379/0', 'db+postgresql://b/y']],
    ["url.replace('postgres://', 'postgresql://')", ['postgres://', 'postgresql://']],
  ])('several in %j', (text, expected) => {
    expect(spansOf(text)).toEqual(expected);
  });

  test.each([
    ['the range starts in the URL', 3, 26, ['tgres://a:1/x']],
    ['the range ends in the URL', 0, 14, ['postgres://a:1']],
    ['the range is the second one', 17, 33, ['postgres://b:2/y']],
    ['the range is between them', 16, 17, []],
  ])('%s', (_, from, to, expected) => {
    const text = 'postgres://a:1/x postgres://b:2/y';
    expect(
      findUrlDsns(text, from, to)
        .map(({ span }) => text.slice(span.start, span.end))
        .slice(0, 1),
    ).toEqual(expected);
  });
});

interface Setting {
  name: string;
  value: string;
  escaped: boolean;
}

function readSettings(text: string, from?: number, to?: number): Setting[] | null {
  const keywords = readKeywordDsn(text, from, to);
  for (const { name, nameSpan } of keywords ?? []) {
    expect(text.slice(nameSpan.start, nameSpan.end).toLowerCase().replace(/\s/g, '')).toBe(name);
  }
  return (
    keywords?.map(({ name, value, escaped }) => ({ name, value: text.slice(value.start, value.end), escaped })) ?? null
  );
}

/** `name=value` for each setting, `name!=value` for one with an escape. */
const pairs = (settings: Setting[] | null) =>
  settings?.map(({ name, value, escaped }) => `${escaped ? `${name}!` : name}=${value}`) ?? null;

describe('text that is no keyword DSN', () => {
  test.each([
    [''],
    ['   '],
    ['host'],
    ['host='],
    ['host=db'],
    ['port=5432'],
    ['dbname=app user=app'],
    ['a=b c=d'],
    ['host=db a=b dbname=app'],
    ['the host=db and port=5432'],
    ['host=db port=5432 and more'],
    ['host: db port: 5432'],
    ['--host=db --port=5432'],
    ['host=db&port=5432'],
    ['?host=db&port=5432'],
    ['host=db,port=5432,dbname=app'],
    ["host='db port=5432"],
    ["host=db password='open dbname=app"],
    ['host=db; see port'],
    ['Data Source=app.db;Version=3'],
    ['PORT=5432;DATABASE=app'],
    ['postgres://db:5432/app'],
    ['postgres://db:5432/app?host=db&port=5432'],
    ['SELECT host=1 FROM ports'],
    ['connect(host=db, port=5432)'],
  ])('%j', text => {
    expect(readKeywordDsn(text)).toBeNull();
  });
});

describe('keyword DSNs of libpq', () => {
  test.each<[string, string[]]>([
    ['host=db port=5432', ['host=db', 'port=5432']],
    ['host=db dbname=app', ['host=db', 'dbname=app']],
    ['dbname=app host=db', ['dbname=app', 'host=db']],
    ['hostaddr=10.0.0.1 user=app', ['hostaddr=10.0.0.1', 'user=app']],
    ['  host=db\n\tport=5432\n', ['host=db', 'port=5432']],
    ['host = db port = 5432', ['host=db', 'port=5432']],
    ['host=\tdb port=5432', ['host=db', 'port=5432']],
    ['host=\n  db port=5432', ['host=db', 'port=5432']],
    ["host='db' port='5432'", ['host=db', 'port=5432']],
    ["host='' dbname=app", ['host=', 'dbname=app']],
    ["host='db'dbname=app", ['host=db', 'dbname=app']],
    ["host=db user=u password='a b'", ['host=db', 'user=u', 'password=a b']],
    ["host=db user=u password='a=b'", ['host=db', 'user=u', 'password=a=b']],
    ["host=db user=u password='it\\'s'", ['host=db', 'user=u', "password!=it\\'s"]],
    ["host=db user=u password='a\\\\'", ['host=db', 'user=u', 'password!=a\\\\']],
    ['host=db user=u password=a\\ b', ['host=db', 'user=u', 'password!=a\\ b']],
    ["host=db user=u password=it's", ['host=db', 'user=u', "password=it's"]],
    ["host=db user=u password='a;b' dbname=x", ['host=db', 'user=u', 'password=a;b', 'dbname=x']],
    ['host=db user=u password=a;b', ['host=db', 'user=u', 'password=a;b']],
    ['host=db user=u password=a;port=1', ['host=db', 'user=u', 'password=a;port=1']],
    ['host=a,b port=1,2', ['host=a,b', 'port=1,2']],
    ['host=/run/pg dbname=app', ['host=/run/pg', 'dbname=app']],
    ['host=::1 dbname=app', ['host=::1', 'dbname=app']],
    ['host=${HOST:-a b} port=$PORT', ['host=${HOST:-a b}', 'port=$PORT']],
    ['host={host} port=%s', ['host={host}', 'port=%s']],
    ['host={{ db host }} port=<the port>', ['host={{ db host }}', 'port=<the port>']],
    ['host=%(host)s dbname=%(db)s', ['host=%(host)s', 'dbname=%(db)s']],
    ["host='$(cat host)' port=$(cat port)", ['host=$(cat host)', 'port=$(cat port)']],
  ])('%j', (text, expected) => {
    expect(pairs(readSettings(text))).toEqual(expected);
  });

  // postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
  test.each(
    (
      'host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding ' +
      'options application_name fallback_application_name keepalives keepalives_idle keepalives_interval ' +
      'keepalives_count tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression ' +
      'sslcert sslkey sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ' +
      'ssl_min_protocol_version ssl_max_protocol_version krbsrvname gsslib gssdelegation service ' +
      'target_session_attrs load_balance_hosts'
    )
      .split(' ')
      .map(name => [name]),
  )('knows the keyword %s', name => {
    expect(pairs(readSettings(`host=db dbname=app ${name}=x`))?.at(-1)).toEqual(`${name}=x`);
  });

  test('reads a range of the text', () => {
    const text = 'DSN="host=db port=5432" # x=y';
    expect(pairs(readSettings(text, 5, 22))).toEqual(['host=db', 'port=5432']);
    expect(readKeywordDsn(text)).toBeNull();
  });
});

describe('keyword DSNs with semicolons', () => {
  test.each<[string, string[]]>([
    ['Host=db;Port=5432', ['host=db', 'port=5432']],
    ['Host=db;Port=5432;Database=app;', ['host=db', 'port=5432', 'database=app']],
    ['Host=db; Port=5432; Database=app', ['host=db', 'port=5432', 'database=app']],
    ['Host = db ; Port = 5432 ;', ['host=db', 'port=5432']],
    ['Server=db;User Id=app;Password=', ['server=db', 'userid=app', 'password=']],
    ['User Id=app;Server=db', ['userid=app', 'server=db']],
    ['Host=db;Username=u;Password=;Port=1', ['host=db', 'username=u', 'password=', 'port=1']],
    ['Host=db;Username=u;Password=a b=c', ['host=db', 'username=u', 'password=a b=c']],
    ['Host=db;Password="a;b";Port=1', ['host=db', 'password=a;b', 'port=1']],
    ["Host=db;Password='a;b';Port=1", ['host=db', 'password=a;b', 'port=1']],
    ['Host=db;Password=a\\;Port=1', ['host=db', 'password=a\\', 'port=1']],
    [
      'Host=db;Port=1;SSL Mode=Require;Trust Server Certificate=true',
      ['host=db', 'port=1', 'sslmode=Require', 'trustservercertificate=true'],
    ],
    ['Host=${DB_HOST:-a;b};Port=${DB_PORT}', ['host=${DB_HOST:-a;b}', 'port=${DB_PORT}']],
    ['Host={0};Port={1}', ['host={0}', 'port={1}']],
    ['pgsql:host=db;port=5432;dbname=app', ['host=db', 'port=5432', 'dbname=app']],
    ['pgsql:host=db;dbname=app;user=u;password=p', ['host=db', 'dbname=app', 'user=u', 'password=p']],
    ['pgsql:host=db port=5432 dbname=app', ['host=db', 'port=5432', 'dbname=app']],
  ])('%j', (text, expected) => {
    expect(pairs(readSettings(text))).toEqual(expected);
  });
});

test("a doubled quote does not end the value of ADO.NET's settings", () => {
  const settings = readSettings("Host=db;Password='it''s; ok';Port=1");
  expect(settings?.map(({ name, value }) => `${name}=${value}`)).toEqual(['host=db', "password=it''s; ok", 'port=1']);
});

// Properties. The generators keep to the common part of the grammars; `DIFFERENCES` has what they leave out.

const SEED = 20_240_517;
const text = (units: string, constraints: { minLength?: number; maxLength?: number } = {}) =>
  fc.string({ unit: fc.constantFrom(...units), maxLength: 10, ...constraints });

const LETTERS = 'abcxyzABCXYZ0123456789_-.~';
const encoded = text(`${LETTERS}@:/?#[]!$&'()*+,;= %"<>\\^\`{|}éß漢😀`, { minLength: 1 }).map(encodeURIComponent);
const name = text('abcdefgh01', { minLength: 1 }).map(value => `h${value}`);
const hostName = fc.oneof(
  name,
  fc.tuple(name, name).map(([a, b]) => `${a}-1.${b}.example.com`),
  fc.constantFrom('localhost', '127.0.0.1', 'db_1', 'DB', '[::1]', '[2001:db8::1]'),
);
const host = fc.tuple(hostName, fc.option(fc.integer({ min: 1, max: 65_535 }), { freq: 3 }));
const writeHost = ([at, port]: [string, number | null]): string => (port === null ? at : `${at}:${port}`);
const parameter = fc.tuple(
  fc.constantFrom('application_name', 'connect_timeout', 'sslmode', 'options', 'target_session_attrs'),
  encoded,
);
const query = fc
  .uniqueArray(parameter, { maxLength: 3, selector: ([key]) => key })
  .map(list => list.map(([key, value]) => `${key}=${value}`).join('&'));
const scheme = fc.constantFrom('postgres', 'postgresql');
const decode = (value: string | null): string => decodeURIComponent(value ?? '');

function readOne(url: string): Read {
  const [first, ...rest] = findUrlDsns(url);
  if (!first || rest.length > 0) throw new Error(`${rest.length + (first ? 1 : 0)} URLs in ${url}`);
  expect(first.ambiguous).toBe(false);
  return read(url, first);
}

const decodeQuery = (value: string | null): Record<string, string> =>
  Object.fromEntries((value ? value.split('&') : []).map(item => item.split('=').map(decodeURIComponent)));

describe('against pg-connection-string', () => {
  // As in WHATWG URLs, the last `@` before the path ends the password.
  const raw = text(`${LETTERS}@:!$&*+,;=()`, { minLength: 1 });
  const url = fc
    .record({
      scheme,
      user: fc.oneof(encoded, text(LETTERS, { minLength: 1 })),
      password: fc.option(fc.oneof(encoded, raw)),
      host,
      path: fc.option(fc.oneof(encoded, name)),
      query,
      fragment: fc.option(name, { freq: 3 }),
    })
    // A dot segment is no name of a database: WHATWG URLs resolve it.
    .filter(({ path }) => !/^\.{1,2}$/.test(path ?? ''))
    .map(
      parts =>
        `${parts.scheme}://${parts.user}${parts.password === null ? '' : `:${parts.password}`}@` +
        `${writeHost(parts.host)}${parts.path === null ? '' : `/${parts.path}`}` +
        `${parts.query && `?${parts.query}`}${parts.fragment === null ? '' : `#${parts.fragment}`}`,
    );

  /** Without `sslmode`, which changes what the library answers and warns. */
  const comparable = url.map(value => value.replace(/sslmode=/g, 'client_encoding='));

  test('1,500 URLs have the same components', () => {
    fc.assert(
      fc.property(comparable, value => {
        const ours = readOne(value);
        const theirs = parseNodePostgres(value);
        const [at = '', port = ''] = ours.hosts[0]?.split('|') ?? [];
        expect({
          user: decode(ours.user),
          password: decode(ours.password),
          host: at.replace(/^\[(.*)\]$/, '$1'),
          port,
          database: ours.path === null ? null : decodeURI(ours.path),
          query: decodeQuery(ours.query),
        }).toEqual({
          user: theirs.user,
          password: theirs.password,
          host: theirs.host,
          port: theirs.port,
          database: theirs.database,
          // The library reads `+` as a blank; encodeURIComponent never writes one.
          query: Object.fromEntries(
            Object.entries(theirs).filter(([key]) => !['user', 'password', 'host', 'port', 'database'].includes(key)),
          ),
        });
      }),
      { seed: SEED, numRuns: 1_500 },
    );
  });

  test.each([
    ['in double quotes', 'url = "', '", next'],
    ['in single quotes', "url('", "')"],
    ['in backticks', 'see `', '`.'],
  ])('a URL %s has the span of the URL', (_, before, after) => {
    fc.assert(
      fc.property(
        comparable.filter(value => !/['"`()]/.test(value)),
        value => {
          const [dsn, ...rest] = readAll(before + value + after);
          expect(rest).toEqual([]);
          expect(dsn).toEqual(readAll(value)[0]);
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });

  test('components follow one another inside the span', () => {
    fc.assert(
      fc.property(text('abc:/@?#,[]{}$()<>%s \'"=;\\\n.', { maxLength: 30 }), fc.boolean(), (rest, quoted) => {
        const value = `${quoted ? 'x="' : ''}postgres://${rest}`;
        for (const dsn of findUrlDsns(value)) {
          const hosts = dsn.hosts.flatMap(item => [item.host, item.port]);
          const spans = [dsn.user, dsn.password, ...hosts, dsn.path, dsn.query].filter(span => span !== null);
          let at = dsn.span.start;
          for (const span of spans) {
            expect(span.start).toBeGreaterThanOrEqual(at);
            expect(span.end).toBeGreaterThanOrEqual(span.start);
            at = span.end;
          }
          expect(dsn.span.end).toBeGreaterThanOrEqual(at);
        }
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });
});

/**
 * Where libpq reads otherwise on purpose, so that the generators leave it out:
 * - it knows no fragment: `#` belongs to the query or the database;
 * - the first `@` ends its password, here the last one does, because people write `p@ss`;
 * - the first `/` ends its user part, here the last `@` with a host after it does;
 * - its keywords are case-sensitive and end at blanks, even inside `{…}` and `${…}`;
 * - it decodes; here nothing is decoded.
 */
const DIFFERENCES: [string, Record<string, string>, Expected][] = [
  ['postgres://db/app#part', { host: 'db', dbname: 'app#part' }, { hosts: ['db'], path: 'app' }],
  [
    'postgres://app:p@ss@db/app',
    { user: 'app', password: 'p', host: 'ss@db', dbname: 'app' },
    { user: 'app', password: 'p@ss', hosts: ['db'], path: 'app' },
  ],
  [
    'postgres://app:p/ss@db/app',
    { host: 'app', port: 'p', dbname: 'ss@db/app' },
    { user: 'app', password: 'p/ss', hosts: ['db'], path: 'app' },
  ],
];

const libpqUrls = fc.sample(
  fc
    .record({
      scheme,
      user: fc.option(fc.oneof(encoded, text(LETTERS, { minLength: 1 })), { freq: 6 }),
      password: fc.option(fc.oneof(encoded, text(`${LETTERS}:!$&*+,;=()`))),
      // Up to the first `@`, libpq takes all of this for a password.
      odd: text(`${LETTERS}:?#!`).map(value => `x${value}`),
      isOdd: fc.boolean(),
      hosts: fc.array(host, { minLength: 1, maxLength: 3 }),
      path: fc.option(fc.oneof(encoded, name, fc.constant(''), fc.constant('a/b'))),
      query,
    })
    .map(({ scheme, user, password, odd, isOdd, hosts, path, query }): string => {
      const single = hosts.length === 1 && !hosts[0]?.[0].startsWith('[');
      const secret = isOdd && single ? odd : password;
      const login = user === null ? '' : `${user}${secret === null ? '' : `:${secret}`}@`;
      const rest = `${path === null ? '' : `/${path}`}${query && `?${query}`}`;
      return `${scheme}://${login}${hosts.map(writeHost).join(',')}${rest}`;
    }),
  { seed: SEED, numRuns: 1_500 },
);

const setting = fc
  .record({
    // No semicolon: see the table of libpq's keyword DSNs.
    value: text(`${LETTERS}/@:#,+!"=é😀 '\\`),
    quoted: fc.boolean(),
    equals: fc.constantFrom('=', ' =', '= ', ' = '),
    space: fc.constantFrom(' ', '  ', '\n', '\t', ' \n '),
  })
  .map(({ value, quoted, equals, space }) => {
    const bare = value.replace(/[\\\s]/g, '\\$&').replace(/^'/, "\\'");
    return `${equals}${quoted || value === '' ? `'${value.replace(/[\\']/g, '\\$&')}'` : bare}${space}`;
  });

const libpqKeywords = fc.sample(
  fc
    .tuple(
      fc.uniqueArray(
        fc.constantFrom(
          'password',
          'sslmode',
          'application_name',
          'options',
          'connect_timeout',
          'passfile',
          'hostaddr',
        ),
        { maxLength: 4 },
      ),
      fc.uniqueArray(fc.constantFrom('dbname', 'user', 'port'), { minLength: 1 }),
      fc.infiniteStream(fc.integer()),
      fc.infiniteStream(setting),
    )
    .map(([more, some, order, settings]) =>
      ['host', ...some, ...more]
        .map(key => ({ key, at: order.next().value }))
        .sort((a, b) => a.at - b.at)
        .map(({ key }) => key + settings.next().value)
        .join(''),
    ),
  { seed: SEED, numRuns: 800 },
);

type Answer = Record<string, string> | string;

const PROGRAM = `
import json, sys
dsns = json.load(sys.stdin)
try:
    import psycopg2
    from psycopg2.extensions import parse_dsn
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
def read(dsn):
    try:
        return parse_dsn(dsn)
    except psycopg2.ProgrammingError as error:
        return str(error)
json.dump([read(dsn) for dsn in dsns], sys.stdout)
`;

/** What libpq reads, in one process; the reason where there is no libpq. */
function askLibpq(dsns: string[]): { answers: Answer[]; missing: string | null } {
  const run = spawnSync('/usr/bin/python3', ['-c', PROGRAM], { input: JSON.stringify(dsns), encoding: 'utf8' });
  if (run.status === 0) return { answers: JSON.parse(run.stdout) as Answer[], missing: null };
  // 3: no psycopg2; an error: no python. Anything else is a fault of the program above.
  if (run.status !== 3 && !run.error) throw new Error(run.stderr);
  return { answers: [], missing: run.error?.message ?? run.stderr.trim() };
}

const libpq = askLibpq([...DIFFERENCES.map(([dsn]) => dsn), ...libpqUrls, ...libpqKeywords]);
const answersFor = (dsns: string[], from: number): { dsn: string; theirs: Record<string, string> }[] =>
  dsns.flatMap((dsn, i) => {
    const theirs = libpq.answers[from + i];
    return typeof theirs === 'object' ? [{ dsn, theirs }] : [];
  });

test('libpq is here to ask (Debian: python3-psycopg2)', () => {
  if (libpq.missing !== null && process.env.CI !== 'true') console.warn(`not compared with libpq: ${libpq.missing}`);
  else expect(libpq.missing).toBeNull();
});

describe.runIf(libpq.missing === null)('against libpq', () => {
  /** Empty and absent mean the same to libpq: the default. */
  const present = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => /[^,]/.test(value)));

  test('over 1,000 URLs have the same components', () => {
    const cases = answersFor(libpqUrls, DIFFERENCES.length);
    expect(cases.length).toBeGreaterThan(1_000);
    const wrong = cases.flatMap(({ dsn, theirs }) => {
      const ours = readOne(dsn);
      const seen = present({
        user: decode(ours.user),
        password: decode(ours.password),
        host: ours.hosts.map(at => at.replace(/^\[?(.*?)\]?(?:\|.*)?$/, '$1')).join(','),
        port: ours.hosts.map(at => at.split('|')[1] ?? '').join(','),
        dbname: decode(ours.path),
        ...decodeQuery(ours.query),
      });
      return sameRecord(seen, present(theirs)) ? [] : [{ dsn, seen, theirs }];
    });
    expect(wrong.slice(0, 5)).toEqual([]);
  });

  test('over 500 keyword DSNs have the same settings', () => {
    const cases = answersFor(libpqKeywords, DIFFERENCES.length + libpqUrls.length);
    expect(cases.length).toBeGreaterThan(500);
    const wrong = cases.flatMap(({ dsn, theirs }) => {
      const settings = readSettings(dsn);
      const unescaped = ({ value, escaped }: Setting) => (escaped ? value.replace(/\\(.)/gsu, '$1') : value);
      const seen = Object.fromEntries((settings ?? []).map(item => [item.name, unescaped(item)]));
      const flags = (settings ?? []).every(({ value, escaped }) => escaped === value.includes('\\'));
      return flags && sameRecord(seen, theirs) ? [] : [{ dsn, seen, theirs }];
    });
    expect(wrong.slice(0, 5)).toEqual([]);
  });

  test.each(DIFFERENCES.map((row, i) => [i, ...row] as const))('%i: %s differs on purpose', (i, dsn, theirs, ours) => {
    expect(libpq.answers[i]).toEqual(theirs);
    expect(readAll(dsn)).toEqual([whole(dsn, ours)]);
  });
});

function sameRecord(a: Record<string, string>, b: Record<string, string>): boolean {
  const sorted = (values: Record<string, string>) => JSON.stringify(Object.entries(values).sort());
  return sorted(a) === sorted(b);
}

test.each(['{', '${', '://', 'a://{', 'host={ '])('a text full of %j takes linear time', unit => {
  const text = `a://${unit.repeat(100_000 / unit.length)}`;
  const taken = cpuTime(() => {
    findUrlDsns(text);
    readKeywordDsn(`host=${text}`);
  });
  expect(taken).toBeLessThan(3000);
});
