/** What a source file does that needs a session of its own, told from calls that mean nothing else. */

import { isCiPath } from '../../codemods/paths.ts';
import type { CodeFact } from '../model/index.ts';

/** Literals for the candidate search, and the calls themselves. Sources: the documentation of each library. */
const CALLS: { fact: CodeFact; literal: string; call: RegExp }[] = [
  {
    fact: 'migrations-at-start',
    literal: 'golang-migrate/migrate',
    call: /"github\.com\/golang-migrate\/migrate\/v\d+"/,
  },
  { fact: 'migrations-at-start', literal: 'goose.Up', call: /\bgoose\.Up(?:Context)?\(/ },
  { fact: 'migrations-at-start', literal: 'migrationsRun', call: /\bmigrationsRun\s*:\s*true\b/ },
  { fact: 'migrations-at-start', literal: 'runMigrations(', call: /\.runMigrations\(/ },
  { fact: 'migrations-at-start', literal: 'command.upgrade(', call: /\b(?:alembic\.)?command\.upgrade\(/ },
  {
    fact: 'migrations-at-start',
    literal: 'flask_migrate',
    call: /\bflask_migrate\b[\s\S]*\n[ \t]+(?:flask_migrate\.)?upgrade\(/,
  },
  { fact: 'migrations-at-start', literal: 'Database.Migrate', call: /\.Database\.Migrate(?:Async)?\(/ },
  { fact: 'migrations-at-start', literal: 'DatabaseTasks.migrate', call: /\bDatabaseTasks\.(?:migrate|prepare_all)\b/ },
  { fact: 'migrations-at-start', literal: 'ApplyAllDatabaseChanges', call: /\.ApplyAllDatabaseChangesOnStartup\(/ },
  {
    fact: 'migrations-at-start',
    literal: 'ApplyAllConfiguredChanges',
    call: /\.ApplyAllConfiguredChangesToDatabaseAsync\(/,
  },
  { fact: 'migrations-at-start', literal: '.MigrateUp(', call: /\.MigrateUp\(/ },
  { fact: 'migrations-at-start', literal: '.PerformUpgrade(', call: /\.PerformUpgrade\(/ },
  {
    fact: 'migrations-at-start',
    literal: "artisan('migrate",
    call: /\bartisan\(\s*['"]migrate|\bArtisan::call\(\s*['"]migrate/,
  },
  { fact: 'migrations-at-start', literal: "Artisan::call('migrate", call: /\bArtisan::call\(\s*['"]migrate/ },
  { fact: 'migrations-at-start', literal: 'migrate.latest(', call: /\.migrate\.latest\(/ },
  { fact: 'migrations-at-start', literal: 'call_command("migrate', call: /\bcall_command\(\s*["']migrate/ },
  { fact: 'migrations-at-start', literal: "call_command('migrate", call: /\bcall_command\(\s*["']migrate/ },
  { fact: 'migrations-at-start', literal: 'Ecto.Migrator', call: /\bEcto\.Migrator\b/ },
  { fact: 'migrations-at-start', literal: 'sqlx::migrate!', call: /\bsqlx::migrate!/ },
  { fact: 'migrations-at-start', literal: 'run_pending_migrations', call: /\.run_pending_migrations\(/ },
  { fact: 'migrations-at-start', literal: 'Flyway.configure', call: /\bFlyway\.configure\(/ },
  { fact: 'migrations-at-start', literal: 'getMigrator()', call: /\.getMigrator\(\)\.up\(/ },
  { fact: 'needs-session', literal: 'DaemonMode.', call: /\bDaemonMode\.(?:HotCold|Solo)\b/ },
  { fact: 'needs-session', literal: 'pgxlisten', call: /"github\.com\/jackc\/pgxlisten"/ },
  { fact: 'needs-session', literal: 'riverqueue/river', call: /"github\.com\/riverqueue\/river"/ },
  { fact: 'needs-session', literal: 'pq.NewListener', call: /\bpq\.NewListener\(/ },
  { fact: 'needs-session', literal: 'WaitForNotification', call: /\.WaitForNotification\(/ },
  // Spring Boot migrates at start where one of the two is a dependency.
  { fact: 'migrations-at-start', literal: 'liquibase-core', call: /liquibase-core/ },
  { fact: 'migrations-at-start', literal: 'flyway-core', call: /flyway-core/ },
  { fact: 'extra-float-digits', literal: 'github.com/lib/pq', call: /"github\.com\/lib\/pq"/ },
];

export const FACT_LITERALS: string[] = CALLS.map(({ literal }) => literal);
export const FACT_PATTERN = CALLS.map(({ call }) => call.source).join('|');

const CODE =
  /(?:^|\/)(?:pom\.xml|build\.gradle(?:\.kts)?)$|\.(?:py|go|[cm]?[jt]s|[jt]sx|rb|rake|java|kt|cs|php|rs|exs?)$/i;
const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|migrations?|alembic|node_modules|e2e|examples?)\/|(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)test_|\.(?:Unit|Integration)?Tests?\//i;

export function readCodeFacts(path: string, text: string): CodeFact[] {
  if (!CODE.test(path) || TEST.test(path) || isCiPath(path)) return [];
  return [...new Set(CALLS.filter(({ call }) => call.test(text)).map(({ fact }) => fact))];
}
