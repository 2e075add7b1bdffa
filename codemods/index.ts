/** The formats, in the order in which they claim a file: names that are certain first, the fallback last. */
import { noFacts } from '../src/model/index.ts';
import { baseOf } from '../src/text/paths.ts';
import type { Codemod, Extract } from './codemod.ts';
import { isComposeFile, isEnvironmentFile } from './paths.ts';

const PROSE = /\.(?:mdx?|mdc|markdown)$/i;
const SHELL = /\.(?:sh|bash|zsh|ksh|bats)$|^(?:entrypoint|docker-entrypoint)$/i;

const STRINGS =
  /\.(?:go|rb|erb|java|kt|kts|scala|groovy|gradle|cs|fs|vb|php|exs?|rs|swift|clj|lua|pl|r|dart|cpp|cc|c|h|hpp|tf|tfvars|hcl)$/i;

export const codemods: Codemod[] = [
  { id: 'compose', matches: isComposeFile, load: async () => (await import('./compose.ts')).extract },
  {
    id: 'env',
    matches: isEnvironmentFile,
    load: async () => (await import('./dotenv.ts')).extract,
  },
  { id: 'python', matches: path => /\.pyi?$/i.test(path), load: async () => (await import('./python.ts')).extract },
  { id: 'markdown', matches: path => PROSE.test(path), load: async () => (await import('./markdown.ts')).extract },
  {
    id: 'dockerfile',
    matches: path => /^(?:.*\.)?(?:Dockerfile|Containerfile)(?:[.-].*)?$/i.test(baseOf(path)),
    load: async () => (await import('./dockerfile.ts')).extract,
  },
  {
    id: 'makefile',
    matches: path => /^(?:GNU)?makefile$|\.(?:mk|mak)$/i.test(baseOf(path)),
    load: async () => (await import('./makefile.ts')).extract,
  },
  {
    id: 'shell',
    matches: (path, text) => SHELL.test(baseOf(path)) || /^#!.*\b(?:ba|da|z|k|a)?sh\b/.test(text),
    load: loadShell,
  },
  {
    id: 'yaml',
    matches: path => /\.(?:ya?ml)(?:\.\w+)?$/i.test(path),
    load: async () => (await import('./yaml.ts')).extract,
  },
  {
    id: 'ini',
    matches: path =>
      /\.(?:ini|cfg|conf|properties|toml|service|cnf|prisma)(?:\.(?:example|sample|template|dist))?$/i.test(path),
    load: async () => (await import('./ini.ts')).extract,
  },
  {
    id: 'text',
    matches: path =>
      /\.(?:txt|text|cron|crontab)$|^(?:Procfile|crontab|justfile)/i.test(baseOf(path)) || isCrontab(path),
    load: async () => (await import('./text.ts')).extract,
  },
  {
    id: 'batch',
    matches: path => /\.(?:bat|cmd)$/i.test(path),
    load: async () => (await import('./batch.ts')).extract,
  },
  {
    id: 'powershell',
    matches: path => /\.ps1$/i.test(path),
    load: async () => (await import('./powershell.ts')).extract,
  },
  {
    id: 'pgpass',
    matches: path => /(?:^|\/)\.?pgpass(?:\.\w+)?$/i.test(path),
    load: async () => (await import('./pgpass.ts')).extract,
  },
  {
    id: 'javascript',
    matches: path => /\.(?:[cm]?[jt]s|[jt]sx)$/i.test(path),
    load: async () => (await import('./javascript.ts')).extract,
  },
  {
    id: 'json',
    matches: path => /\.(?:json[c5]?|code-workspace)(?:\.(?:example|sample|dist|template))?$/i.test(path),
    load: async () => (await import('./javascript.ts')).extractJson,
  },
  {
    id: 'notebook',
    matches: path => /\.ipynb$/i.test(path),
    load: async () => (await import('./notebook.ts')).extract,
  },
  { id: 'strings', matches: path => STRINGS.test(path), load: async () => (await import('./strings.ts')).extract },
  { id: 'other', matches: () => true, load: async () => () => ({ sites: [], facts: noFacts() }) },
];

/** Files of a folder for cron, or for a scheduler, that have no ending. */
const isCrontab = (path: string): boolean => /(?:^|\/)(?:cron(?:tabs?|\.d)?|schedulers?)\/[^/.]+$/i.test(path);

async function loadShell(): Promise<Extract> {
  const { extractScript } = await import('./script.ts');
  return extractScript;
}

/** `isEnvironment`: compose gives it to a service as an env file, whatever it is called. */
export function codemodFor(path: string, text: string, isEnvironment = false): Codemod {
  return codemods.find(({ id, matches }) => (isEnvironment ? id === 'env' : matches(path, text))) as Codemod;
}
