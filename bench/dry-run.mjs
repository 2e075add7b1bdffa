/**
 * Times the dry run against `rg -l` for the same strings and `node -e 0`, interleaved, so that what else the machine
 * does falls on all alike. Usage: npm run bench -- DIR… [--rounds 7]
 */
import { spawnSync } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../dist/bin/cli.js', import.meta.url));
const args = process.argv.slice(2);
const at = args.indexOf('--rounds');
const rounds = at === -1 ? 7 : Number(args.splice(at, 2)[1]);
const roots =
  args.length > 0
    ? args.map(path => resolve(path))
    : [fileURLToPath(new URL('../__fixtures__/crawler', import.meta.url))];

/** Wall time in ms and peak memory in MB, from GNU time where it is there. */
function measure(command, words, cwd) {
  const timed = spawnSync('/usr/bin/time', ['-f', '%M', command, ...words], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const started = process.hrtime.bigint();
  spawnSync(command, words, { cwd, stdio: 'ignore' });
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  return { ms, mb: timed.error ? Number.NaN : Number(timed.stderr.trim().split('\n').at(-1)) / 1024 };
}

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const hasRipgrep = !spawnSync('rg', ['--version']).error;
if (!hasRipgrep) console.log('rg (ripgrep) is missing, so there is no ratio to it.');

for (const root of roots) {
  const commands = {
    node: [process.execPath, ['-e', '0']],
    ...(hasRipgrep ? { 'rg -l': ['rg', ['-l', '-e', '5432', '-e', 'postgres', '.']] } : {}),
    'dry run': [cli, ['-C', root, '-q', '--json']],
    '--help': [cli, ['--help']],
  };
  const results = Object.fromEntries(Object.keys(commands).map(name => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, [command, words]] of Object.entries(commands)) {
      const result = command === cli ? measure(process.execPath, [cli, ...words], root) : measure(command, words, root);
      if (round > 0) results[name].push(result);
    }
  }
  console.log(`\n${basename(root)} (${rounds} rounds, medians)`);
  const base = results['rg -l'] ?? results.node;
  for (const [name, list] of Object.entries(results)) {
    const ratio = median(list.map((result, i) => result.ms / base[i].ms));
    const toNode = median(list.map((result, i) => result.ms / results.node[i].ms));
    const memory = Math.max(...list.map(result => result.mb));
    console.log(
      `  ${name.padEnd(8)} ${median(list.map(result => result.ms))
        .toFixed(0)
        .padStart(6)} ms  ${ratio.toFixed(2)} x rg  ${toNode.toFixed(2)} x node  peak ${memory.toFixed(0)} MB`,
    );
  }
}
