/** Passwords in many syntaxes: none may be left in what is shown, and nothing else may be hidden. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeControls, MASK, maskSecrets } from '../src/render/mask.ts';
import { cpuTime } from './cpu-time.ts';

describe('shows what is no secret', () => {
  test.each([
    ['printf \'*:*:*:*:%s\\n\' "$password" >pgpass'],
    ['ENV PGPASSFILE=/run/pgbouncer/pgpass'],
    [''],
    ['postgres://db:5432/app'],
    ['DATABASE_URL=postgres://app@db:5432/app?sslmode=require'],
    ['redis://redis:6379/0 http://localhost:5050'],
    ['POSTGRES_HOST=db\nPOSTGRES_PORT=5432\nPOSTGRES_USER=app\nPOSTGRES_DB=app'],
    ['      POSTGRES_USER: "app"'],
    ['host=db port=5432 user=app dbname=app'],
    ['Host=db;Port=5432;Database=app;Username=app'],
    ['psql -h db -p 5432 -U app --username app --host=db'],
    ['connect(host="db", port=5432, user="app")'],
    ['os.getenv("DB_HOST", "db")'],
    ['image: postgres:16-alpine'],
    ['- "127.0.0.1:5433:5432"'],
    ['2024-01-01T10:20:30: LOG: ready'],
    ['# The password is in the vault.'],
    ['# Passwords live elsewhere; no secrets here.'],
    ['passwordless access'],
    ['POSTGRES_PASSWORD='],
    ['POSTGRES_PASSWORD=""'],
    ['POSTGRES_PASSWORD=${POSTGRES_PASSWORD}'],
    ['POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}"'],
    ['POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it}'],
    ['POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}'],
    ['POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-}'],
    ['- POSTGRES_PASSWORD=$POSTGRES_PASSWORD'],
    ['- "POSTGRES_PASSWORD=${POSTGRES_PASSWORD}"'],
    ['PGPASSWORD="$PGPASSWORD" psql -h db'],
    ['PGPASSWORD=$(cat /run/secrets/pg) psql'],
    ['psql --password'],
    ['tool --password "$PASSWORD" --host db'],
    ['tool --password ${PASSWORD} --host db'],
    ['postgres://app:${PASSWORD}@db:5432/app'],
    ['postgres://app:$PASSWORD@db:5432/app'],
    ['postgres://app:{password}@db:5432/app'],
    ['postgres://app:{{ password }}@db:5432/app'],
    ['postgres://app:%s@db:5432/app'],
    ['postgres://app:%(password)s@db:5432/app'],
    ['postgres://app:<password>@db:5432/app'],
    ['postgres://app:***@db:5432/app'],
    ['f"postgres://{user}:{password}@{host}:{port}/{db}"'],
    ['f"postgres://{s.user}:{s.password}@{s.host}/{s.db}"'],
    ['host=db password=${PASSWORD} dbname=app'],
    ['password = os.getenv("DB_PASSWORD")'],
    ['password = os.environ["DB_PASSWORD"]'],
    ['connect(password=self.password, host=host)'],
    ['connect(password=password)'],
    ['password: str'],
    ['password: str | None = None'],
    ['password: string;'],
    ['const password = process.env.DB_PASSWORD;'],
    ['PASSWORD = env("DB_PASSWORD")'],
    ['def connect(host, password=None):'],
    ['secretKeyRef:\n  name: db\n  key: password'],
    ['POSTGRES_PASSWORD_FILE: /run/secrets/pg'],
    ['password_encryption = scram-sha-256'],
    ['this.password = password;'],
    ['const password = digest(salt, text);'],
    ['const token = tokens[at];'],
    ['const hasPassword = colon < at;'],
    ['password: Span | null;'],
    ['if (password === other) return;'],
    ['if (password):\n    return other'],
    ['required = ["DB_PASSWORD", "DB_HOST"]'],
    ['fields = ["username", "password", "email"]'],
    ['- pg-secret:/etc/secrets\n- $PWD:/app'],
    ['uses: app/secret-manager:1.2'],
    ['secrets: [db_password]'],
    ['secretKeyRef: {name: db, key: password}'],
    ['- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db'],
    ['token: ${{ secrets.GITHUB_TOKEN }}'],
    ['password: "{{ vault.password }}"'],
    ['PASSWORD := $(DB_PASSWORD)'],
    ['postgres://app@db:5432/app?user=a@b'],
    ['http://localhost:5050/users/@me'],
    ['https://x-access-token:${{ secrets.TOKEN }}@github.com/app'],
    ['kind: ConfigMap\ndata:\n  HOST: db\n---\nkind: Service\ndata:\n  a: b'],
    ['kind: Secret\nstringData:\n  DB_HOST: db\n  DB_PORT: "5432"\n  username: app'],
    ['kind: Secret\nmetadata:\n  name: database\n  namespace: production\ntype: Opaque'],
  ])('%j', text => {
    expect(maskSecrets(text)).toBe(text);
  });

  test.each([
    ['postgres://app:pw@db:5432/app', `postgres://app:${MASK}@db:5432/app`],
    ['postgres://app:p@s/s@db:5432/app?a=b', `postgres://app:${MASK}@db:5432/app?a=b`],
    ['a postgres://u:p@db/x b postgres://v:q@db/y c', `a postgres://u:${MASK}@db/x b postgres://v:${MASK}@db/y c`],
    ['postgres://app:${PW:-pw}@${H:-db}:5432/app', `postgres://app:${MASK}@\${H:-db}:5432/app`],
    ['jdbc:postgresql://db/app?user=u&password=p&ssl=1', `jdbc:postgresql://db/app?user=u&password=${MASK}&ssl=1`],
    ['host=db password=pw dbname=app', `host=db password=${MASK} dbname=app`],
    ['Host=db;Password=pw;Port=5432', `Host=db;Password=${MASK};Port=5432`],
    ['POSTGRES_PASSWORD: ${PW:-pw}', `POSTGRES_PASSWORD: \${PW:-${MASK}}`],
    ['PGPASSWORD=pw psql -h db -p 5432', `PGPASSWORD=${MASK} psql -h db -p 5432`],
    ["PGPASSWORD='p w' psql -h db", `PGPASSWORD='${MASK}' psql -h db`],
    ['{"password": "pw", "host": "db"}', `{"password": "${MASK}", "host": "db"}`],
    ['- "POSTGRES_PASSWORD=pw"', `- "POSTGRES_PASSWORD=${MASK}"`],
    ["['env', 'PGPASSWORD=pw', 'psql']", `['env', 'PGPASSWORD=${MASK}', 'psql']`],
    ['connect(password="pw", host="db")', `connect(password="${MASK}", host="db")`],
    ['os.getenv("DB_PASSWORD", "pw")', `os.getenv("DB_PASSWORD", "${MASK}")`],
    ['db:5432:app:app:pw', `db:5432:app:app:${MASK}`],
    ['tool --password pw --host db', `tool --password ${MASK} --host db`],
    ['tool --password=pw --host db', `tool --password=${MASK} --host db`],
    [
      'POSTGRES_PASSWORD=pw # secret\r\nPOSTGRES_PORT=1\r\n',
      `POSTGRES_PASSWORD=${MASK} # secret\r\nPOSTGRES_PORT=1\r\n`,
    ],
    ['export PGPASSWORD=pw && psql -h db', `export PGPASSWORD=${MASK} && psql -h db`],
    ['PGPASSWORD=pw \\', `PGPASSWORD=${MASK} \\`],
    ['sh -c "psql \\"host=db password=pw\\" -c x"', `sh -c "psql \\"host=db password=${MASK}\\" -c x"`],
    ['{"a":"A=1\\nPASSWORD=p w\\nHOST=db"}', `{"a":"A=1\\nPASSWORD=${MASK}\\nHOST=db"}`],
    ['{\\"password\\": \\"pw\\", \\"host\\": \\"db\\"}', `{\\"password\\": \\"${MASK}\\", \\"host\\": \\"db\\"}`],
    ['Password=pw;Host=db;Port=5432', `Password=${MASK};Host=db;Port=5432`],
    ['password=pw host=db dbname=app', `password=${MASK} host=db dbname=app`],
    ['Config(user=app, password=pw1, host=db)', `Config(user=app, password=${MASK}, host=db)`],
    ['password = SecretStr("pw")', `password = SecretStr("${MASK}")`],
    ['password = os.environ.get("A", "pw")', `password = os.environ.get("A", "${MASK}")`],
    ['.withPassword("pw").withUser("app")', `.withPassword("${MASK}").withUser("app")`],
    ['<password>pw</password><host>db</host>', `<password>${MASK}</password><host>db</host>`],
    ['<add key="Password" value="pw" />', `<add key="Password" value="${MASK}" />`],
    ['{"name": "DB_PASSWORD", "value": "pw"}', `{"name": "DB_PASSWORD", "value": "${MASK}"}`],
    ['- value: pw\n  name: DB_PASSWORD', `- value: ${MASK}\n  name: DB_PASSWORD`],
    ['args:\n  - --password\n  - pw\n  - --host\n  - db', `args:\n  - --password\n  - ${MASK}\n  - --host\n  - db`],
    ['password:\n  pw\nhost: db', `password:\n  ${MASK}\nhost: db`],
    ["const password =\n  'pw';", `const password =\n  '${MASK}';`],
    ['PASSWORD="p\nw"\nHOST=db', `PASSWORD="${MASK}\n${MASK}"\nHOST=db`],
    ['variable "db_password" {\n  default = "pw"\n}', `variable "db_password" {\n  default = "${MASK}"\n}`],
    ['machine db login app password pw', `machine db login app password ${MASK}`],
    ["CREATE ROLE app PASSWORD E'p\\'w' LOGIN", `CREATE ROLE app PASSWORD E'${MASK}' LOGIN`],
    ['postgres://app@server:pw@server:5432/app', `postgres://app@server:${MASK}@server:5432/app`],
    ['postgres://app:pw@db/app?mail=a@b', `postgres://app:${MASK}@db/app?mail=a@b`],
    ['http://proxy/postgres://app:pw@db/app', `http://proxy/postgres://app:${MASK}@db/app`],
    [
      'kind: Secret\nstringData:\n  URL: postgres://app:pw@db/app',
      `kind: Secret\nstringData:\n  URL: postgres://app:${MASK}@db/app`,
    ],
    [
      '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\na',
      `-----BEGIN PRIVATE KEY-----\n${MASK}\n-----END PRIVATE KEY-----\na`,
    ],
  ])('around the password of %j', (text, expected) => {
    expect(maskSecrets(text)).toBe(expected);
  });
});

/** Characters that may stand in the password, and the text that holds one. */
type Syntax = [name: string, characters: string, write: (password: string) => string];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const json = (text: string): string => JSON.stringify(text);
const shell = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;
/** Everything on a keyboard. */
const ALL = ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~é😀';
const without = (removed: string): string => [...ALL].filter(char => !removed.includes(char)).join('');
const BARE = without(' "\'`\\#$<>|;&(){}*?[]~!');
const url = (password: string) => `postgres://app:${password}@db:5432/app`;

const SYNTAXES: Syntax[] = [
  ['URL in an env file', without(' "\'`\\#$'), it => `DATABASE_URL=${url(it)}`],
  ['URL in an env file, quoted', without('"\\$'), it => `DATABASE_URL="${url(it)}"`],
  ['URL without a port', without(' "\'`\\#$/?'), it => `DATABASE_URL=postgres://app:${it}@db/app`],
  ['URL without a user', without(' "\'`\\#$/?'), it => `REDIS_URL=redis://:${it}@redis:6379/0`],
  ['URL of another scheme', without(' "\'`\\#$/?'), it => `BROKER_URL=amqp://app:${it}@mq:5672//`],
  ['URL, encoded', ALL, it => `DATABASE_URL=${url(encodeURIComponent(it))}`],
  ['URL, encoded, in prose', ALL, it => `Connect to ${url(encodeURIComponent(it))}.`],
  ['URL, encoded, in a list', ALL, it => `URLS=${url(encodeURIComponent(it))},${url(encodeURIComponent(it))}`],
  ['URL in YAML', without(' "\'`\\#${}'), it => `      DATABASE_URL: ${url(it)}`],
  ['URL in JSON', without('"\\'), it => `  "url": ${json(url(it))},`],
  ['URL in Python', without('"\\{}'), it => `engine = create_engine("${url(it)}", echo=True)`],
  ['URL in a command', without(' "\'`\\$'), it => `psql "${url(it)}" -c "select 1"`],
  ['URL with a default', without(' "\'`\\#${}'), it => `URL: postgres://app:\${PASSWORD:-${it}}@db:5432/app`],
  ['URL in the default of a variable', without(' "\'`\\#${}'), it => `URL: \${DATABASE_URL:-${url(it)}}`],
  ['keyword DSN', without(' "\'\\'), it => `host=db password=${it} dbname=app`],
  ['keyword DSN, escaped', without('"'), it => `host=db password=${it.replace(/[\\' ]/g, '\\$&')} dbname=app`],
  ['keyword DSN, quoted', without('"'), it => `host=db password='${it.replace(/[\\']/g, '\\$&')}' dbname=app`],
  ['keyword DSN with blanks', without('"'), it => `host = db password = '${it.replace(/[\\']/g, '\\$&')}'`],
  ['Npgsql', without(';"\'\\ '), it => `"Default": "Host=db;Port=5432;Username=app;Password=${it};Database=app"`],
  ['Npgsql, Pwd last', without(';"\'\\ '), it => `"Default": "Server=db;Uid=app;Pwd=${it}"`],
  ['Npgsql, quoted', without('"\'\\'), it => `"Default": "Host=db;Password='${it}';Database=app"`],
  ['JDBC', without(' "\'\\&#'), it => `url=jdbc:postgresql://db:5432/app?user=app&password=${it}`],
  ['JDBC, encoded', ALL, it => `url=jdbc:postgresql://db/app?password=${encodeURIComponent(it)}&user=app`],
  ['PDO', without(';"\'\\ '), it => `$pdo = new PDO("pgsql:host=db;dbname=app;password=${it}");`],
  ['env file', without(' "\'`\\#$'), it => `POSTGRES_PASSWORD=${it}`],
  ['env file with CRLF', without(' "\'`\\#$'), it => `A=1\r\nPOSTGRES_PASSWORD=${it}\r\nB=2\r\n`],
  ['env file with blanks', without('"\'`\\#$'), it => `POSTGRES_PASSWORD=${it}`],
  ['env file, a short name', without(' "\'`\\#$'), it => `DB_PASS=${it}`],
  ['env file, in double quotes', without('"\\$'), it => `POSTGRES_PASSWORD="${it}" # it`],
  ['env file, in single quotes', without("'"), it => `export POSTGRES_PASSWORD='${it}'`],
  ['env file, a comment', without(' "\'`\\#$'), it => `# POSTGRES_PASSWORD=${it}`],
  ['compose map', without(' "\'`\\#$:{}'), it => `    environment:\n      POSTGRES_PASSWORD: ${it}\n      A: b`],
  ['compose map with blanks', without('"\'`\\#$:{}'), it => `      POSTGRES_PASSWORD: ${it}`],
  ['compose map, in double quotes', without('"\\$'), it => `      POSTGRES_PASSWORD: "${it}"`],
  ['compose map, in single quotes', without("'$"), it => `      POSTGRES_PASSWORD: '${it}'`],
  ['compose default', without(' "\'`\\#${}'), it => `      POSTGRES_PASSWORD: \${POSTGRES_PASSWORD:-${it}}`],
  ['compose default without a colon', without(' "\'`\\#${}'), it => `      POSTGRES_PASSWORD: \${PW-${it}}`],
  ['compose default under another name', without(' "\'`\\#${}'), it => `      X: \${POSTGRES_PASSWORD:-${it}}`],
  ['compose default in quotes', without('"\'`\\#${}'), it => `      POSTGRES_PASSWORD: "\${POSTGRES_PASSWORD:-${it}}"`],
  ['compose list', without(' "\'`\\#$:'), it => `      - POSTGRES_PASSWORD=${it}`],
  ['compose list in quotes', without('"\\$'), it => `      - "POSTGRES_PASSWORD=${it}"`],
  ['YAML flow', without(' "\'`\\#$:{}[],'), it => `db: {user: app, password: ${it}, host: db}`],
  ['YAML block', ALL, it => `password: |\n  x${it}\nhost: db`],
  ['YAML folded block', ALL, it => `password: >-\n  x${it}\nhost: db`],
  ['JSON', ALL, it => `{\n  "user": "app",\n  "password": ${json(it)}\n}`],
  ['JSON in a line', ALL, it => JSON.stringify({ user: 'app', password: it, host: 'db' })],
  ['JSON array of flags', ALL, it => `command: ["tool", "--password", ${json(it)}]`],
  ['JSON array with an assignment', without('"\\'), it => `ENTRYPOINT ["tool", "--password=${it}"]`],
  ['ini', without(' "\'`;#'), it => `[db]\nuser = app\npassword = ${it}\nport = 5432`],
  ['ini with blanks', without('"\'`;#'), it => `[db]\npassword = ${it}`],
  ['properties', without(' \\"\'#'), it => `spring.datasource.password=${it}\nspring.datasource.username=app`],
  ['properties with blanks', without('\\"\'#'), it => `spring.datasource.password=${it}`],
  ['TOML', ALL, it => `password = ${json(it)}`],
  ['PHP array', without("'\\"), it => `'password' => '${it}',`],
  ['PHP define', without("'\\"), it => `define('DB_PASSWORD', '${it}');`],
  ['Python argument', without('"\\'), it => `connect(host="db", password="${it}", port=5432)`],
  ['Python argument, single quotes', without("'\\"), it => `connect(host='db', password='${it}')`],
  ['Python argument on its line', without('"\\'), it => `connect(\n    password="${it}",\n    port=5432,\n)`],
  ['Python constant', without('"\\'), it => `DB_PASSWORD = "${it}"`],
  ['Python constant with a type', without('"\\'), it => `    db_password: str = "${it}"`],
  ['Python Field', without('"\\'), it => `    db_password: str = Field(default="${it}")`],
  ['Python raw string', without('"\\'), it => `DB_PASSWORD = r"${it}"`],
  ['Python dict', without("'\\"), it => `DATABASES = {'default': {'USER': 'app', 'PASSWORD': '${it}'}}`],
  ['Python os.getenv', without('"\\'), it => `password = os.getenv("DB_PASSWORD", "${it}")`],
  ['Python os.getenv, single quotes', without("'\\"), it => `x = os.getenv('DB_PASSWORD', '${it}')`],
  ['Python os.getenv, escaped', ALL, it => `x = os.getenv("DB_PASSWORD", ${json(it)})`],
  ['Python os.getenv over lines', without('"\\'), it => `x = os.getenv(\n    "DB_PASSWORD",\n    "${it}",\n)`],
  ['Python os.environ.get', without('"\\'), it => `x = os.environ.get("POSTGRES_PASSWORD", "${it}")`],
  ['Python os.environ', without('"\\'), it => `os.environ["PGPASSWORD"] = "${it}"`],
  ['Python os.environ.setdefault', without('"\\'), it => `os.environ.setdefault("PGPASSWORD", "${it}")`],
  ['Python or', without('"\\'), it => `password = os.getenv("DB_PASSWORD") or "${it}"`],
  ['Python config()', without("'\\"), it => `x = config('DB_PASSWORD', default='${it}')`],
  ['JavaScript ||', without("'\\"), it => `  password: process.env.DB_PASSWORD || '${it}',`],
  ['JavaScript ??', without("'\\"), it => `const password = process.env.DB_PASSWORD ?? '${it}';`],
  ['PGPASSWORD=', BARE, it => `PGPASSWORD=${it} psql -h db -U app`],
  ['PGPASSWORD= in quotes', ALL, it => `PGPASSWORD=${shell(it)} psql -h db -U app`],
  ['PGPASSWORD= in double quotes', without('"\\$`!'), it => `PGPASSWORD="${it}" psql -h db`],
  ['export PGPASSWORD=', BARE, it => `export PGPASSWORD=${it}`],
  ['docker run -e', BARE, it => `docker run -e POSTGRES_PASSWORD=${it} -p 5432:5432 postgres`],
  ['docker run -e in quotes', without("'"), it => `docker run -e 'POSTGRES_PASSWORD=${it}' postgres`],
  ['Dockerfile ENV', BARE, it => `ENV POSTGRES_USER=app POSTGRES_PASSWORD=${it}`],
  ['Dockerfile ENV without =', BARE, it => `ENV POSTGRES_PASSWORD ${it}`],
  ['--password flag', BARE, it => `tool --host db --password ${it} --port 5432`],
  ['--password flag in quotes', without("'"), it => `tool --password '${it}' --port 5432`],
  ['--password=', BARE, it => `tool --password=${it} --port 5432`],
  ['--db-password= in quotes', without('"\\$`!'), it => `tool --db-password="${it}" --port 5432`],
  ['.pgpass', without(' :\\'), it => `# comment\ndb:5432:app:app:${it}\n*:*:*:*:${it}`],
  ['.pgpass with CRLF', without(' :\\'), it => `db:5432:app:app:${it}\r\n`],
  ['.pgpass, escaped, with blanks', ALL, it => `db:5432:app:app:${it.replace(/[:\\]/g, '\\$&')}`],
  ['.pgpass in a here-document', BARE, it => `cat > ~/.pgpass <<EOF\ndb:5432:*:app:${it}\nEOF`],
  ['.pgpass by echo', BARE.replace(':', ''), it => `echo "db:5432:app:app:${it}" > ~/.pgpass`],
  ['Secret stringData', BARE.replace(':', ''), it => `kind: Secret\nstringData:\n  password: ${it}`],
  ['Secret stringData, quoted', ALL, it => `kind: Secret\nstringData:\n  password: ${json(it)}`],
  ['Secret stringData, any key', BARE.replace(':', ''), it => `kind: Secret\nstringData:\n  admin: ${it}`],
  ['Secret stringData, any key, quoted', ALL, it => `kind: Secret\nstringData:\n  admin: ${json(it)}`],
  ['Secret data', ALL, it => `apiVersion: v1\nkind: Secret\ndata:\n  password: ${base64(it)}\n`],
  ['Secret data, any key', ALL, it => `kind: Secret\ndata:\n  admin: ${base64(it)}`],
  ['Secret data, any key, quoted', ALL, it => `kind: Secret\ndata:\n  admin: "${base64(it)}"`],
  ['Kubernetes env', without('"\\'), it => `- name: POSTGRES_PASSWORD\n  value: "${it}"`],
  ['SQL', without("'"), it => `CREATE USER app WITH PASSWORD '${it}';`],
  ['userlist.txt of PgBouncer', without('"'), it => `"app" "${it}"`],
  // Only with both in backticks: `| PASSWORD | it |` could be any word of any table.
  ['Markdown table', without(' |`\\'), it => `| \`POSTGRES_PASSWORD\` | \`${it}\` |`],
];

const CORE = fc.string({
  unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'),
  minLength: 8,
  maxLength: 10,
});

/** Two cores, so that half a password counts as well. */
interface Password {
  text: string;
  cores: [string, string];
}

/** The whole of it reads as a reference or a placeholder; nobody can tell that it is a password. */
const isReference = (text: string): boolean => /^(?:\$\w+|\$?\{.*\}|<.*>|\*+)$/.test(text);

const passwordOf = (characters: string): fc.Arbitrary<Password> => {
  const odd = characters === '' ? fc.constant('') : fc.string({ unit: fc.constantFrom(...characters), maxLength: 3 });
  return fc
    .record({ before: odd, a: CORE, between: odd, b: CORE, after: odd })
    .map(({ before, a, between, b, after }): Password => {
      const text = `${before}${a}${between}${b}${after}`.trim().replace(/^-+/, '');
      return { text, cores: [a, b] };
    })
    .filter(({ text }) => !isReference(text));
};

const lineCount = (text: string): number => text.split('\n').length;

function expectHidden({ text, cores }: Password, written: string): void {
  const masked = maskSecrets(written);
  expect(lineCount(masked)).toBe(lineCount(written));
  expect(masked.split('\r\n').length).toBe(written.split('\r\n').length);
  for (const secret of [text, ...cores, encodeURIComponent(text), base64(text)]) expect(masked).not.toContain(secret);
}

describe('hides 200 passwords of letters and digits', () => {
  test.each(SYNTAXES)('%s', (_, _characters, write) => {
    fc.assert(
      fc.property(passwordOf(''), password => expectHidden(password, write(password.text))),
      { seed: 7, numRuns: 200 },
    );
  });
});

describe('hides 200 passwords with every character that the syntax allows', () => {
  test.each(SYNTAXES)('%s', (_, characters, write) => {
    fc.assert(
      fc.property(passwordOf(characters), password => expectHidden(password, write(password.text))),
      { seed: 7, numRuns: 200 },
    );
  });
});

describe('masks once', () => {
  test.each(SYNTAXES)('%s', (_, characters, write) => {
    const isStable = ({ text }: Password) => {
      const masked = maskSecrets(write(text));
      expect(maskSecrets(masked)).toBe(masked);
    };
    fc.assert(fc.property(passwordOf(characters), isStable), { seed: 7, numRuns: 50 });
  });

  test('whatever the text', () => {
    const parts =
      'PASSWORD|password|--password|token|=|: |:| = |, | or |"|\'|`|\\\\|\\\\"|(|)|{|}|[|]|${|$|@|://|postgres://|app|5432|/|?|&|;| |\\n|#| # |- |ENV |psql|****|value: |name: |kind: Secret\\n|data:\\n|%s|<|>|default=|Field(|os.getenv(|None|db:5432:a:a:';
    const words = parts.split('|').map(part => part.replace('\\\\', '\\').replace('\\n', '\n'));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words, '|'), { maxLength: 30 }), written => {
        const masked = maskSecrets(written.join(''));
        expect(lineCount(masked)).toBe(lineCount(written.join('')));
        expect(maskSecrets(masked)).toBe(masked);
      }),
      { seed: 7, numRuns: 5000 },
    );
  });
});

describe('takes less than 100 ms for a line of 250,000 characters', () => {
  const UNITS = (
    "a { } ( \" ' ` \\ $ ${ $( @ : / # * % < :// a:// ://a: ,a:// a://b:c@ postgres://u:p@h, PASSWORD PASSWORD= password:_ password=' " +
    'password="\\ "password":" "password",_ (\'password\',_ (password=os.a ${PASSWORD:- ${PASSWORD:-x} --password_ --password_x_ ' +
    'PASSWORD=$( password={{ password=${ password=f( PASSWORD_\' <password>a</ a:5432: a:5432:b:c:d_ "a"_ _ password__=_ token_ &password=x ' +
    'password=x; PASSWORD=\'a\'\\\'\' \\nPASSWORD= \\"password\\":\\" `password`_|_` PASSWORD=a_&&_ (password=os.a,"b"'
  )
    .split(' ')
    .map(unit => unit.replaceAll('_', ' '));
  /** The best of a few, as the first ones are slower. */
  const time = (text: string): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 5 && best >= 100; run++)
      best = Math.min(
        best,
        cpuTime(() => maskSecrets(text)),
      );
    return best;
  };

  // Eight times the text takes eight times as long, and 64 times if it were quadratic; a slow machine slows both.
  test.each(UNITS)('%j', unit => {
    const lines = (size: number) => {
      const text = unit.repeat(Math.ceil(size / unit.length));
      return [text, `password=${text}`, `postgres://a:${text}@h/x`, `Host=a;Password=${text}`];
    };
    const small = lines(31_250);
    for (const [i, line] of lines(250_000).entries()) {
      const taken = time(line);
      if (taken >= 100) expect(taken / time(small[i] ?? '')).toBeLessThan(24);
    }
  });
});

describe('escapeControls', () => {
  test.each([
    ['plain text', 'plain text'],
    ['tabs\tand\nlines', 'tabs\tand\nlines'],
    ['größe 漢 😀', 'größe 漢 😀'],
    ['\u001b[31m', '\\u{1b}[31m'],
    ['\u0000\u0007\u007f\u0085', '\\u{0}\\u{7}\\u{7f}\\u{85}'],
    ['\r', '\\u{d}'],
    ['a\u202eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
  ])('%j: %j', (text, expected) => {
    expect(escapeControls(text)).toBe(expected);
  });
});
