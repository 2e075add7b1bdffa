/**
 * Whether one default run finishes each checkout: every process has its route, and no question is left.
 * Usage: npm run finish -- DIR… (each a checkout, or a folder of checkouts). `--json FILE` keeps all decisions for reading.
 */
import { existsSync, lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { planMigration } from '../dist/src/index.js';
import { finishOf } from '../dist/src/render/outcome.js';

const words = process.argv.slice(2);
const output = words.includes('--json') ? words.splice(words.indexOf('--json'), 2)[1] : null;
const roots = words.flatMap(name => expand(resolve(name)));

function expand(path) {
  const isCheckout =
    existsSync(join(path, '.git')) || readdirSync(path).some(name => /compose.*\.ya?ml$|^readme/i.test(name));
  if (isCheckout) return [path];
  return readdirSync(path)
    .map(name => join(path, name))
    .filter(child => lstatSync(child).isDirectory());
}

const rows = [];
const kept = [];
for (const root of roots.sort()) {
  const name = basename(root);
  try {
    const plan = await planMigration({ cwd: root });
    const questions = plan.sites.filter(({ question }) => question !== null);
    const unsafe = plan.sites.filter(({ action, safety }) => action === 'pooled' && safety === 'unsafe');
    const edited = plan.sites.filter(({ action, safety }) => action === 'pooled' && safety === 'safe');
    const direct = plan.sites.filter(({ action }) => action === 'direct');
    const modes = plan.pools.map(
      ({ mode, port, unwired }) =>
        `${mode}${port === 5432 ? ' on 5432' : ''}${unwired.length > 0 ? ` (${unwired.length} commands unwired)` : ''}`,
    );
    const state = finishOf(plan);
    rows.push(state);
    console.log(
      `${state.padEnd(14)} ${name}: ${edited.length} pooled, ${direct.length} direct, ${questions.length} questions, ${unsafe.length} unsafe, ${plan.refused.length} refused; ${[...new Set(modes)].join(', ')}`,
    );
    const reasons = new Map();
    for (const site of [...questions, ...unsafe]) {
      const key = `${site.rule}: ${site.reason}`;
      reasons.set(key, [...(reasons.get(key) ?? []), `${site.file} ${site.key ?? site.text}`]);
    }
    for (const [reason, places] of reasons)
      console.log(
        `    ${places.slice(0, 3).join(', ')}${places.length > 3 ? ` and ${places.length - 3} more` : ''}: ${reason}`,
      );
    for (const { file, reason } of plan.refused) console.log(`    ${file}: ${reason}`);
    for (const [rule, places] of contradictions(plan))
      console.log(`    read: ${rule} is an error beside a pool in transaction mode: ${places.slice(0, 3).join(', ')}`);
    kept.push({
      name,
      state,
      sites: plan.sites.map(({ file, span, text, key, action, safety, rule, reason, replacement }) => ({
        file,
        line: lineOf(plan, file, span.start),
        text,
        key,
        action,
        safety,
        rule,
        reason,
        replacement,
      })),
    });
  } catch (error) {
    rows.push('failed');
    console.log(`failed         ${name}: ${error.message}`);
  }
}

/** Where the plan says that what is pooled bears transaction mode, and the audit that it breaks: it goes another way, or one is wrong. */
function contradictions({ pools, hazards, changes }) {
  const found = new Map();
  if (changes.length === 0 || !pools.some(({ mode }) => mode === 'transaction')) return found;
  for (const { rule, severity, isMended, file, line } of hazards)
    if (severity === 'error' && !isMended) found.set(rule, [...(found.get(rule) ?? []), `${file}:${line}`]);
  return found;
}

function lineOf(plan, file, offset) {
  return (plan.texts.get(file) ?? '').slice(0, offset).split('\n').length;
}

const counts = new Map();
for (const state of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
console.log(
  `\n${rows.length} checkouts: ${[...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')}`,
);
if (output) writeFileSync(output, JSON.stringify(kept, null, 1));
