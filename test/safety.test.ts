/** What can go wrong where nobody expects it: each block is a row of docs/safety.md. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyPlan } from '../src/apply/apply.ts';
import { undo } from '../src/apply/undo.ts';
import { UsageError } from '../src/model/errors.ts';
import { planMigration } from '../src/run/plan-migration.ts';
import {
  CLI,
  commitAll,
  git,
  makeDirectory,
  makeRepository,
  PROJECT,
  runCli,
  smallCompose,
  snapshotTree,
} from './repository.ts';

const DSN = 'postgresql://app:pw@postgres:5432/app';
const FILES = {
  'docker-compose.yml': smallCompose('postgres', `DATABASE_URL: ${DSN}`),
  '.env.example': `DATABASE_URL=${DSN}\n`,
  'run.sh': `#!/bin/sh\nDATABASE_URL=${DSN} app\n`,
  'README.md': '# App\n',
};

const strayFiles = (root: string) =>
  readdirSync(root, { recursive: true }).filter(name => /\.tmp\b|\.pool-migrate-/.test(String(name)));

describe('links that lead outside: nothing there changes', () => {
  const outside = () => {
    const folder = makeDirectory();
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
    return folder;
  };
  const replace = (root: string, name: string, target: string) => {
    rmSync(join(root, name), { recursive: true, force: true });
    symlinkSync(target, join(root, name));
  };
  const names = ['docker-compose.yml', '.env.example', 'run.sh', 'README.md'];
  const layouts: [string, (root: string, away: string) => void][] = [
    ...names.map((name): [string, (root: string, away: string) => void] => [
      `${name} itself`,
      (root, away) => replace(root, name, join(away, name)),
    ]),
    ...names.map((name): [string, (root: string, away: string) => void] => [
      `${name} over another link`,
      (root, away) => {
        symlinkSync(join(away, name), join(root, 'hop'));
        replace(root, name, 'hop');
      },
    ]),
    ...['pgbouncer', 'docs', 'scripts'].map((name): [string, (root: string, away: string) => void] => [
      `the new folder ${name}`,
      (root, away) => replace(root, name, away),
    ]),
    [
      'the runbook',
      (root, away) => {
        mkdirSync(join(root, 'docs'));
        symlinkSync(join(away, 'new.md'), join(root, 'docs/pgbouncer.md'));
      },
    ],
    [
      'the Dockerfile',
      (root, away) => {
        mkdirSync(join(root, 'pgbouncer'));
        symlinkSync(join(away, 'new'), join(root, 'pgbouncer/Dockerfile'));
      },
    ],
    ['a link to itself', root => replace(root, '.env.example', '.env.example')],
    [
      'two links to each other',
      root => {
        replace(root, '.env.example', 'run.sh');
        replace(root, 'run.sh', '.env.example');
      },
    ],
    ['a link to nothing', root => replace(root, '.env.example', 'nowhere/at/all')],
    ['a folder on the way to the files', (root, away) => symlinkSync(away, join(root, 'away'))],
    ['the folder above', root => symlinkSync('..', join(root, 'up'))],
    ['the root of the machine', root => symlinkSync('/', join(root, 'all'))],
    ['a link in the place of the journal', (root, away) => symlinkSync(away, join(root, '.git/pool-migrate'))],
  ];
  test.each(layouts)('%s', (_, lay) => {
    const away = outside();
    const root = makeRepository(FILES);
    lay(root, away);
    commitAll(root);
    const before = snapshotTree(away);
    const { code } = runCli(['-C', root, '--write', '--force']);
    expect([0, 3]).toContain(code);
    expect(snapshotTree(away)).toEqual(before);
  });

  test('twenty of them', () => expect(layouts.length).toBeGreaterThanOrEqual(20));

  test('a folder that became a link after it was read', async () => {
    const away = outside();
    const root = makeRepository({
      ...FILES,
      'deploy/.env.example': FILES['.env.example'],
      'deploy/compose.yml': FILES['docker-compose.yml'],
    });
    const plan = await planMigration({ cwd: root });
    renameSync(join(root, 'deploy'), join(root, 'was'));
    symlinkSync(away, join(root, 'deploy'));
    const before = snapshotTree(away);
    expect(() => applyPlan(plan, { force: true })).toThrow();
    expect(snapshotTree(away)).toEqual(before);
  });
});

test('folders that link to each other: each file once, in less than 10 s', () => {
  const root = makeRepository(FILES, { git: false });
  for (let i = 0; i < 20; i++) {
    mkdirSync(join(root, `d${i}`));
    for (let j = 0; j < 20; j++) symlinkSync(join(root, `d${j}`), join(root, `d${i}/to${j}`));
  }
  const started = Date.now();
  const { stdout } = runCli(['-C', root, '--json', '-q']);
  expect(Date.now() - started).toBeLessThan(10_000);
  expect(JSON.parse(stdout).summary.filesScanned).toBe(Object.keys(FILES).length);
});

describe('writing fails at any of its steps', () => {
  /** Fails the step of each number in turn, in a process whose file system calls are counted; prints what was left each time. */
  const SCRIPT = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { planMigration, applyPlan, undo } = await import(${JSON.stringify(join(PROJECT, 'dist/src/index.js'))});
    const { makeTree, same, stray } = await import(process.env.HELPERS);
    let n = -1, stop = -1;
    for (const name of ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'linkSync', 'closeSync', 'mkdirSync', 'chmodSync', 'rmSync', 'fchmodSync']) {
      const real = fs[name];
      fs[name] = (...args) => {
        if (n >= 0 && n++ === stop) {
          const code = stop % 2 === 0 ? 'ENOSPC' : 'EIO';
          throw Object.assign(new Error(code + ': injected'), { code });
        }
        return real(...args);
      };
    }
    syncBuiltinESMExports();
    const out = [];
    for (stop = 0; ; stop++) {
      const root = makeTree();
      const plan = await planMigration({ cwd: root });
      let failed = null;
      n = 0;
      try { applyPlan(plan); } catch (error) { failed = error.message; }
      const steps = n; n = -1;
      const isBefore = same(root);
      if (failed !== null && !isBefore) { try { undo(root); } catch (error) { out.push([stop, 'undo', error.message]); } }
      if (failed !== null && !same(root)) out.push([stop, 'differs', failed]);
      if (stray(root).length > 0) out.push([stop, 'stray', stray(root).join()]);
      if (steps <= stop) break;
    }
    console.log(JSON.stringify({ points: stop, out }));
  `;
  test('ENOSPC or EIO: every file is as it was, or undo makes it so', () => {
    const folder = makeDirectory();
    const template = makeRepository(FILES);
    const helpers = join(folder, 'helpers.mjs');
    writeFileSync(
      helpers,
      `import { cpSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
const template = ${JSON.stringify(template)};
export const makeTree = () => { const root = mkdtempSync(${JSON.stringify(`${folder}/t-`)}); cpSync(template, root, { recursive: true }); return root; };
const list = root => readdirSync(root, { recursive: true }).map(String).filter(name => !name.startsWith('.git/') && statSync(join(root, name)).isFile()).sort();
export const same = root => JSON.stringify(list(root).map(name => [name, statSync(join(root, name)).mode, readFileSync(join(root, name), 'utf8')])) === JSON.stringify(list(template).map(name => [name, statSync(join(template, name)).mode, readFileSync(join(template, name), 'utf8')]));
export const stray = root => list(root).filter(name => /\\.tmp/.test(name));
`,
    );
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      env: { ...process.env, HELPERS: helpers },
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    expect(result.stderr).toBe('');
    const { points, out } = JSON.parse(result.stdout) as { points: number; out: unknown[] };
    expect(out).toEqual([]);
    expect(points).toBeGreaterThanOrEqual(100);
  });

  test('killed at a moment that nobody chose, and undone', async () => {
    const root = makeRepository(FILES);
    const before = snapshotTree(root);
    for (let i = 0; i < 8; i++) {
      const child = spawn(process.execPath, [CLI, '-C', root, '--write', '-q', '--force'], { stdio: 'ignore' });
      const closed = new Promise(done => child.on('close', done));
      await new Promise(done => setTimeout(done, 250 + ((i * 137) % 500)));
      child.kill('SIGKILL');
      await closed;
      if (JSON.stringify(snapshotTree(root)) !== JSON.stringify(before)) undo(root);
      expect(snapshotTree(root)).toEqual(before);
      expect(strayFiles(root)).toEqual([]);
    }
  });

  test('the disk is full', ({ skip }) => {
    const place = makeDirectory();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place], { encoding: 'utf8' });
    if (mounted.status !== 0) {
      // A user may not; in CI it has to be seen.
      if (process.env.CI === 'true') throw new Error(`a small file system can not be mounted: ${mounted.stderr}`);
      skip('only root can mount the small file system that is filled');
    }
    try {
      for (const [name, text] of Object.entries(FILES)) writeFileSync(join(place, name), text);
      const room = Number(execFileSync('df', ['--output=avail', '-B1', place], { encoding: 'utf8' }).split('\n')[1]);
      writeFileSync(join(place, 'ballast.bin'), Buffer.alloc(room - 12_288));
      const files = () => Object.entries(snapshotTree(place)).filter(([name]) => !name.startsWith('.pool-migrate/'));
      const before = files();
      const { code, stderr } = runCli(['-C', place, '--write']);
      expect([3, 70]).toContain(code);
      expect(stderr).toMatch(/ENOSPC|no space/i);
      expect(files()).toEqual(before);
    } finally {
      execFileSync('umount', [place]);
    }
  });
});

describe('trees that are not as usual', () => {
  test('names of 255 bytes, names that are no UTF-8, a FIFO and a socket', () => {
    const root = makeRepository(FILES);
    writeFileSync(join(root, `${'n'.repeat(251)}.env`), 'A=1\n');
    writeFileSync(
      Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x70, 0x79])]),
      `u = "${DSN}"\n`,
    );
    execFileSync('mkfifo', [join(root, 'pipe.sh')]);
    const { code } = runCli(['-C', root, '--write', '--force']);
    expect(code).toBe(0);
    expect(readFileSync(join(root, 'docker-compose.yml'), 'utf8')).toContain('@pgbouncer:6432/app');
  });

  test('a sparse checkout: what is not there is not read, and not missed', () => {
    const root = makeRepository({ ...FILES, 'other/app.py': `u = "${DSN}"\n` });
    git(root, 'sparse-checkout', 'set', '--no-cone', '/*', '!/other/');
    expect(existsSync(join(root, 'other'))).toBe(false);
    expect(runCli(['-C', root, '--write']).code).toBe(0);
    expect(existsSync(join(root, 'other'))).toBe(false);
  });

  test('a shallow clone and a linked work tree', () => {
    const origin = makeRepository(FILES);
    writeFileSync(join(origin, 'a.txt'), 'a');
    git(origin, 'add', '-A');
    git(origin, 'commit', '-qm', 'second');
    const folder = makeDirectory();
    git(folder, 'clone', '-q', '--depth', '1', `file://${origin}`, 'clone');
    git(join(folder, 'clone'), 'worktree', 'add', '-q', '../tree');
    for (const name of ['clone', 'tree']) {
      const root = join(folder, name);
      expect(runCli(['-C', root, '--write']).code).toBe(0);
      expect(runCli(['-C', root, 'undo']).code).toBe(0);
      expect(git(root, 'status', '--porcelain').toString()).toBe('');
    }
  });

  test('a submodule and a repository inside are not written', () => {
    const inner = makeRepository({ 'app.py': `u = "${DSN}"\n` });
    const root = makeRepository(FILES);
    git(root, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', inner, 'lib');
    git(root, 'commit', '-qam', 'submodule');
    git(root, 'init', '-q', 'nested');
    writeFileSync(join(root, 'nested/app.py'), `u = "${DSN}"\n`);
    const read = () => [
      readFileSync(join(root, 'lib/app.py'), 'utf8'),
      readFileSync(join(root, 'nested/app.py'), 'utf8'),
    ];
    const before = read();
    expect(runCli(['-C', root, '--write']).code).toBe(0);
    expect(read()).toEqual(before);
  });

  test('modes stay as they are', () => {
    const root = makeRepository(FILES);
    chmodSync(join(root, '.env.example'), 0o600);
    chmodSync(join(root, 'docker-compose.yml'), 0o644);
    git(root, 'update-index', '--refresh');
    expect(runCli(['-C', root, '--write']).code).toBe(0);
    const mode = (name: string) => (statSync(join(root, name)).mode & 0o777).toString(8);
    expect(['.env.example', 'docker-compose.yml', 'run.sh'].map(mode)).toEqual(['600', '644', '755']);
  });
});

describe('paths in the configuration stay inside', () => {
  const paths = ['../x', 'a/../../x', '/etc/x', '/', '..', 'C:\\x', 'a\0b', '~/x/../../..', './../x', 'x/../../../etc'];
  const fields = (path: string) => ({
    directory: { assets: { directory: path } },
    statusScript: { assets: { statusScript: path } },
    runbook: { assets: { runbook: path } },
    rules: { rules: [path] },
  });
  const cases = paths.flatMap(path =>
    Object.entries(fields(path)).map(([name, value]) => [name, path, value] as const),
  );
  test.each(cases)('%s: %j', async (_, __, value) => {
    const root = makeRepository({ ...FILES, 'pool-migrate.json': JSON.stringify(value) }, { git: false });
    await expect(planMigration({ cwd: root })).rejects.toThrow(UsageError);
  });
});

test('words of commands and settings over and over take linear time', async () => {
  const units = ['docker compose', 'docker build', 'kubectl', 'psql', 'migrate', 'psycopg', 'Database=x;', 'POSTGRES_'];
  const files = units.map((unit, i) => [
    `docs/${i}.md`,
    `\`\`\`sh\n${`${unit} `.repeat(12_000)}\n\`\`\`\n${unit.repeat(12_000)}\n`,
  ]);
  const root = makeRepository({ ...FILES, ...Object.fromEntries(files) });
  const before = process.cpuUsage();
  const { sites } = await planMigration({ cwd: root });
  expect(sites.length).toBeGreaterThan(0);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(15_000);
});

test('nothing of the repository is run: no hook, filter, package, configuration or program of it', () => {
  const root = makeRepository({
    ...FILES,
    'package.json': '{ "scripts": { "preinstall": "touch canary", "start": "touch canary" } }',
    'pool-migrate.config.js': 'require("fs").writeFileSync("canary", "")',
    '.npmrc': 'node-options=--require ./evil.js\n',
    'evil.js': 'require("fs").writeFileSync("canary", "")',
    'node_modules/.bin/git': '#!/bin/sh\ntouch canary\n',
    'node_modules/libpg-query/index.js': 'require("fs").writeFileSync("canary", "")',
    git: '#!/bin/sh\ntouch canary\n',
    '.gitattributes': '* filter=evil diff=evil merge=evil\n',
    'audit.sql': 'SET ROLE app;\n',
  });
  const evil = `touch ${join(root, 'canary')}`;
  for (const [key, value] of Object.entries({
    'core.fsmonitor': evil,
    'core.hooksPath': join(root, 'hooks'),
    'core.pager': evil,
    'core.sshCommand': evil,
    'filter.evil.clean': evil,
    'filter.evil.smudge': evil,
    'diff.evil.textconv': evil,
    'diff.external': evil,
    'core.editor': evil,
    'credential.helper': `!${evil}`,
    'alias.ls-files': `!${evil}`,
  }))
    git(root, 'config', key, value);
  mkdirSync(join(root, 'hooks'));
  for (const name of ['post-checkout', 'post-index-change', 'fsmonitor-watchman']) {
    writeFileSync(join(root, 'hooks', name), `#!/bin/sh\n${evil}\n`);
    chmodSync(join(root, 'hooks', name), 0o755);
  }
  const inner = makeRepository({ 'a.txt': 'a\n', '.gitattributes': '* filter=other\n' });
  git(root, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'lib');
  git(join(root, 'lib'), 'config', 'filter.other.clean', evil);
  git(join(root, 'lib'), 'config', 'core.fsmonitor', evil);
  writeFileSync(join(root, 'lib/a.txt'), 'b\n');
  rmSync(join(root, 'canary'), { force: true });
  for (const args of [
    [],
    ['--json'],
    ['audit'],
    ['size'],
    ['--check', '--changed'],
    ['--check', '--since', 'HEAD'],
    ['--write', '--force'],
    ['undo'],
  ])
    runCli(['-C', root, ...args], { env: { PATH: `${process.env.PATH}` } });
  expect(existsSync(join(root, 'canary'))).toBe(false);
});

test('names with controls, escapes and marks of direction are shown, not obeyed', () => {
  const strange = ['\u001b[2J', '\u001b]8;;http://x\u0007', '\u202e', '\u0007', '\u009b31m', '\r', '\u2066'];
  const files = Object.fromEntries(strange.map((text, i) => [`conf${i}${text}.py`, `url = "${DSN}"\n`]));
  const root = makeRepository({ ...FILES, ...files });
  for (const args of [['--verbose', '--color', 'never'], ['--stat'], ['audit'], ['size']]) {
    const { stdout, stderr } = runCli(['-C', root, ...args]);
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
});

test('keys that are names of JavaScript change nothing of it', () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
  const services = keys
    .map(key => `  ${key}:\n    image: acme/app\n    environment: { ${key}: "${DSN}", __proto__: "${DSN}" }\n`)
    .join('');
  const root = makeRepository({
    'docker-compose.yml': FILES['docker-compose.yml'] + services,
    'a.json': `{ "__proto__": { "polluted": "${DSN}" }, "constructor": { "prototype": { "polluted": 1 } } }`,
    '.env.example': keys.map(key => `${key}=${DSN}\n`).join(''),
  });
  const { code, stdout } = runCli(['-C', root, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).summary.sites.pooled).toBeGreaterThan(5);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test('the order of folders, the time zone and the language change nothing', () => {
  const names = Object.entries({
    ...FILES,
    'b/.env.example': 'A=1\n',
    'a/app.py': `u = "${DSN}"\n`,
    'ä/app.py': `u = "${DSN}"\n`,
  });
  const outputs = [
    [names, {}],
    [[...names].reverse(), { TZ: 'Asia/Tokyo', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }],
    [[...names].sort(([a], [b]) => a.length - b.length), { TZ: 'America/New_York', LANG: 'C' }],
  ].map(([entries, env]) => {
    const root = makeRepository(Object.fromEntries(entries as [string, string][]), { git: false });
    const { stdout } = runCli(['--json', '-q'], { cwd: root, env: env as Record<string, string> });
    return stdout.replaceAll(root, 'ROOT');
  });
  expect(outputs[1]).toBe(outputs[0]);
  expect(outputs[2]).toBe(outputs[0]);
});

test.each([
  {},
  { TERM: 'xterm-256color' },
  { COLORTERM: 'truecolor' },
  { CI: 'true' },
  { GITHUB_ACTIONS: 'true' },
  { CLICOLOR: '1' },
  { TERM: 'dumb' },
  { NO_COLOR: '1' },
])('no colour in what is piped: %j', env => {
  const { stdout, stderr } = runCli(['-C', makeRepository(FILES)], { env: env as Record<string, string> });
  expect(stdout + stderr).not.toContain('\u001b');
});

describe('injection through names', () => {
  const payloads = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    '</style><svg/onload=x>',
    '::error::owned',
    '%0A::set-env name=A::b',
    '${{ github.token }}',
    '](javascript:x)',
    '<!-- x',
    '--><b>',
  ];
  test('text in HTML, Markdown and annotations', () => {
    const files = payloads.map(payload => [
      `app ${payload.replace(/[/:]/g, '')}.py`,
      `u = os.getenv(${JSON.stringify(payload)}, "${DSN}")\ncur.execute("SET ROLE app")\n`,
    ]);
    const root = makeRepository({ ...FILES, ...Object.fromEntries(files) });
    const html = runCli(['-C', root, '--reporter', 'html']).stdout;
    const tags = [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    expect(tags.filter(tag => /^<\/?(?:script|img|iframe|object|link|base)\b|\son\w+\s*=/i.test(tag))).toEqual([]);
    // The pictures of the stack are the page's own.
    expect(tags.filter(tag => /^<svg\b(?! viewBox="0 0 360 \d+" role="img")/i.test(tag))).toEqual([]);
    const annotations = runCli(['-C', root, 'audit', '--reporter', 'github']).stdout;
    for (const line of annotations.split('\n').filter(Boolean))
      expect(line).toMatch(/^::(?:error|warning|notice) file=[^\n]*::/);
    const markdown = runCli(['-C', root, '--reporter', 'markdown']).stdout;
    // In a code span it is text, and in a fence that is longer than those in it.
    const fences = [...markdown.matchAll(/^(`{3,})[\w-]*\n[\s\S]*?^\1$/gm)].map(([fence]) => fence);
    const prose = fences.reduce((text, fence) => text.replace(fence, ''), markdown).replace(/`[^`\n]*`/g, '');
    expect(prose).not.toMatch(/(?<!\\)<(?:script|img|svg)/i);
  });
});
