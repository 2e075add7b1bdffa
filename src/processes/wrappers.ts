/** Programs that start the one named after them, and how many words are theirs. */

export const isFlag = (word: string | undefined): boolean => word?.startsWith('-') ?? false;

/** How many words to leave out: flags, and the values of those that take one. */
export function skipFlags(words: readonly string[], from: number, valued: RegExp = /^$/): number {
  let at = from;
  while (isFlag(words[at]) && words[at] !== '--') at += valued.test(words[at] ?? '') ? 2 : 1;
  return words[at] === '--' ? at + 1 : at;
}

export const afterDashes = (words: readonly string[]): number => (words.includes('--') ? words.indexOf('--') + 1 : 0);
const skipAssignments = (words: readonly string[], from: number): number => {
  let at = from;
  while (/^[A-Za-z_]\w*=/.test(words[at] ?? '')) at++;
  return at;
};
const runner = (valued?: RegExp) => (words: readonly string[]) =>
  words[1] === 'run' ? skipFlags(words, 2, valued) : 0;

const UV_VALUED = /^--(?:group|extra|with|env-file|package|project|directory|python)$|^-p$/;

/** Programs that start the one named after them. The result: how many words belong to the wrapper. */
export const WRAPPERS: Record<string, (words: readonly string[]) => number> = {
  exec: words => skipFlags(words, 1, /^-a$/),
  command: words => skipFlags(words, 1),
  time: words => skipFlags(words, 1),
  nohup: () => 1,
  nice: words => skipFlags(words, 1, /^-n$/),
  timeout: words => skipFlags(words, 1, /^-[ks]$/) + 1,
  stdbuf: words => skipFlags(words, 1),
  env: words => skipAssignments(words, skipFlags(words, 1, /^-u$/)),
  tini: words => skipFlags(words, 1, /^-[pe]$/),
  'dumb-init': words => skipFlags(words, 1, /^-r$/),
  catatonit: words => skipFlags(words, 1),
  'docker-init': words => skipFlags(words, 1),
  gosu: () => 2,
  'su-exec': () => 2,
  setpriv: words => skipFlags(words, 1),
  runuser: words => skipFlags(words, 1, /^-u$/),
  sudo: words => skipAssignments(words, skipFlags(words, 1, /^-[ug]$/)),
  chpst: words => skipFlags(words, 1, /^-u$/),
  'with-contenv': () => 1,
  'cross-env': words => skipAssignments(words, 1),
  'cross-env-shell': words => skipAssignments(words, 1),
  dotenv: words => (isFlag(words[1]) ? skipFlags(words, 1, /^-[efcv]$/) : 1),
  dotenvx: runner(/^-[fe]$/),
  doppler: words => (words[1] === 'run' ? afterDashes(words) : 0),
  infisical: words => (words[1] === 'run' ? afterDashes(words) : 0),
  poetry: runner(),
  pipenv: runner(),
  pdm: runner(),
  hatch: words => (words[1] === 'run' ? 2 : 0),
  rye: runner(),
  uv: words => {
    const verb = skipFlags(words, 1, UV_VALUED);
    return words[verb] === 'run' ? skipFlags(words, verb + 1, UV_VALUED) : 0;
  },
  conda: runner(/^-[np]$/),
  bundle: words => (words[1] === 'exec' ? 2 : 0),
  rbenv: words => (words[1] === 'exec' ? 2 : 0),
  pyenv: words => (words[1] === 'exec' ? 2 : 0),
  nodenv: words => (words[1] === 'exec' ? 2 : 0),
  asdf: words => (words[1] === 'exec' ? 2 : 0),
  mise: words => (/^(?:exec|x)$/.test(words[1] ?? '') ? afterDashes(words) : 0),
  npx: words => skipFlags(words, 1, /^(?:-p|--package)$/),
  bunx: words => skipFlags(words, 1),
  pnpx: words => skipFlags(words, 1),
  'opentelemetry-instrument': words => skipFlags(words, 1),
  'ddtrace-run': () => 1,
  'newrelic-admin': words => (words[1] === 'run-program' ? 2 : 0),
  'xvfb-run': words => skipFlags(words, 1),
  watchmedo: afterDashes,
  'start-stop-daemon': afterDashes,
  dockerize: words => skipFlags(words, 1, /^-(?:wait|timeout|template|stdout|stderr|wait-retry-interval)$/),
  ...Object.fromEntries(
    [
      'wait-for-it',
      'wait-for-it.sh',
      'wait-for',
      'wait-for.sh',
      'wait_for_it.sh',
      'wait-for-postgres.sh',
      'wait-for-db.sh',
      'waitforit',
      'wait-on',
      'wait',
      'start-server-and-test',
    ].map(name => [name, afterDashes] as const),
  ),
};
