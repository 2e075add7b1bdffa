/** `completion SHELL`: a script for bash, zsh or fish, from the same data as the command line itself. */
import { UsageError } from '../model/errors.ts';
import { type CliOptions, COMMANDS, OPTIONS } from './options.ts';

/** Values that an option can take, where they are few. */
const VALUES: Partial<Record<keyof typeof OPTIONS, string[]>> = {
  'pool-mode': ['auto', 'transaction', 'session', 'statement'],
  base: ['alpine', 'debian'],
  color: ['auto', 'always', 'never'],
  'fail-on': ['error', 'warning', 'never'],
  reporter: ['text', 'diff', 'stat', 'json', 'sarif', 'github', 'markdown', 'html'],
};

export async function runCompletion({ arguments: [shell] }: CliOptions): Promise<number> {
  const script = { bash: renderBash, zsh: renderZsh, fish: renderFish }[shell ?? ''];
  if (!script) throw new UsageError('Which shell? completion bash, completion zsh or completion fish.');
  process.stdout.write(script());
  return 0;
}

const names = Object.keys(OPTIONS) as (keyof typeof OPTIONS)[];
const takesPath = /^(?:cwd|config|out|patch|baseline)$/;

function renderBash(): string {
  const cases = Object.entries(VALUES).map(
    ([name, values]) => `    --${name}) COMPREPLY=($(compgen -W '${values.join(' ')}' -- "$word")); return ;;`,
  );
  return `# source <(pool-migrate completion bash)
_pool_migrate() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  case $before in
${cases.join('\n')}
    ${names
      .filter(name => takesPath.test(name))
      .map(name => `--${name}`)
      .join('|')}|-C|-c) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W '${names.map(name => `--${name}`).join(' ')}' -- "$word")) ;;
    *) COMPREPLY=($(compgen -W '${COMMANDS.join(' ')}' -- "$word")) ;;
  esac
}
complete -F _pool_migrate pool-migrate
`;
}

const renderZsh = (): string => `#compdef pool-migrate
# source <(pool-migrate completion zsh)
autoload -U +X bashcompinit && bashcompinit
${renderBash()}`;

function renderFish(): string {
  const lines = names.map(name => {
    const { type } = OPTIONS[name];
    const short = 'short' in OPTIONS[name] ? ` -s ${(OPTIONS[name] as { short: string }).short}` : '';
    const values = VALUES[name];
    const argument =
      type === 'boolean' ? '' : values ? ` -x -a '${values.join(' ')}'` : takesPath.test(name) ? ' -r' : ' -x';
    return `complete -c pool-migrate -l ${name}${short}${argument}`;
  });
  return `# pool-migrate completion fish | source
complete -c pool-migrate -f
complete -c pool-migrate -n __fish_use_subcommand -a '${COMMANDS.join(' ')}'
${lines.join('\n')}
`;
}
