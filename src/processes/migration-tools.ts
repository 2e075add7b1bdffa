/** Migration tools that have files of their own. */
import { baseOf, dirOf } from '../text/paths.ts';
import { unversioned } from '../text/words.ts';
import { ASIDE } from './areas.ts';
import { type Processes, processOf } from './process.ts';
import type { Shelf } from './shelf.ts';

interface MigrationTool {
  program: string;
  /** The command that somebody runs where the tool is set up. */
  words: string[];
  /** What shows that it is. */
  sign: RegExp;
  /** The file from which it takes its connection. */
  setup: RegExp;
}

const TOOLS: readonly MigrationTool[] = [
  {
    program: 'alembic',
    words: ['alembic', 'upgrade', 'head'],
    sign: /(?:^|\/)alembic\.ini$/,
    setup: /(?:^|\/)(?:alembic|migrations)\/env\.py$/,
  },
  {
    program: 'prisma',
    words: ['prisma', 'migrate', 'deploy'],
    sign: /(?:^|\/)schema\.prisma$/,
    setup: /(?:^|\/)(?:prisma\.config\.\w+|schema\.prisma)$/,
  },
  {
    program: 'drizzle-kit',
    words: ['drizzle-kit', 'migrate'],
    sign: /(?:^|\/)drizzle\.config\.\w+$/,
    setup: /(?:^|\/)drizzle\.config\.\w+$/,
  },
];

/** The file is read by a migration tool. */
export const isToolFile = (path: string): boolean =>
  TOOLS.some(({ sign, setup }) => sign.test(path) || setup.test(path));

/** The file from which the tool that the command runs takes its connection; null: it has none. */
export function setupFile(words: readonly string[], shelf: Shelf): string | null {
  const names = words.slice(0, 4).map(word => unversioned(baseOf(word)));
  const tool = TOOLS.find(({ program }) => names.includes(program));
  return tool ? (shelf.paths.find(path => tool.setup.test(path) && !path.includes('node_modules/')) ?? null) : null;
}

/** Tools that are set up, with the folder of their project: somebody runs them. */
export const configuredTools = (shelf: Shelf): Processes['tools'] =>
  shelf.paths.flatMap(path => {
    const tool = TOOLS.find(({ sign }) => sign.test(path));
    if (!tool || ASIDE.test(path)) return [];
    const folder = dirOf(path).replace(/(?:^|\/)(?:alembic|migrations|prisma)$/, '');
    return [
      {
        folder,
        process: {
          ...processOf({ words: tool.words, service: null, image: null }, path),
          reads: readByTool(tool.words, shelf),
        },
      },
    ];
  });

/** Tools that are told their connection by an option, and then ask no variable for it. */
const BY_OPTION =
  /^(?:migrate|sqlx|diesel|dbmate|atlas|sea-orm-cli|flyway|liquibase|pgroll|sqitch|yoyo|graphile-migrate)$/;
const GIVEN = /^--?(?:database|database-url|db-url|postgres-url|url|jdbc-url|target|D|u)(?:=|$)/i;

/** All variables that a command of a migration tool takes its connection from; null: not known. */
export function readByTool(words: readonly string[], shelf: Shelf): string[] | null {
  if (BY_OPTION.test(baseOf(words[0] ?? '')) && words.some(word => GIVEN.test(word))) return [];
  if (!words.slice(0, 4).some(word => baseOf(word) === 'prisma')) return null;
  const namesIn = (path: string) =>
    [...(shelf.text(path) ?? '').matchAll(/\benv(?:\(\s*["']|\.|\[\s*["'])(\w+)/g)].map(([, name = '']) => name);
  // A configuration that names no variable has its address from elsewhere.
  const settings = shelf.paths.filter(path => /(?:^|\/)prisma\.config\.\w+$/.test(path)).map(namesIn);
  const names = [...settings, ...shelf.paths.filter(path => path.endsWith('.prisma')).map(namesIn)].flat();
  return names.length > 0 && settings.every(({ length }) => length > 0) ? names : null;
}
