/** The configuration: found from the directory up to the git root, validated, with a place in every error. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { Feature } from '../../pgbouncer/asset-input.ts';
import type { KnownImage } from '../images/known.ts';
import { UsageError } from '../model/errors.ts';
import { observe } from '../model/observed.ts';
import { isInside } from '../text/paths.ts';
import type { PoolSettings } from './pool-kind.ts';
import type { CompiledRule, Rule } from './rules.ts';
import { compileRule } from './rules.ts';

export interface Config {
  pool: PoolSettings;
  direct: { suffix: string; bypass: string };
  services: string[];
  keepDirect: string[];
  include: string[];
  exclude: string[];
  annotations: boolean;
  assets: {
    directory: string;
    statusScript: string;
    runbook: string;
    readme: boolean;
    statsVolume: boolean;
    features: Feature[];
    image: string | null;
  };
  rules: string[];
  /** What holds below a folder of the repository, over the rest; the innermost folder comes last. */
  folders: Record<string, FolderConfig>;
  /** Answers to questions, by the id of the place. */
  answers: Record<string, 'pooled' | 'direct' | 'leave'>;
  /** Facts about images, before ours. */
  images: KnownImage[];
}

export const defaultConfig = (): Config => ({
  pool: {
    kind: 'pgbouncer',
    host: 'pgbouncer',
    enabled: [],
    port: 'auto',
    publishedPort: 6432,
    mode: 'auto',
    version: '1.25',
    base: 'alpine',
  },
  direct: { suffix: '_DIRECT', bypass: 'PGBOUNCER_BYPASS' },
  services: [],
  keepDirect: [],
  include: [],
  exclude: [],
  annotations: true,
  assets: {
    directory: 'pgbouncer',
    statusScript: 'scripts/pgbouncer_status.sh',
    runbook: 'docs/pgbouncer.md',
    readme: true,
    statsVolume: false,
    features: [],
    image: null,
  },
  rules: [],
  images: [],
  folders: {},
  answers: {},
});

/** What a stack or a file may have of its own in a repository of several. */
export interface FolderConfig {
  pool?: Partial<Pick<PoolSettings, 'mode' | 'port' | 'publishedPort'>> | undefined;
  /** Beside those that hold everywhere. */
  keepDirect?: string[] | undefined;
}

/** The configuration as it holds for a file, or for the stack of a folder. */
export function configFor(config: Config, path: string): Config {
  const own = Object.keys(config.folders)
    .filter(folder => folder === path || isInside(folder, path))
    .sort((a, b) => a.length - b.length);
  if (own.length === 0) return config;
  const all = own.map(folder => config.folders[folder] ?? {});
  return {
    ...config,
    pool: Object.assign({}, config.pool, ...all.map(({ pool }) => pool)),
    keepDirect: [config.keepDirect, ...all.map(({ keepDirect }) => keepDirect ?? [])].flat(),
  };
}

/** Every port that the configuration gives to a pooler, inside and on the host; `usual` where one is left to be chosen. */
export const poolPortsOf = ({ pool, folders }: Config, usual: number): number[] =>
  [pool, ...Object.values(folders).map(folder => ({ ...pool, ...folder.pool }))].flatMap(({ port, publishedPort }) => [
    port === 'auto' ? usual : port,
    publishedPort,
  ]);

const NAMES = ['pool-migrate.yml', 'pool-migrate.yaml', 'pool-migrate.json', 'package.json'];

/** The nearest configuration file, or null. The search ends at the directory that holds `.git`. */
export function findConfig(from: string): string | null {
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      if (!isPlainFile(path)) continue;
      if (name !== 'package.json' || /"pool-migrate"\s*:\s*\{/.test(readFileSync(path, 'utf8'))) return path;
    }
    if (existsSync(join(directory, '.git')) || dirname(directory) === directory) return null;
  }
}

/** The configuration of a directory. `option`: a path instead of the one that is found; false: the defaults. */
export async function loadConfig(root: string, option?: string | false): Promise<Config> {
  const path = option === false ? null : option === undefined ? findConfig(root) : resolve(option);
  return path === null ? defaultConfig() : readConfig(path);
}

/** The user's rules, then ours. */
export async function loadRules(root: string, { rules }: Config): Promise<CompiledRule[]> {
  const { rules: ours } = await import('../../rules/rules.generated.ts');
  return [...(await readUserRules(root, rules)), ...ours.map(compileRule)];
}

/** Reads and validates a configuration file. Throws a UsageError with file:line:col. */
export async function readConfig(path: string): Promise<Config> {
  const { configSchema } = await import('./rule-schema.ts');
  const { parseValidated } = await import('./validated-yaml.ts');
  const text = readText(path);
  const section = path.endsWith('package.json') ? ['pool-migrate'] : [];
  const value = parseValidated(path, text, configSchema, section);
  const { $schema: _, ...config } = value;
  return config as Config;
}

/** A piece of a configuration over the one that was found: answers to the questions of a plan. Throws a UsageError with file:line:col. */
export async function withAnswers(config: Config, path: string): Promise<Config> {
  const { answersSchema } = await import('./rule-schema.ts');
  const { parseValidated } = await import('./validated-yaml.ts');
  const { answers, services, keepDirect, pool } = parseValidated(path, readText(resolve(path)), answersSchema, []);
  return {
    ...config,
    answers: { ...config.answers, ...answers },
    services: services ?? config.services,
    keepDirect: [...config.keepDirect, ...(keepDirect ?? [])],
    pool: { ...config.pool, ...pool },
  };
}

/** The user's rules, in their order. Paths are inside the root, links resolved. */
export async function readUserRules(root: string, paths: readonly string[]): Promise<CompiledRule[]> {
  if (paths.length === 0) return [];
  const { rulesSchema } = await import('./rule-schema.ts');
  const { parseValidated } = await import('./validated-yaml.ts');
  return paths.flatMap(path => {
    const absolute = join(root, path);
    const text = readText(absolute);
    if (!realpathSync(absolute).startsWith(realpathSync(root) + sep)) {
      throw new UsageError(`${path}: rules are read only from inside the repository`);
    }
    return (parseValidated(path, text, rulesSchema, []) as Rule[]).map(compileRule);
  });
}

/** A regular file of a size that a person writes; a link to one counts, one to a device does not. */
const isPlainFile = (path: string): boolean => {
  observe(path);
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.size < 1 << 20;
};

function readText(path: string): string {
  if (existsSync(path) && !isPlainFile(path)) throw new UsageError(`${path}: is no regular file of reasonable size.`);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path}: can't be read (${(error as NodeJS.ErrnoException).code}). Check the path.`);
  }
}
