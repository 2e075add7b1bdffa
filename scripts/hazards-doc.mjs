/**
 * docs/hazards.md from the rules and from what the live tests saw (docs/hazards.json, written by `npm run hazards`).
 * With --check it writes nothing and fails where the file, or what was seen, is not that of the rules.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const TARGET = 'docs/hazards.md';
const MODES = ['transaction', 'statement', 'session'];
const VERSIONS = ['1.18', '1.24', '1.26'];

/** PgBouncer's own map (pgbouncer.org/features.html): what the rules say of each row; the rest is among the silent cases. */
const FEATURES = {
  'Startup parameters': ['startup-parameter', 'startup-settings', 'startup-options', 'dsn-options'],
  'SET/RESET': ['set-session', 'set-session-in-tx', 'set-config-session', 'search-path-session', 'discard-by-client'],
  LISTEN: ['listen-notify', 'node-listens', 'driver-listens'],
  NOTIFY: [],
  'WITHOUT HOLD CURSOR': [],
  'WITH HOLD CURSOR': ['with-hold-cursor', 'cursor-with-hold', 'server-side-cursor'],
  'Protocol-level prepared plans': [
    'node-named-query',
    'psycopg-prepared',
    'asyncpg-statement-cache',
    'protocol-prepared',
  ],
  'PREPARE / DEALLOCATE': ['sql-prepare', 'pdo-prepared', 'psycopg-deallocate'],
  'ON COMMIT DROP temp tables': [],
  'PRESERVE/DELETE ROWS temp tables': ['temp-table'],
  'Cached plan reset': ['migrates-at-start'],
  'LOAD statement': ['load-library'],
  'Session-level advisory locks': ['session-advisory-lock', 'session-lock-library'],
};

const rules = readdirSync('rules/hazards')
  .filter(name => name.endsWith('.yml'))
  .sort()
  .flatMap(name => parse(readFileSync(`rules/hazards/${name}`, 'utf8')));
const { drivers, seen } = JSON.parse(readFileSync('docs/hazards.json', 'utf8'));

const compare = (a, b) => Number(a.replace('.', '')) - Number(b.replace('.', ''));
const versionsOf = ({ since }) => VERSIONS.filter(version => !since || compare(version, since) >= 0);
const proofsOf = ({ id }) =>
  Object.keys(seen)
    .filter(key => new RegExp(`^${id} \\d+$`).test(key))
    .map(key => seen[key]);
const silent = Object.entries(seen).flatMap(([key, value]) =>
  key.startsWith('silent ') ? [{ name: key.slice('silent '.length), ...value }] : [],
);

function findGaps() {
  const known = new Set(rules.map(({ id }) => id));
  const gaps = Object.keys(seen).filter(key => !key.startsWith('silent ') && !known.has(key.replace(/ \d+$/, '')));
  for (const id of Object.values(FEATURES).flat()) if (!known.has(id)) gaps.push(`the feature map names ${id}`);
  for (const [feature, ids] of Object.entries(FEATURES))
    if (ids.length === 0 && !silent.some(item => item.feature === feature)) gaps.push(`nothing covers ${feature}`);
  for (const rule of rules) {
    const proofs = proofsOf(rule);
    if (proofs.length === 0) gaps.push(`${rule.id} was never run`);
    for (const proof of proofs)
      for (const version of versionsOf(rule))
        for (const mode of MODES) {
          const cell = proof.pools[`${version} ${mode}`];
          if (cell?.bad === undefined) gaps.push(`${rule.id}: bad on ${version} ${mode}`);
          if (rule.severity[mode] ? cell?.good === undefined : cell?.good !== undefined)
            gaps.push(`${rule.id}: good on ${version} ${mode}`);
        }
  }
  return gaps;
}

const escapeCell = text => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const row = cells => `| ${cells.map(cell => escapeCell(cell)).join(' | ')} |`;
const table = (head, rows) => [row(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(row)].join('\n');

const rangeOf = ({ since, fixedIn }) =>
  since && fixedIn
    ? `${since} until before ${fixedIn}`
    : since
      ? `since ${since}`
      : fixedIn
        ? `before ${fixedIn}`
        : 'all';

/** Pools that saw the same, e.g. `1.18, 1.24: transaction, statement`. */
function groupPools(pools, what) {
  const groups = new Map();
  for (const version of VERSIONS) {
    const byText = new Map();
    for (const mode of MODES) {
      const text = pools[`${version} ${mode}`] && what(pools[`${version} ${mode}`]);
      if (text !== undefined) byText.set(text, [...(byText.get(text) ?? []), mode]);
    }
    for (const [text, modes] of byText) {
      const key = JSON.stringify([modes, text]);
      groups.set(key, [...(groups.get(key) ?? []), version]);
    }
  }
  return [...groups].map(([key, versions]) => {
    const [modes, text] = JSON.parse(key);
    return [`${versions.join(', ')}: ${modes.join(', ')}`, text];
  });
}

function describeProof({ by, direct, pools }, rule) {
  const rows = [['Postgres', direct.bad, direct.good]];
  for (const [where, text] of groupPools(pools, cell =>
    JSON.stringify([
      cell.bad + (cell.harmless ? ' (no harm; the rule warns all the same)' : ''),
      cell.good ?? 'not run: the rule is silent here',
    ]),
  )) {
    const [bad, good] = JSON.parse(text);
    rows.push([where, bad, good]);
  }
  const name = by.replace(/\b(psycopg2|asyncpg|Django)\b/, found => `${found} ${drivers[found]}`);
  return `By ${name.replace(/psycopg 3\b/, `psycopg ${drivers.psycopg}`)}${rule.since ? ` (not run before ${rule.since})` : ''}:\n\n${table(['where', 'bad', 'good'], rows)}`;
}

const describeRule = rule => `### ${rule.id}

${rule.message} ${rule.why}

- modes: ${Object.entries(rule.severity)
  .map(([mode, severity]) => `${mode} ${severity}`)
  .join(', ')}; PgBouncer: ${rangeOf(rule)}
- bad: ${rule.examples.map(({ bad }) => `\`${bad.text.replaceAll('\n', '⏎ ').replaceAll('`', "'")}\``).join(', ')}
- good: ${rule.examples.map(({ good }) => `\`${good.text.replaceAll('\n', '⏎ ').replaceAll('`', "'")}\``).join(', ')}
- fix: ${rule.fix}
- source: <${rule.source}>

${proofsOf(rule)
  .map(proof => describeProof(proof, rule))
  .join('\n\n')}
`;

const link = id => `[${id}](#${id})`;

const text = `# Hazards behind PgBouncer, and how each was proven

Made by \`npm run hazards\`; do not edit. Each rule's bad and good example ran straight on PostgreSQL 15 and then through
PgBouncer 1.18.0, 1.24.1 and 1.26.1, started by the generated entrypoint, each in a pool of its own with two server
connections that take turns (\`server_round_robin = 1\`). What Postgres answers is right. The bad example differs from it in the
modes and versions that the rule names, and in no other (where it does no harm on some version, the row says so); the good one never does, but for transactions of several round
trips, which statement pooling refuses aloud. A and B are two clients, \`t\` is a name, \`–\` is empty or NULL; values stand in
the order in which they were read. \`test/live/hazards.test.ts\` repeats all this on every run.

## Rules

${table(
  ['rule', ...MODES, 'PgBouncer', 'proven by'],
  rules.map(rule => [
    link(rule.id),
    ...MODES.map(mode => rule.severity[mode] ?? '–'),
    rangeOf(rule),
    [...new Set(proofsOf(rule).map(({ by }) => by))].join('; '),
  ]),
)}

## PgBouncer's own feature map

${table(
  ['feature', 'rules', 'works through the pool, and the audit is silent'],
  Object.entries(FEATURES).map(([feature, ids]) => [
    feature,
    ids.map(link).join(', '),
    silent
      .filter(item => item.feature === feature)
      .map(({ name }) => name)
      .join('; '),
  ]),
)}

## What is no hazard

The same on Postgres and through each PgBouncer; the audit says nothing of it.

${table(
  ['what', 'by', 'seen', 'except'],
  silent.map(({ name, by, direct, pools }) => [
    name,
    by,
    direct.good,
    groupPools(pools, cell => (cell.good === direct.good ? undefined : cell.good))
      .map(pair => pair.join(': '))
      .join('; '),
  ]),
)}

## What was seen

${rules.map(describeRule).join('\n')}`;

const gaps = findGaps();
if (gaps.length > 0)
  throw new Error(`docs/hazards.json is not that of the rules, run npm run hazards:\n${gaps.join('\n')}`);
if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== text) throw new Error(`${TARGET} is not that of the rules, run npm run hazards`);
} else writeFileSync(TARGET, text);
