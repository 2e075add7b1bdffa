/**
 * Compares decisions with the labels in test/corpus/labels. Usage: npm run accuracy -- DIR, where DIR holds checkouts
 * named `owner__name`. Prints every difference, and the figures that docs/accuracy.md records.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planMigration } from '../dist/src/index.js';
import { toReport } from '../dist/src/render/report.js';

const labels = process.env.LABELS ?? fileURLToPath(new URL('../test/corpus/labels', import.meta.url));
const root = resolve(process.argv[2] ?? '.');
const total = new Map();
const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

/**
 * What the label asks for, against what was decided. `isBorne`: migrations have a value of their own, or a pool in session mode.
 * The labels are older than session mode: what it bears though labelled direct, and what goes direct beside others because it needs
 * sessions, is counted apart.
 */
function judge(label, why, site, isBorne, isSession) {
  const action = site ? (site.action === 'pooled' && site.safety === 'unsafe' ? 'unsafe' : site.action) : 'none';
  if (label === 'pooled') {
    if (action === 'pooled') return why.includes('[unsafe]') && !isBorne ? 'unsafe edit' : 'right';
    const isOpen = action === 'unsafe' || action === 'review';
    if (action === 'direct' && site.rule === 'code-with-session') return 'direct, for its sessions';
    return isOpen ? (/\[unsafe\]|\[review-ok\]/.test(why) ? 'right' : 'left for review') : 'missed';
  }
  if (label === 'ambiguous') return action === 'pooled' ? 'pooled though ambiguous' : 'right';
  if (action === 'pooled' && label === 'direct' && isSession) return 'in a session pool, for its sessions';
  return action === 'pooled' ? 'wrong edit' : action === 'unsafe' ? 'wrong with --unsafe' : 'right';
}

for (const file of readdirSync(labels).sort()) {
  const name = file.replace(/\.tsv$/, '');
  if (!existsSync(join(root, name))) continue;
  const plan = await planMigration({ cwd: join(root, name) });
  const { sites } = toReport(plan, '');
  const sessions = new Set(plan.pools.filter(({ mode }) => mode === 'session').map(({ server }) => server));
  const isSession = site => site?.resolution?.server !== undefined && sessions.has(site.resolution.server);
  const decisions = new Map();
  for (const site of plan.sites) {
    const known = decisions.get(site.decision) ?? false;
    decisions.set(site.decision, known || site.apart.length > 0 || sessions.has(site.resolution.server));
  }
  const figures = new Map();
  const used = new Set();
  for (const row of readFileSync(join(labels, file), 'utf8').split('\n').slice(1).filter(Boolean)) {
    const [path, line, text, label, why = ''] = row.split('\t');
    const here = sites.filter(site => site.file === path && site.line === Number(line) && !used.has(site));
    const site = here.find(candidate => candidate.text.includes(text) || text.includes(candidate.text)) ?? here[0];
    if (site) used.add(site);
    const own = site && plan.sites.find(({ id }) => id === site.id);
    const verdict = judge(label, why, site, decisions.get(site?.decision) ?? false, isSession(own));
    count(figures, verdict);
    count(total, verdict);
    if (verdict !== 'right')
      console.log(
        `  ${path}:${line} ${text}: ${verdict} (label ${label}, ${site?.action ?? 'not found'} ${site?.rule ?? ''})`,
      );
  }
  console.log(`${name}: ${[...figures].map(([verdict, n]) => `${n} ${verdict}`).join(', ')}`);
}
console.log(`\nAll: ${[...total].map(([verdict, n]) => `${n} ${verdict}`).join(', ')}`);
