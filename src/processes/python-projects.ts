/** What `pyproject.toml` says of a Python project: its name, its commands, and the projects that are installed beside it. */
import { parse } from 'smol-toml';
import { matchGlob } from '../text/glob.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { nearestWith, type Shelf } from './shelf.ts';

export interface PythonProject {
  folder: string;
  /** As installers compare names. E.g.: `acme-db` */
  name: string;
  /** `[project.scripts]`: the module behind each command. */
  scripts: ReadonlyMap<string, string>;
  /** Globs of a uv workspace, from this folder; null: it is the root of none. */
  workspace: { members: string[]; exclude: string[] } | null;
  /** Folders that it is installed with, as they are written: `{ path = "../db" }` of uv and Poetry. */
  paths: string[];
}

const FILE = 'pyproject.toml';

/** The project of a folder, then those that its environment has too: members of its uv workspace and dependencies by path. */
export function projectsAround(folder: string, shelf: Shelf): PythonProject[] {
  const home = nearestWith([FILE], folder, shelf);
  if (home === null) return [];
  const found = new Set([home]);
  for (const at of found) {
    for (const other of [...byPath(at, shelf), ...membersAround(at, shelf)]) found.add(other);
    if (found.size > 200) break;
  }
  return [...found].map(at => readProject(at, shelf));
}

/** The folders in which modules of those projects are looked for. */
export const moduleRoots = (folder: string, shelf: Shelf): string[] =>
  projectsAround(folder, shelf).flatMap(project => [project.folder, joinPath(project.folder, 'src')]);

/** The project whose name `uv run --package` says. */
export const projectNamed = (name: string, shelf: Shelf): PythonProject | null =>
  shelf
    .named(FILE, '')
    .map(path => readProject(dirOf(path), shelf))
    .find(project => project.name === normalize(name)) ?? null;

/** The folders of the uv workspace that a project belongs to. */
function membersAround(folder: string, shelf: Shelf): string[] {
  for (let at: string | null = folder; at !== null; at = at === '' ? null : nearestWith([FILE], dirOf(at), shelf)) {
    const root: string = at;
    const { workspace } = readProject(root, shelf);
    if (workspace === null) continue;
    const globs = (all: readonly string[]) => all.map(glob => matchGlob(glob.replace(/^\.\/|\/$/g, '')));
    const members = globs(workspace.members);
    const excluded = globs(workspace.exclude);
    return shelf
      .named(FILE, root)
      .map(dirOf)
      .filter(member => {
        const inside = root === '' ? member : member.slice(root.length + 1);
        return member === root || (members.some(test => test(inside)) && !excluded.some(test => test(inside)));
      });
  }
  return [];
}

const byPath = (folder: string, shelf: Shelf): string[] =>
  readProject(folder, shelf)
    .paths.map(path => joinPath(folder, path))
    .filter(path => shelf.has(joinPath(path, FILE)));

const readProject = (folder: string, shelf: Shelf): PythonProject => shelf.read(joinPath(folder, FILE), parseProject);

type Table = Record<string, unknown>;

const tableAt = (value: unknown, ...keys: string[]): Table => {
  const inner = keys.reduce<unknown>((at, key) => (isTable(at) ? at[key] : undefined), value);
  return isTable(inner) ? inner : {};
};

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];

/** What can't be read says nothing. */
function readToml(text: string): Table {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

function parseProject(file: string, text: string): PythonProject {
  const root = readToml(text);
  const poetry = tableAt(root, 'tool', 'poetry');
  const uv = tableAt(root, 'tool', 'uv');
  const scripts = [tableAt(poetry, 'scripts'), tableAt(root, 'project', 'scripts')].flatMap(table =>
    Object.entries(table).flatMap(([name, module]) =>
      typeof module === 'string' ? [[name, module.replace(/:.*$/s, '')] as const] : [],
    ),
  );
  const groups = Object.values(tableAt(poetry, 'group')).map(group => tableAt(group, 'dependencies'));
  const dependencies = [tableAt(uv, 'sources'), tableAt(poetry, 'dependencies'), ...groups].flatMap(Object.values);
  const name = tableAt(root, 'project').name ?? poetry.name;
  const workspace = tableAt(uv, 'workspace');
  return {
    folder: dirOf(file),
    name: normalize(typeof name === 'string' ? name : ''),
    scripts: new Map(scripts),
    workspace:
      'workspace' in uv ? { members: stringsOf(workspace.members), exclude: stringsOf(workspace.exclude) } : null,
    paths: dependencies.flatMap(value => (isTable(value) && typeof value.path === 'string' ? [value.path] : [])),
  };
}

/** Source: packaging.python.org/specifications/name-normalization */
const normalize = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** The module behind a command that a project installs, and the project's folder; null: none near the folder has it. */
export function installedScript(
  name: string,
  folder: string,
  home: string,
  shelf: Shelf,
): [module: string, folder: string] | null {
  const inImage = shelf
    .named(FILE, home)
    .map(path => readProject(dirOf(path), shelf))
    .filter(({ scripts }) => scripts.has(name));
  const project =
    projectsAround(folder, shelf).find(({ scripts }) => scripts.has(name)) ??
    (inImage.length === 1 ? inImage[0] : undefined);
  return project && isInside(home, project.folder) ? [project.scripts.get(name) ?? '', project.folder] : null;
}
