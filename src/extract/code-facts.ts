/** What a source file does that not every pool bears, told from calls that mean nothing else. */
import { isCiPath } from '../../codemods/paths.ts';
import type { Facts, Need } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';

interface Call {
  need: 'migrate' | 'listen' | 'session-lock';
  what: string;
  literal: string;
  call: RegExp;
  /** What has to stand in the file too. */
  requires?: RegExp;
}

/** Literals for the candidate search, and the calls themselves. Sources: the documentation of each library. */
const CALLS: Call[] = [
  {
    ...migrates('golang-migrate', 'golang-migrate/migrate', /\bmigrate\.New\w*\(/),
    // Others have a `migrate.New` too.
    requires: /"github\.com\/golang-migrate\/migrate(?:\/v\d+)?"/,
  },
  migrates('goose', 'goose.Up', /\bgoose\.Up(?:Context)?\(/),
  migrates('TypeORM migrationsRun', 'migrationsRun', /\bmigrationsRun\s*:\s*(?!false\b)[\w!]/),
  migrates('runMigrations', 'runMigrations(', /\.runMigrations\(/),
  migrates('Alembic', 'command.upgrade(', /\b(?:alembic\.)?command\.upgrade\(/),
  migrates('Flask-Migrate', 'flask_migrate', /\bflask_migrate\b[\s\S]*\n[ \t]+(?:flask_migrate\.)?upgrade\(/),
  migrates('EF Core', '.Migrate(', /\.Database\s*\.Migrate\(/),
  migrates('EF Core', '.MigrateAsync(', /\.Database\s*\.MigrateAsync\(/),
  migrates('Active Record', 'DatabaseTasks.migrate', /\bDatabaseTasks\.(?:migrate|prepare_all)\b/),
  migrates('Marten', 'ApplyAllDatabaseChanges', /\.ApplyAllDatabaseChangesOnStartup\(/),
  migrates('Marten', 'ApplyAllConfiguredChanges', /\.ApplyAllConfiguredChangesToDatabaseAsync\(/),
  migrates('FluentMigrator', '.MigrateUp(', /\.MigrateUp\(/),
  migrates('DbUp', '.PerformUpgrade(', /\.PerformUpgrade\(/),
  migrates('artisan migrate', "artisan('migrate", /\bartisan\(\s*['"]migrate|\bArtisan::call\(\s*['"]migrate/),
  migrates('artisan migrate', "Artisan::call('migrate", /\bArtisan::call\(\s*['"]migrate/),
  migrates('Knex', 'migrate.latest(', /\.migrate\.latest\(/),
  migrates('Django', 'call_command("migrate', /\bcall_command\(\s*["']migrate/),
  migrates('Django', "call_command('migrate", /\bcall_command\(\s*["']migrate/),
  migrates('Ecto', 'Ecto.Migrator', /\bEcto\.Migrator\b/),
  migrates('sqlx', 'sqlx::migrate!', /\bsqlx::migrate!/),
  migrates('Diesel', 'run_pending_migrations', /\.run_pending_migrations\(/),
  migrates('Flyway', 'Flyway.configure', /\bFlyway\.configure\(/),
  migrates('MikroORM', 'getMigrator()', /\.getMigrator\(\)\.up\(/),
  migrates(
    'Drizzle',
    '/migrator',
    /from\s+["']drizzle-orm\/[\w-]+\/migrator["']|require\(["']drizzle-orm\/[\w-]+\/migrator["']\)/,
  ),
  migrates(
    'prisma migrate',
    'prisma migrate deploy',
    /(?:exec|execSync|spawn|spawnSync|execa|execaCommand|\$)[(\s`][^;\n]*prisma migrate deploy/,
  ),
  migrates(
    'alembic',
    "'alembic'",
    /\b(?:run|call|check_call|check_output|Popen|system|execvp?)\(\s*\[?\s*(?:sys\.executable,\s*["']-m["'],\s*)?["']alembic/,
  ),
  migrates(
    'alembic',
    '"alembic"',
    /\b(?:run|call|check_call|check_output|Popen|system|execvp?)\(\s*\[?\s*(?:sys\.executable,\s*["']-m["'],\s*)?["']alembic/,
  ),
  migrates('node-pg-migrate', 'node-pg-migrate', /(?:from\s+|require\()\s*["']node-pg-migrate["']/),
  migrates('Umzug', 'umzug', /\bnew Umzug\(|\bumzug\.up\(/),
  migrates('SeaORM', 'Migrator::up(', /\bMigrator::up\(/),
  migrates('tokio-postgres-migration', 'tokio_postgres_migration', /\btokio_postgres_migration::/),
  migrates('refinery', 'refinery', /\bembed_migrations!|refinery::/),
  // Spring Boot migrates at start where one of the two is a dependency.
  migrates('Liquibase', 'liquibase-core', /liquibase-core/),
  migrates('Flyway', 'flyway-core', /flyway-core|flyway-database-postgresql/),
  { need: 'session-lock', what: 'Marten daemon', literal: 'DaemonMode.', call: /\bDaemonMode\.(?:HotCold|Solo)\b/ },
  { need: 'listen', what: 'pgxlisten', literal: 'pgxlisten', call: /"github\.com\/jackc\/pgxlisten"/ },
  { need: 'listen', what: 'River', literal: 'riverqueue/river', call: /"github\.com\/riverqueue\/river"/ },
  { need: 'listen', what: 'pq.NewListener', literal: 'pq.NewListener', call: /\bpq\.NewListener\(/ },
  { need: 'listen', what: 'WaitForNotification', literal: 'WaitForNotification', call: /\.WaitForNotification\(/ },
];

function migrates(what: string, literal: string, call: RegExp): Call {
  return { need: 'migrate', what, literal, call };
}

/** JDBC and lib/pq send it when they connect. */
const LIB_PQ = /"github\.com\/lib\/pq"/;

export const FACT_LITERALS: string[] = [...new Set([...CALLS.map(({ literal }) => literal), 'github.com/lib/pq'])];
export const FACT_PATTERN = [...CALLS.map(({ call }) => call.source), LIB_PQ.source].join('|');

const CODE =
  /(?:^|\/)(?:pom\.xml|build\.gradle(?:\.kts)?)$|\.(?:py|go|[cm]?[jt]s|[jt]sx|rb|rake|java|kt|cs|php|rs|exs?)$/i;
const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|node_modules|e2e|examples?)\/|(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)test_|\.(?:Unit|Integration)?Tests?\//i;

export function readCodeFacts(path: string, text: string): Pick<Facts, 'needs' | 'drivers'> {
  if (!CODE.test(path) || TEST.test(path) || isCiPath(path)) return { needs: [], drivers: [] };
  const reads = environmentReads(text);
  const needs = CALLS.flatMap(({ need, what, call, requires }): Need[] => {
    const match = call.exec(text);
    if (!match || requires?.test(text) === false) return [];
    const own = argumentReads(text, match.index + match[0].length - 1);
    return [
      {
        kind: need,
        what,
        place: { file: path, line: lineAt(text, match.index + match[0].search(/\S/)) },
        reads: own.length > 0 ? own : reads,
      },
    ];
  });
  const isFirst = ({ kind, what }: Need, i: number) =>
    needs.findIndex(other => other.kind === kind && other.what === what) === i;
  return { needs: needs.filter(isFirst), drivers: LIB_PQ.test(text) ? ['extra-float-digits'] : [] };
}

const READ =
  /(?:\benv\.|environ(?:\.get\(|\[)\s*["']|(?:[Gg]et[Ee]nv|env|ENV\.fetch|env::var|GetEnvironmentVariable|System\.get_env|fetch_env!|LookupEnv|config)\s*[([]\s*["'`])([A-Za-z_]\w*)/g;

/** Variables that a text takes from its environment. */
export const environmentReads = (text: string): string[] => [
  ...new Set([...text.matchAll(READ)].map(([, name = '']) => name)),
];

/** Variables read in the call's own arguments, or in the values of the names in them. */
function argumentReads(text: string, open: number): string[] {
  if (text[open] !== '(') return [];
  let depth = 0;
  let end = open;
  for (; end < Math.min(text.length, open + 600); end++) {
    if (text[end] === '(') depth++;
    else if (text[end] === ')' && --depth === 0) break;
  }
  const inner = text.slice(open, end + 1);
  const own = environmentReads(inner);
  if (own.length > 0) return own;
  const names = [...inner.matchAll(/\b[A-Za-z_]\w*\b/g)].map(([name]) => name);
  return [
    ...new Set(
      names.flatMap(name => {
        const assigned = new RegExp(`\\b${name}\\b(?:\\s*,\\s*\\w+)?\\s*:?=(?!=)\\s*([^\\n]+)`).exec(text)?.[1];
        return assigned === undefined ? [] : environmentReads(assigned);
      }),
    ),
  ];
}
