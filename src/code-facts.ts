/** What a source file does that needs a session of its own, told from calls that mean nothing else. */
import { isCiPath } from '../codemods/paths.ts';

export type CodeFact = 'migrations-at-start' | 'needs-session' | 'session-settings' | 'extra-float-digits';

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
  { fact: 'migrations-at-start', literal: 'Database.Migrate', call: /\.Database\.Migrate(?:Async)?\(/ },
  { fact: 'needs-session', literal: 'pq.NewListener', call: /\bpq\.NewListener\(/ },
  { fact: 'needs-session', literal: 'WaitForNotification', call: /\.WaitForNotification\(/ },
  // Spring Boot migrates at start where one of the two is a dependency.
  { fact: 'migrations-at-start', literal: 'liquibase-core', call: /liquibase-core/ },
  { fact: 'migrations-at-start', literal: 'flyway-core', call: /flyway-core/ },
  { fact: 'extra-float-digits', literal: 'github.com/lib/pq', call: /"github\.com\/lib\/pq"/ },
];

export const FACT_LITERALS: string[] = CALLS.map(({ literal }) => literal);
export const FACT_PATTERN = CALLS.map(({ call }) => call.source).join('|');

const CODE = /(?:^|\/)(?:pom\.xml|build\.gradle(?:\.kts)?)$|\.(?:py|go|[cm]?[jt]s|[jt]sx|rb|java|kt|cs|php|rs|exs?)$/i;
const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|migrations?|alembic|node_modules|e2e|examples?)\/|(?:^|[._-])(?:test|spec)\.[a-z]+$|(?:^|\/)test_/i;

export function readCodeFacts(path: string, text: string): CodeFact[] {
  if (!CODE.test(path) || TEST.test(path) || isCiPath(path)) return [];
  return [...new Set(CALLS.filter(({ call }) => call.test(text)).map(({ fact }) => fact))];
}
