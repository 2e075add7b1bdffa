/**
 * Runs plan, write, second write and undo on copies of any checkouts and checks what must always hold.
 * Usage: npm run corpus -- DIR… (each a checkout, or a folder of checkouts). COMPOSE=path of docker-compose v2 is optional.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../dist/bin/cli.js', import.meta.url));
const compose = process.env.COMPOSE;
const arguments_ = process.argv.slice(2);
const unsafe = arguments_.includes('--unsafe') ? ['--unsafe'] : [];
const roots = arguments_.filter(name => !name.startsWith('--')).flatMap(name => expand(resolve(name)));
let failed = 0;

function expand(path) {
  const isCheckout =
    existsSync(join(path, '.git')) || readdirSync(path).some(name => /compose.*\.ya?ml$|^readme/i.test(name));
  return isCheckout
    ? [path]
    : readdirSync(path)
        .map(name => join(path, name))
        .filter(child => lstatSync(child).isDirectory());
}

const run = (cwd, ...args) =>
  spawnSync(process.execPath, [cli, '-C', cwd, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });

function digestTree(root) {
  const files = execFileSync('git', ['-C', root, 'ls-files', '-co', '--exclude-standard', '-z'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const out = new Map();
  for (const file of files.split('\0').filter(Boolean)) {
    const stats = lstatSync(join(root, file), { throwIfNoEntry: false });
    if (stats?.isFile())
      out.set(
        file,
        `${stats.mode}:${createHash('sha256')
          .update(readFileSync(join(root, file)))
          .digest('hex')}`,
      );
  }
  return out;
}

/** Compose files of which docker-compose says that they are valid, each on its own. */
function validCompose(root) {
  if (!compose) return new Map();
  const files = [...digestTree(root).keys()].filter(file =>
    /(?:^|\/)(?:[\w.-]*[._-])?compose(?:[._-][\w.-]*)?\.ya?ml$/i.test(file),
  );
  return new Map(
    files.map(file => {
      const result = spawnSync(compose, ['-f', basename(file), 'config', '-q'], {
        cwd: join(root, dirname(file)),
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: '/nonexistent' },
      });
      return [file, result.status === 0];
    }),
  );
}

const PASSWORD = /:\/\/[^\s:@/'"$]+:([^\s@'"*${<%{[]{3,})@/g;

function check(root) {
  const faults = [];
  const copy = mkdtempSync(join(tmpdir(), 'corpus-'));
  try {
    cpSync(root, copy, { recursive: true, verbatimSymlinks: true });
    if (!existsSync(join(copy, '.git'))) {
      execFileSync('git', ['-C', copy, 'init', '-q']);
      execFileSync('git', ['-C', copy, 'add', '-A']);
    }
    const before = digestTree(copy);
    const valid = validCompose(copy);
    const dry = run(copy, '--json', '-q', ...unsafe);
    if (dry.status !== 0)
      return { faults: [`dry run: exit ${dry.status}: ${dry.stderr.trim().split('\n').at(-1)}`], report: null };
    const report = JSON.parse(dry.stdout);
    if ([...dry.stdout.matchAll(PASSWORD)].length > 0)
      faults.push(`password in the report: ${dry.stdout.match(PASSWORD)?.[0].replace(/:[^:]*@$/, ':…@')}`);
    const diff = run(copy, '-q', ...unsafe);
    for (const [, secret] of diff.stdout.matchAll(PASSWORD))
      if (secret !== '****') faults.push('a password in the diff');
    for (const site of report.sites) {
      const line = readFileSync(join(copy, site.file), 'utf8')
        .split('\n')
        .slice(site.line - 1, site.endLine)
        .join('\n');
      const end = site.endLine === site.line ? site.endColumn - 1 : line.length;
      if (!line.slice(site.column - 1, end).startsWith(site.text.split('\n')[0]))
        faults.push(`place of ${site.file}:${site.line} does not give its text`);
    }
    const write = run(copy, '--write', ...unsafe);
    // 3 says that a file was refused by name: fine where it can't be parsed, a fault where an edit did not hold.
    const isOwnFault = report.refused.some(refusal => /after the edit|second run|overlap/.test(refusal.reason));
    if (write.status !== 0 && (write.status !== 3 || isOwnFault))
      faults.push(`write: exit ${write.status}: ${write.stderr.trim().split('\n').slice(-3).join(' | ')}`);
    const again = run(copy, '--json', '-q', ...unsafe);
    const second = again.status === 0 ? JSON.parse(again.stdout).changes : null;
    if (!second || second.length > 0)
      faults.push(`second run changes ${second?.map(change => change.file).join(', ') ?? '?'}`);
    const after = validCompose(copy);
    for (const [file, isValid] of valid) if (isValid && !after.get(file)) faults.push(`${file} is no longer valid`);
    if (report.changes.length > 0) {
      const undo = run(copy, 'undo');
      if (undo.status !== 0) faults.push(`undo: exit ${undo.status}: ${undo.stderr.trim()}`);
      const restored = digestTree(copy);
      const differs = [...new Set([...before.keys(), ...restored.keys()])].filter(
        file => before.get(file) !== restored.get(file),
      );
      if (differs.length > 0) faults.push(`undo left ${differs.join(', ')}`);
    }
    return { faults, report };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const forms = new Map();
for (const root of roots) {
  const { faults, report } = check(root);
  if (faults.length > 0) failed++;
  const counts = report
    ? Object.entries(report.summary.sites)
        .map(([action, count]) => `${action} ${count}`)
        .join('  ')
    : '';
  console.log(
    `${faults.length === 0 ? 'ok  ' : 'FAIL'} ${basename(root)}: ${counts}; ${report?.changes.length ?? 0} files changed, ${report?.refused.length ?? 0} refused, ${report?.errors.length ?? 0} not analysed`,
  );
  for (const fault of faults) console.log(`       ${fault}`);
  for (const site of report?.sites ?? [])
    forms.set(`${site.form}\t${site.action}`, (forms.get(`${site.form}\t${site.action}`) ?? 0) + 1);
}
console.log('\nSites by form and decision');
for (const [key, count] of [...forms].sort()) console.log(`  ${key.replace('\t', ' ').padEnd(22)} ${count}`);
console.log(`\n${roots.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
