/**
 * Times the first dry run and one over an unchanged tree against `rg -l` for the same strings and `node -e 0`, interleaved, so that what
 * else the machine does falls on all alike. Usage: npm run bench -- [DIR…] [--series] [--against DIST] [--rounds 5]
 * `--series`: generated trees of 1,000, 10,000 and 100,000 files; `--against`: another build's `dist`, timed in turn.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeTree } from './make-tree.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { series: { type: 'boolean' }, against: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
const cli = fileURLToPath(new URL('../dist/bin/cli.js', import.meta.url));
const fixture = fileURLToPath(new URL('../__fixtures__/crawler', import.meta.url));
const hasTime = existsSync('/usr/bin/time');
const hasRipgrep = !spawnSync('rg', ['--version']).error;
if (!hasRipgrep) console.log('rg (ripgrep) is missing, so there is no ratio to it.');
if (!hasTime) console.log('GNU time is missing, so there is no peak memory.');

/** Wall time in ms and peak memory in MB. */
function measure([command, ...words], cwd) {
  const all = hasTime ? ['/usr/bin/time', '-f', '%M', command, ...words] : [command, ...words];
  const started = process.hrtime.bigint();
  const { stderr } = spawnSync(all[0], all.slice(1), { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  return { ms, mb: hasTime ? Number(stderr.trim().split('\n').at(-1)) / 1024 : Number.NaN };
}

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Medians by command, and what the first run takes, without the start of Node. */
function bench(name, root) {
  const node = process.execPath;
  const ask = [cli, '-C', root, '-q', '--json'];
  const commands = {
    'node -e 0': [node, '-e', '0'],
    ...(hasRipgrep ? { 'rg -l': ['rg', '-l', '--hidden', '-g', '!.git', '-e', '5432', '-e', 'postgres', '.'] } : {}),
    ...(values.against ? { against: [node, join(resolve(values.against), 'bin/cli.js'), ...ask.slice(1)] } : {}),
    'first run': [node, ...ask, '--no-cache'],
    unchanged: [node, ...ask],
    '--help': [node, cli, '--help'],
  };
  const results = Object.fromEntries(Object.keys(commands).map(one => [one, []]));
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [one, command] of Object.entries(commands)) {
      const result = measure(command, root);
      if (round > 0) results[one].push(result);
    }
  const of = one => results[one].map(({ ms }) => ms);
  console.log(`\n${name} (${values.rounds} rounds, medians)`);
  for (const one of Object.keys(results)) {
    const toNode = median(of(one).map((ms, i) => ms / of('node -e 0')[i]));
    const toSearch = hasRipgrep ? `${median(of(one).map((ms, i) => ms / of('rg -l')[i])).toFixed(2)} x rg` : '';
    const memory = Math.max(...results[one].map(({ mb }) => mb)).toFixed(0);
    console.log(
      `  ${one.padEnd(10)} ${median(of(one)).toFixed(0).padStart(6)} ms  ${toSearch.padStart(11)}  ${toNode.toFixed(2)} x node  peak ${memory} MB`,
    );
  }
  if (hasRipgrep) {
    const [b, r] = [median(of('node -e 0')), median(of('rg -l'))];
    const bounds = { 'first run': 4 * r + 2 * b, unchanged: 1.25 * r + 2 * b };
    for (const [one, most] of Object.entries(bounds))
      console.log(
        `  ${one}: ${median(of(one)).toFixed(0)} of ${most.toFixed(0)} ms (${one === 'unchanged' ? '1.25' : '4'} R + 2 B)`,
      );
  }
  return median(of('first run')) - median(of('node -e 0'));
}

const roots = positionals.map(path => resolve(path));
for (const root of roots.length > 0 || values.series ? roots : [fixture]) bench(basename(root), root);
if (values.series) {
  const times = [1000, 10_000, 100_000].map(count => {
    const root = mkdtempSync(join(tmpdir(), 'pool-migrate-bench-'));
    makeTree(root, count);
    const ms = bench(`${count} files`, root);
    rmSync(root, { recursive: true, force: true });
    return ms;
  });
  const exponent = (a, b) => Math.log10(times[b] / times[a]).toFixed(2);
  console.log(`\ngrowth exponent: ${exponent(0, 1)} from 1,000 to 10,000 files, ${exponent(1, 2)} to 100,000`);
}
