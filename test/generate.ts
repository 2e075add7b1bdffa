/** Small repositories by chance: first as data, which shrinks, and from that as files. */
import fc from 'fast-check';

export type Files = Record<string, { text: string; mode: number }>;

/** In every generated password, so that one is known wherever it stands. */
export const SECRET = 'zq9';

const LANGUAGES = ['none', 'python', 'javascript', 'go', 'ruby'] as const;
type Language = (typeof LANGUAGES)[number];

const service = fc.record({
  name: fc.constantFrom('web', 'api', 'job-1', 'my_app', 'a.b', 'toString', 'Worker'),
  language: fc.constantFrom(...LANGUAGES),
  /** It has a folder of its own, and is built from it. */
  apart: fc.boolean(),
  /** How the connection is written. */
  form: fc.constantFrom('url', 'split', 'jdbc', 'asyncpg', 'keywords'),
  keys: fc.constantFrom('DATABASE_URL/DB', 'APP_DB_URL/PG', 'SQLALCHEMY_DATABASE_URI/POSTGRES', 'url/constructor'),
  hasPort: fc.boolean(),
  query: fc.constantFrom('', '?sslmode=disable', '?application_name=a&connect_timeout=5'),
  /** Who gives the service its values. */
  given: fc.constantFrom('map', 'list', 'flow', 'merge', 'alias', 'env_file', 'nobody'),
  value: fc.constantFrom('literal', 'default', 'dash', 'variable', 'required'),
  quote: fc.constantFrom('"', "'", ''),
  /** Where its command stands, and how. */
  place: fc.constantFrom('nowhere', 'command', 'cmd', 'script', 'package', 'make'),
  syntax: fc.constantFrom('shell', 'exec', 'sh -c', 'folded'),
  does: fc.constantFrom('serve', 'migrate', 'migrate and serve', 'dump'),
  code: fc.constantFrom('none', 'fallback', 'split', 'literal', 'read'),
  sql: fc.constantFrom('', 'LISTEN jobs', 'SELECT pg_advisory_lock(1)', 'SET search_path TO a', 'SELECT 1'),
  dependsOn: fc.constantFrom('none', 'list', 'map'),
});

export const shapes = fc.record({
  git: fc.constantFrom(false, false, false, true),
  folder: fc.constantFrom('', '', '', 'deploy', 'aa', 'zz top', 'größe', '[id]', "it's", '@acme', '$x'),
  composeName: fc.constantFrom('docker-compose.yml', 'compose.yaml', 'docker-compose.prod.yml'),
  server: fc.record({
    name: fc.constantFrom('db', 'postgres', 'my-db', 'db_1', 'data.base', 'constructor', 'DB'),
    image: fc.constantFrom('postgres:16', 'postgis/postgis:15-3.4', '"postgres:${PG_VERSION:-16}"'),
    published: fc.constantFrom('', '5432:5432', '127.0.0.1:5433:5432', '${DB_PORT:-5433}:5432'),
    style: fc.constantFrom('map', 'flow', 'list'),
    credentials: fc.constantFrom('literal', 'default', 'env_file'),
    health: fc.boolean(),
  }),
  user: fc.constantFrom('app', 'app-user', 'o.k', 'größe'),
  database: fc.constantFrom('app', 'app-db', 'App', 'db'),
  /** Appended to what all passwords begin with. */
  password: fc
    .array(fc.constantFrom(...'!@:/#%$\'" \\é密{}`&?=+~*;,|<>()[]^'), { maxLength: 3 })
    .map(chars => chars.join('')),
  services: fc.uniqueArray(service, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
  templates: fc.subarray(['.env.example', '.env.sample', 'env.template', '.env.dist'], { maxLength: 2 }),
  readme: fc.constantFrom('none', 'psql', 'migrate', 'url', 'indented', 'tilde', 'prose'),
  makefile: fc.constantFrom('none', 'psql', 'dump', 'migrate', 'settings'),
  packages: fc.constantFrom('none', 'migrate', 'dump', 'start'),
  settings: fc.constantFrom('none', 'django', 'knex', 'json', 'rails', 'go', 'ini'),
  backup: fc.boolean(),
  pooler: fc.constantFrom(false, false, false, false, true),
  comments: fc.boolean(),
  crlf: fc.boolean(),
  bom: fc.boolean(),
  lastLine: fc.boolean(),
});

type Of<T> = T extends fc.Arbitrary<infer U> ? U : never;
export type Shape = Of<typeof shapes>;
type Service = Of<typeof service>;

type Entries = [key: string, value: string][];

/** What nothing else in the generated files holds needs no quotes. */
const isPlain = (text: string) => /^[\w./@-]+$/.test(text);
/** Of YAML; compose would expand a dollar. */
const yaml = (text: string) => (isPlain(text) ? text : JSON.stringify(text.replaceAll('$', '$$$$')));
const dotenv = (text: string) => (isPlain(text) ? text : text.includes("'") ? JSON.stringify(text) : `'${text}'`);
const ruby = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
const percent = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

export function filesOf(shape: Shape): Files {
  const files: Files = {};
  const add = (path: string, text: string, mode = 0o644) => {
    files[path] ??= { text, mode };
  };
  const inStack = (path: string) => (shape.folder === '' ? path : `${shape.folder}/${path}`);
  const { server, user, database } = shape;
  const password = `${SECRET}${shape.password}`;
  const atHost = /:?(?:\$\{DB_PORT:-(\d+)\}|(\d+)):5432$/.exec(server.published)?.slice(1).find(Boolean) ?? '5432';
  const urlOf = (form: Service['form'], host: string, port: string, query = ''): string => {
    const where = `${host}${port === '' ? '' : `:${port}`}/${database}${query}`;
    if (form === 'jdbc') return `jdbc:postgresql://${where}`;
    if (form === 'keywords') return `host=${host} ${port === '' ? '' : `port=${port} `}user=app dbname=${database}`;
    return `postgresql${form === 'asyncpg' ? '+asyncpg' : ''}://${percent(user)}:${percent(password)}@${where}`;
  };
  const outside = urlOf('url', 'localhost', atHost);

  const entriesOf = ({ form, keys, hasPort, query }: Service): Entries => {
    const [url = '', prefix = ''] = keys.split('/');
    if (form !== 'split') return [[url, urlOf(form, server.name, hasPort ? '5432' : '', query)]];
    return [
      [`${prefix}_HOST`, server.name],
      ...(hasPort ? [[`${prefix}_PORT`, '5432'] as [string, string]] : []),
      [`${prefix}_USER`, user],
      [`${prefix}_PASSWORD`, password],
      [`${prefix}_NAME`, database],
    ];
  };

  // What templates hold: all that compose takes from the environment.
  const template = new Map<string, string>([['LOG_LEVEL', 'info']]);
  const composed = (key: string, value: string, how: Service['value']): string => {
    if (how === 'literal') return value.replaceAll('$', '$$$$');
    if (how === 'default' || how === 'dash') {
      // Compose takes no brace in a default.
      const inner = value.replace(/[{}$]/g, '');
      return `\${${key}${how === 'default' ? ':' : ''}-${inner}}`;
    }
    template.set(key, value);
    return how === 'variable' ? `\${${key}}` : `\${${key}:?is not set}`;
  };
  const quoted = (text: string, quote: Service['quote']): string => {
    if (quote === "'" && !text.includes("'")) return `'${text}'`;
    if (quote === '' && /^[\w./:@%+?=&-]+$/.test(text) && !/^\d+$|: |^[?&-]|:$/.test(text)) return text;
    return JSON.stringify(text);
  };

  const blocks = shape.services.map(own => {
    const entries = entriesOf(own);
    const folder = own.apart ? own.name : '.';
    const inFolder = (path: string) => inStack(own.apart ? `${own.name}/${path}` : path);
    const lines: string[] = [own.language === 'none' ? 'image: acme/app:1' : `build: ${folder}`];
    const pair = ([key, value]: [string, string]): [string, string] => [
      yaml(key),
      quoted(composed(key, value, own.value), own.quote),
    ];
    const head: string[] = [];
    const item = ([key, value]: [string, string]) =>
      `  - ${quoted(`${key}=${composed(key, value, own.value)}`, own.quote)}`;
    switch (own.given) {
      case 'map':
        lines.push('environment:', ...entries.map(pair).map(([key, value]) => `  ${key}: ${value}`));
        break;
      case 'list':
        lines.push('environment:', ...entries.map(item));
        break;
      case 'flow':
        lines.push(
          `environment: { ${entries
            .map(pair)
            .map(([key, value]) => `${key}: ${/^["']/.test(value) ? value : JSON.stringify(value)}`)
            .join(', ')} }`,
        );
        break;
      case 'merge':
      case 'alias': {
        const anchor = `env-${own.name.replace(/\W/g, '')}`;
        head.push(`x-${anchor}: &${anchor}`, ...entries.map(pair).map(([key, value]) => `  ${key}: ${value}`));
        if (own.given === 'alias') lines.push(`environment: *${anchor}`);
        else lines.push('environment:', `  <<: *${anchor}`, '  LOG_LEVEL: info');
        break;
      }
      case 'env_file':
        lines.push(own.quote === '' ? `env_file: ${own.name}.env` : `env_file:\n      - ./${own.name}.env`);
        add(inStack(`${own.name}.env`), entries.map(([key, value]) => `${key}=${dotenv(value)}\n`).join(''));
        break;
      case 'nobody':
        break;
    }
    if (own.dependsOn === 'list') lines.push(`depends_on: [${server.name}]`);
    if (own.dependsOn === 'map')
      lines.push('depends_on:', `  ${server.name}:`, `    condition: service_${server.health ? 'healthy' : 'started'}`);
    const command = commandOf(own, entries);
    const start = own.place === 'script' ? './start.sh' : command;
    if (own.place === 'command') lines.push(...inCompose(start, own.syntax));
    if (own.place === 'package') lines.push('command: npm run boot');
    if (own.place === 'make') lines.push('command: make boot');
    if (own.language !== 'none') {
      const cmd = own.place === 'cmd' || own.place === 'script' ? inDockerfile(start, own) : '';
      add(inFolder('Dockerfile'), `FROM ${BASES[own.language]}\nWORKDIR /app\nCOPY . .\n${cmd}`);
      if (own.place === 'script')
        add(
          inFolder('start.sh'),
          `#!/bin/sh\nset -e\n${command.split(' && ').join('\n')}${own.syntax === 'exec' ? '\nexec "$@"' : ''}\n`,
          0o755,
        );
      if (own.place === 'package')
        add(inFolder('package.json'), `${JSON.stringify({ name: 'app', scripts: { boot: command } }, null, 2)}\n`);
      if (own.place === 'make') add(inFolder('Makefile'), `boot:\n\t${command.replaceAll('$', '$$$$')}\n`);
      const [path, text] = codeOf(own, entries, urlOf('url', server.name, '5432'));
      if (text !== '') add(inFolder(path), text);
    }
    return { head, text: [`  ${own.name}:`, ...lines.map(line => `    ${line}`)] };
  });

  const given: Entries = [
    ['POSTGRES_USER', user],
    ['POSTGRES_PASSWORD', password],
    ['POSTGRES_DB', database],
  ];
  const serverLines = [`image: ${server.image}`];
  if (server.credentials === 'env_file') {
    serverLines.push('env_file: postgres.env');
    add(inStack('postgres.env'), given.map(([key, value]) => `${key}=${dotenv(value)}\n`).join(''));
  } else {
    const own = given.map(([key, value]): [string, string] => [
      key,
      composed(key, value, server.credentials === 'default' ? 'default' : 'literal'),
    ]);
    if (server.style === 'map')
      serverLines.push('environment:', ...own.map(([key, value]) => `  ${key}: ${quoted(value, '"')}`));
    if (server.style === 'flow')
      serverLines.push(`environment: { ${own.map(([key, value]) => `${key}: ${quoted(value, '"')}`).join(', ')} }`);
    if (server.style === 'list')
      serverLines.push('environment:', ...own.map(([key, value]) => `  - ${quoted(`${key}=${value}`, '"')}`));
  }
  if (server.published !== '') serverLines.push(`ports: ["${server.published}"]`);
  if (server.health) serverLines.push('healthcheck:', '  test: ["CMD-SHELL", "pg_isready"]');
  const pooler = [
    '  bouncer:',
    '    image: edoburu/pgbouncer:v1.23.1-p2',
    '    environment:',
    `      DB_HOST: ${server.name}`,
    '      POOL_MODE: transaction',
  ];
  add(
    inStack(shape.composeName),
    [
      ...(shape.comments ? ['# The stack.', ''] : []),
      ...blocks.flatMap(({ head }) => head),
      'services:',
      `  ${server.name}:`,
      ...serverLines.map(line => `    ${line}`),
      ...(shape.pooler ? pooler : []),
      ...(shape.comments ? ['', '  # Ours.'] : []),
      ...blocks.flatMap(({ text }) => text),
      '',
    ].join('\n'),
  );
  for (const name of shape.templates)
    add(
      inStack(name),
      [...template].map(([key, value], i) => `${shape.comments ? `# ${i}\n` : ''}${key}=${dotenv(value)}\n`).join(''),
    );
  if (shape.readme !== 'none') add('README.md', readmeOf(shape, outside, shape.services[0]?.name ?? 'web'));
  if (shape.makefile !== 'none') add('Makefile', MAKEFILES[shape.makefile](outside, atHost));
  if (shape.packages !== 'none')
    add('package.json', `${JSON.stringify({ private: true, scripts: PACKAGES[shape.packages](outside) }, null, 2)}\n`);
  if (shape.settings !== 'none') {
    const [path, text] = SETTINGS[shape.settings]({
      host: server.name,
      user,
      password,
      database,
      url: urlOf('url', server.name, '5432'),
    });
    add(path, text);
  }
  if (shape.backup)
    add('scripts/backup.sh', `#!/bin/sh\npg_dump "${urlOf('url', server.name, '5432')}" > dump.sql\n`, 0o755);
  return Object.fromEntries(
    Object.entries(files).map(([path, { text, mode }]) => {
      const ended = shape.lastLine ? text : text.replace(/\n$/, '');
      const lines = shape.crlf && !path.endsWith('.sh') ? ended.replace(/\n/g, '\r\n') : ended;
      return [path, { mode, text: shape.bom && /\.(?:py|js|ya?ml)$/.test(path) ? `\ufeff${lines}` : lines }];
    }),
  );
}

const BASES: Record<Exclude<Language, 'none'>, string> = {
  python: 'python:3.12',
  javascript: 'node:22',
  go: 'golang:1.23',
  ruby: 'ruby:3.3',
};

const SERVE: Record<Language, string> = {
  none: '/app/server',
  python: 'python app.py',
  javascript: 'node app.js',
  go: './server',
  ruby: 'bundle exec ruby app.rb',
};

const MIGRATE: Record<Language, string> = {
  none: '/app/server migrate',
  python: 'alembic upgrade head',
  javascript: 'npx prisma migrate deploy',
  go: 'migrate -path m -database "$URL" up',
  ruby: 'bundle exec rake db:migrate',
};

function commandOf({ language, does, form }: Service, entries: Entries): string {
  const url = entries[0]?.[0] ?? 'DATABASE_URL';
  const migrate = MIGRATE[language].replace('$URL', `$${url}`);
  if (does === 'serve') return SERVE[language];
  if (does === 'migrate') return migrate;
  if (does === 'dump') return form === 'split' ? `pg_dump -h "$${url}" -f /tmp/dump` : `pg_dump "$${url}" -f /tmp/dump`;
  return `${migrate} && ${SERVE[language]}`;
}

/** Compose would expand a dollar. */
function inCompose(command: string, syntax: Service['syntax']): string[] {
  const text = command.replaceAll('$', '$$$$');
  if (syntax === 'folded') return ['command: >', `  sh -c '${text}'`];
  if (syntax === 'sh -c') return [`command: ["sh", "-c", ${JSON.stringify(text)}]`];
  if (syntax === 'exec' && !/[&$"]/.test(text)) return [`command: ${JSON.stringify(text.split(' '))}`];
  return [`command: sh -c ${JSON.stringify(text)}`];
}

function inDockerfile(command: string, { syntax, place }: Service): string {
  const word = place === 'script' ? 'ENTRYPOINT' : 'CMD';
  if (syntax === 'shell' || syntax === 'folded') return `${word} ${command}\n`;
  if (syntax === 'exec' && !/[&$"]/.test(command)) return `${word} ${JSON.stringify(command.split(' '))}\n`;
  return `${word} ${JSON.stringify(['sh', '-c', command])}\n`;
}

/** The program of a service: each connection stands on a line of its own. */
function codeOf({ language, code, sql, form }: Service, entries: Entries, url: string): [path: string, text: string] {
  const key = form === 'split' ? 'DATABASE_URL' : (entries[0]?.[0] ?? '');
  const host = form === 'split' ? (entries[0]?.[0] ?? '') : 'DB_HOST';
  const server = /@([^:/]+)/.exec(url)?.[1] ?? 'db';
  const text = JSON.stringify(url);
  const port = host.replace('HOST', 'PORT');
  switch (language) {
    case 'none':
      return ['', ''];
    case 'python':
      return [
        'app.py',
        [
          'import os',
          'import psycopg',
          ...({
            none: [],
            read: [`url = os.environ[${JSON.stringify(key)}]`],
            fallback: [`url = os.getenv(${JSON.stringify(key)}, ${text})`],
            split: [`host = os.getenv("${host}", "${server}")`, `port = int(os.getenv("${port}", "5432"))`],
            literal: [`conn = psycopg.connect(${text})`],
          }[code] ?? []),
          ...(sql === '' ? [] : [`cur.execute("${sql}")`]),
          '',
        ].join('\n'),
      ];
    case 'javascript':
      return [
        'app.js',
        [
          "const { Pool } = require('pg');",
          ...{
            none: [],
            read: [`const pool = new Pool({ connectionString: process.env.${key} });`],
            fallback: [
              `const url = process.env.${key} || ${text};`,
              'const pool = new Pool({ connectionString: url });',
            ],
            split: [
              'const pool = new Pool({',
              `  host: process.env.${host} ?? '${server}',`,
              `  port: Number(process.env.${port} ?? 5432),`,
              '});',
            ],
            literal: [`const pool = new Pool({ connectionString: ${text} });`],
          }[code],
          ...(sql === '' ? [] : [`pool.query("${sql}");`]),
          '',
        ].join('\n'),
      ];
    case 'go':
      return [
        'main.go',
        [
          'package main',
          '',
          'func main() {',
          ...{
            none: [],
            read: [`\turl := os.Getenv("${key}")`],
            fallback: [`\turl := getEnv("${key}", ${text})`],
            split: [`\thost := getEnv("${host}", "${server}")`, `\tport := getEnv("${port}", "5432")`],
            literal: [`\tdb, err := sql.Open("pgx", ${text})`],
          }[code],
          ...(sql === '' ? [] : [`\tdb.Exec("${sql}")`]),
          '}',
          '',
        ].join('\n'),
      ];
    case 'ruby':
      return [
        'app.rb',
        [
          "require 'pg'",
          ...{
            none: [],
            read: [`url = ENV.fetch('${key}')`],
            fallback: [`url = ENV.fetch('${key}', ${ruby(url)})`],
            split: [`host = ENV.fetch('${host}', '${server}')`, `port = ENV.fetch('${port}', '5432')`],
            literal: [`conn = PG.connect(${ruby(url)})`],
          }[code],
          ...(sql === '' ? [] : [`conn.exec("${sql}")`]),
          '',
        ].join('\n'),
      ];
  }
}

function readmeOf({ readme, composeName }: Shape, url: string, service: string): string {
  const fence = (text: string, mark = '```') => `${mark}sh\n${text}\n${mark}\n`;
  const run = `docker compose -f ${composeName} run --rm ${service}`;
  const body = {
    none: '',
    psql: fence(`psql ${url}`),
    migrate: fence(`${run} alembic upgrade head`),
    url: fence(`export DATABASE_URL="${url}"\npython app.py`),
    indented: `- Start:\n\n  ${fence(`DATABASE_URL='${url}' node app.js`).replaceAll('\n', '\n  ').trimEnd()}\n`,
    tilde: fence(`${run} sh -c 'pg_dump "$DATABASE_URL"' > dump.sql`, '~~~'),
    prose: `Connect to \`${url}\`, or to localhost at 5432.\n`,
  }[readme];
  return `# App\n\n## Database\n\n${body}`;
}

const MAKEFILES: Record<Exclude<Shape['makefile'], 'none'>, (url: string, port: string) => string> = {
  psql: url => `psql:\n\tpsql "${url}"\n`,
  dump: url => `dump:\n\tpg_dump "${url}" > dump.sql\n`,
  migrate: url => `DATABASE_URL ?= ${url}\n\nmigrate:\n\tDATABASE_URL=$(DATABASE_URL) alembic upgrade head\n`,
  settings: (_, port) =>
    `DB_HOST ?= localhost\nDB_PORT ?= ${port}\n\nrun:\n\tDB_HOST=$(DB_HOST) DB_PORT=$(DB_PORT) ./server\n`,
};

const PACKAGES: Record<Exclude<Shape['packages'], 'none'>, (url: string) => Record<string, string>> = {
  migrate: url => ({ migrate: `DATABASE_URL="${url}" npx prisma migrate deploy`, test: 'node --test' }),
  dump: url => ({ dump: `pg_dump ${url}` }),
  start: url => ({ start: `DATABASE_URL="${url}" node app.js` }),
};

interface Setting {
  host: string;
  user: string;
  password: string;
  database: string;
  url: string;
}
const SETTINGS: Record<Exclude<Shape['settings'], 'none'>, (setting: Setting) => [path: string, text: string]> = {
  django: ({ host, user, password, database }) => [
    'site/settings.py',
    `import os\nDATABASES = {\n    "default": {\n        "ENGINE": "django.db.backends.postgresql",\n        "NAME": ${JSON.stringify(database)},\n        "USER": ${JSON.stringify(user)},\n        "PASSWORD": ${JSON.stringify(password)},\n        "HOST": os.environ.get("DB_HOST", "${host}"),\n        "PORT": os.environ.get("DB_PORT", "5432"),\n    }\n}\n`,
  ],
  knex: ({ host, user, password, database }) => [
    'knexfile.js',
    `module.exports = {\n  client: 'pg',\n  connection: {\n    host: '${host}',\n    port: 5432,\n    user: ${JSON.stringify(user)},\n    password: ${JSON.stringify(password)},\n    database: '${database}',\n  },\n};\n`,
  ],
  json: ({ url }) => ['config/default.json', `${JSON.stringify({ log: true, database: { url } }, null, 2)}\n`],
  rails: ({ host, user, password, database }) => [
    'config/database.yml',
    `default: &default\n  adapter: postgresql\n  host: ${host}\n  port: 5432\n  username: ${JSON.stringify(user)}\n  password: ${JSON.stringify(password)}\ndevelopment:\n  <<: *default\n  database: ${database}\ntest:\n  <<: *default\n  database: ${database}_test\n`,
  ],
  go: ({ host, url }) => [
    'config/config.go',
    `package config\n\nvar c = Config{\n\tHost: "${host}",\n\tPort: 5432,\n}\n\nvar dsn = getEnv("DATABASE_URL", ${JSON.stringify(url)})\n`,
  ],
  ini: ({ url }) => ['alembic.ini', `[alembic]\nscript_location = m\nsqlalchemy.url = ${url.replaceAll('%', '%%')}\n`],
};
