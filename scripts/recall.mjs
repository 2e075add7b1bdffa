/**
 * Compares the findings of `audit` with the labels in test/corpus/hazards. Usage: npm run recall -- DIR, where DIR holds checkouts named
 * `owner__name`. A place counts as found where a finding stands at most two lines from it, whatever its severity: that depends on where the
 * connection goes. What an import or a dump says once counts for the whole file. Prints what was missed, errors without a label, and
 * the figures that docs/accuracy.md records.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planMigration } from '../dist/src/index.js';

const labels = process.env.LABELS ?? fileURLToPath(new URL('../test/corpus/hazards', import.meta.url));
const root = resolve(process.argv[2] ?? '.');
const LANGUAGES = [
  [/\.py$/, 'Python'],
  [/\.(?:[cm]?[jt]sx?|json)$/, 'JavaScript'],
  [/\.(?:rb|rake|ru)$|Gemfile|Rakefile/, 'Ruby'],
  [/\.(?:kt|kts|java|scala)$/, 'Java, Kotlin, Scala'],
  [/\.clj$/, 'Clojure'],
  [/\.go$|go\.mod$/, 'Go'],
  [/\.rs$/, 'Rust'],
  [/\.php$/, 'PHP'],
  [/\.exs?$/, 'Elixir'],
  [/\.cs$/, 'C#'],
  [/\.sql$/, 'SQL'],
  [/\.(?:sh|bash)$/, 'shell'],
];
const languageOf = file => LANGUAGES.find(([ending]) => ending.test(file))?.[1] ?? 'settings and others';
const ASIDE = /\[(?:migration|test|script|doc|lib)\]/;

/** What is told once for a part of the repository, or at an import. */
const ONCE = new Set(['lib-pq', 'protocol-prepared', 'psycopg-prepared', 'worker-listens', 'session-lock-library']);

const total = new Map();
const count = (table, key, what) => {
  const row = total.get(`${table}\0${key}`) ?? { places: 0, found: 0, named: 0, right: 0 };
  total.set(`${table}\0${key}`, row);
  row[what]++;
};

for (const file of readdirSync(labels).sort()) {
  const name = file.replace(/\.tsv$/, '');
  if (!file.endsWith('.tsv') || !existsSync(join(root, name))) continue;
  const rows = readFileSync(join(labels, file), 'utf8')
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map(row => row.split('\t'))
    .map(([path, line, kind, label, why = '']) => ({ path, line: Number(line), kind, label, why }));
  const plan = version =>
    planMigration({
      cwd: join(root, name),
      overrides: config => ({ ...config, pool: { ...config.pool, version: version ?? config.pool.version } }),
    });
  const { hazards } = await plan(null);
  const before = rows.some(({ label }) => label === 'old') ? (await plan('1.20')).hazards : [];
  const isNear = (hazard, row) => hazard.file === row.path && Math.abs(hazard.line - row.line) <= 2;
  // The driver or library of a file is told at its import, and a dump's settings by the first.
  const speaksFor = ({ file, rule }, { path, kind, why }) =>
    (ONCE.has(rule) && languageOf(file) === languageOf(path) && /^(?:prepared-statements|library)$/.test(kind)) ||
    (ONCE.has(rule) && file === path && kind === 'listen') ||
    (file === path &&
      /dump\b/.test(why) &&
      /^(?:set-session|search-path-session)$/.test(rule) &&
      /^(?:session-setting|search-path)$/.test(kind));
  for (const row of rows) {
    if (row.label === 'harmless') continue;
    const found = (row.label === 'old' ? before : hazards).some(
      hazard => isNear(hazard, row) || speaksFor(hazard, row),
    );
    const [kind, language] = [row.label === 'old' ? `${row.kind}, before 1.21` : row.kind, languageOf(row.path)];
    const where = ASIDE.test(row.why) ? 'aside' : 'running code';
    for (const key of [
      ['kind', kind],
      ['language', language],
      ['where', where],
      ['all', 'all'],
    ]) {
      count(...key, 'places');
      if (found) count(...key, 'found');
    }
    if (!found) console.log(`  missed ${name} ${row.path}:${row.line} ${kind}: ${row.why}`);
  }
  for (const hazard of hazards.filter(({ severity }) => severity === 'error')) {
    const near = rows.filter(row => isNear(hazard, row));
    const isRight =
      near.some(({ label }) => label !== 'harmless') ||
      rows.some(row => row.label !== 'harmless' && speaksFor(hazard, row));
    for (const key of [
      ['kind', 'all'],
      ['language', languageOf(hazard.file)],
    ]) {
      count(...key, 'named');
      if (isRight) count(...key, 'right');
    }
    if (!isRight)
      console.log(
        `  ${near.length > 0 ? 'false' : 'no label'} ${name} ${hazard.file}:${hazard.line} ${hazard.rule}: ${near[0]?.why ?? ''}`,
      );
  }
}
for (const [key, { places, found, named, right }] of [...total].sort()) {
  const [table, name] = key.split('\0');
  const share = (part, whole) => (whole === 0 ? '' : `${part} of ${whole} (${Math.round((100 * part) / whole)} %)`);
  console.log(
    `${table.padEnd(9)} ${name.padEnd(36)} found ${share(found, places).padEnd(22)} errors with a label ${share(right, named)}`,
  );
}
