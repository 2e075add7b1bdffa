/**
 * The recipe for many repositories, tried without a code host: for each checkout a bare repository to clone from and push to, and
 * what multi-gitter does with a script. Clone the base (depth 1), a branch, the script with REPOSITORY in the clone; where it exits 0
 * and something changed, everything is committed and pushed, by force where the branch is there.
 * Usage: npm run fleet -- --script FILE --work DIR [--dry-run] CHECKOUT… (`owner__name` is called owner/name). Checkouts are read only.
 *
 * Each is done twice from the base, and once from what was pushed. On stdout, a line of JSON for each: `code` of the script, `tree` and
 * `again` (null: nothing was pushed), `after` (whether a run on the pushed branch changes anything), `strays` (files of the commit that
 * the report does not name, or the other way round), `seconds` of the first run of the script. A dry run pushes nothing and ends there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const BRANCH = 'pgbouncer';
const { values, positionals } = parseArgs({
  options: { script: { type: 'string' }, work: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  allowPositionals: true,
});
const work = resolve(values.work);
const reports = join(work, 'reports');
mkdirSync(reports, { recursive: true });

const git = (cwd, ...args) =>
  execFileSync(
    'git',
    ['-c', 'user.name=fleet', '-c', 'user.email=fleet@example.com', '-c', 'advice.detachedHead=false', ...args],
    {
      cwd,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, GIT_LFS_SKIP_SMUDGE: '1' },
    },
  ).trim();

function runOn(remote, name, base, into = reports) {
  const clone = mkdtempSync(join(work, 'clone-'));
  try {
    git(work, 'clone', '--quiet', '--depth', '1', '--single-branch', '--branch', base, `file://${remote}`, clone);
    if (base !== BRANCH) git(clone, 'checkout', '--quiet', '-b', BRANCH);
    const started = Date.now();
    const { status } = spawnSync(resolve(values.script), [], {
      cwd: clone,
      stdio: 'ignore',
      env: {
        ...process.env,
        REPOSITORY: name,
        REPORTS: into,
        ...(values['dry-run'] ? { DRY_RUN: 'true' } : {}),
      },
    });
    const seconds = (Date.now() - started) / 1000;
    if (status !== 0) return { code: status, seconds, tree: null, files: [] };
    if (git(clone, 'status', '-s') === '') return { code: 0, seconds, tree: null, files: [] };
    git(clone, 'add', '.');
    git(clone, 'commit', '--quiet', '--no-verify', '-m', 'Reach Postgres through PgBouncer');
    const files = git(clone, 'show', '--format=', '--name-only', '-z', '--no-renames', 'HEAD')
      .split('\0')
      .filter(Boolean);
    if (!values['dry-run'] && base !== BRANCH)
      git(clone, 'push', '--quiet', '--no-verify', '--force', 'origin', 'HEAD');
    return { code: 0, seconds, tree: git(clone, 'rev-parse', 'HEAD^{tree}'), files };
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
}

/** A bare repository with the tracked files as they are in the checkout, and no history. */
function publish(checkout, remote) {
  git(work, 'init', '--quiet', '--bare', '--initial-branch', 'main', remote);
  // Neither submodules nor what the checkout does not have.
  const files = git(checkout, 'ls-files', '-z')
    .split('\0')
    .filter(file => file !== '' && isFile(join(checkout, file)));
  execFileSync('git', ['update-index', '--add', '-z', '--stdin'], {
    cwd: checkout,
    env: { ...process.env, GIT_DIR: remote, GIT_WORK_TREE: checkout },
    input: files.join('\0'),
  });
  git(remote, 'update-ref', 'refs/heads/main', git(remote, 'commit-tree', '-m', 'as it is', git(remote, 'write-tree')));
}

function isFile(path) {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isDirectory();
}

function filesOf(report) {
  return JSON.parse(readFileSync(report, 'utf8')).changes.map(({ file }) => file);
}

for (const checkout of positionals) process.stdout.write(`${JSON.stringify(migrate(checkout))}\n`);

function migrate(checkout) {
  const name = basename(resolve(checkout)).replace('__', '/');
  const remote = join(work, 'remotes', `${name}.git`);
  if (!existsSync(remote)) publish(resolve(checkout), remote);
  const base = git(remote, 'symbolic-ref', '--short', 'HEAD');
  const { files, ...first } = runOn(remote, name, base);
  if (values['dry-run']) return { repository: name, ...first };
  const named = first.code === 0 ? filesOf(join(reports, `${name}.json`)) : [];
  const strays = [...named.filter(file => !files.includes(file)), ...files.filter(file => !named.includes(file))];
  const again = first.tree && runOn(remote, name, base);
  const after = first.tree && runOn(remote, name, BRANCH, join(work, 'reports-after'));
  return {
    repository: name,
    ...first,
    again: again?.tree ?? null,
    after: after && (after.code !== 0 || after.tree !== null),
    strays,
  };
}
