/** Migrations that somebody runs by hand: tools that the repository configures, and commands of scripts and documents. */
import { isCiPath } from '../../codemods/paths.ts';
import type { Extraction, Source, Use } from '../model/index.ts';
import { dirOf } from '../text/paths.ts';

/** A use and the file that shows it. */
export interface PlacedUse {
  file: string;
  use: Use;
}

/** The word that stands for a configured tool in a use; rules know it. */
export const TOOL = 'migration-configuration';

const TOOL_FILE =
  /(?:^|\/)(?:alembic\.ini|alembic\/env\.py|migrations\/env\.py|schema\.prisma|(?:prisma|drizzle)\.config\.\w+|knexfile\.\w+|ormconfig\.\w+|\.sequelizerc)$/;
const MIGRATES =
  /\b(?:alembic|migrat\w*|prisma|drizzle-kit|knex|sequelize|flyway|liquibase|goose|dbmate|ecto\.\w+|db:(?:migrate|prepare|setup))\b/i;
const ASIDE = /(?:^|\/)(?:tests?|__tests__|spec|e2e|examples?|node_modules)\//;

/** The directory of the project that a tool belongs to: `app/prisma/schema.prisma` → `app`. */
export const projectOf = (tool: string): string => dirOf(tool).replace(/(?:^|\/)(?:alembic|migrations|prisma)$/, '');

/** Rules say which of the commands are migrations; here only the others are left out that can't be. */
export function listMigrations(
  extractions: ReadonlyMap<string, Extraction>,
  sources: ReadonlyMap<string, Source>,
): PlacedUse[] {
  const derive = (file: string, words: readonly string[]): PlacedUse => ({
    file,
    use: { words, service: null, image: null, derived: true },
  });
  const tools = [...sources.keys()].filter(path => TOOL_FILE.test(path));
  const commands = [...extractions].flatMap(([file, { facts }]) =>
    facts.commands.filter(words => MIGRATES.test(words.join(' '))).map(words => derive(file, words)),
  );
  return [...tools.map(path => derive(path, [TOOL, path])), ...commands].filter(
    ({ file }) => !ASIDE.test(file) && !isCiPath(file),
  );
}
