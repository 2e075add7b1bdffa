/** What `pyproject.toml` says of a Python project: its name, its commands, and the projects that are installed beside it. */
import { matchGlob } from '../text/glob.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { nearestWith, type Shelf } from './shelf.ts';

export interface PythonProject {
  folder: string;
  /** As installers compare names. E.g.: `acme-db` */
  name: string;
  /** `[project.scripts]`: the module behind each command. */
  scripts: ReadonlyMap<string, string>;
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
    const table =
      tableOf(textOf(root, shelf), 'tool.uv.workspace') ||
      (/^workspace\s*=\s*\{([^}]*)\}/m.exec(tableOf(textOf(root, shelf), 'tool.uv'))?.[1] ?? '');
    if (table === '') continue;
    const globs = (key: string) => stringsOf(table, key).map(glob => matchGlob(glob.replace(/^\.\/|\/$/g, '')));
    const members = globs('members');
    const excluded = globs('exclude');
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

/** `acme-db = { path = "../db" }` of uv and Poetry. */
const byPath = (folder: string, shelf: Shelf): string[] =>
  [...textOf(folder, shelf).matchAll(/^[\w."-]+\s*=\s*\{[^}\n]*\bpath\s*=\s*["']([^"'\n]+)["']/gm)]
    .map(([, path = '']) => joinPath(folder, path))
    .filter(path => shelf.has(joinPath(path, FILE)));

const textOf = (folder: string, shelf: Shelf): string => shelf.text(joinPath(folder, FILE)) ?? '';

const readProject = (folder: string, shelf: Shelf): PythonProject => shelf.read(joinPath(folder, FILE), parseProject);

function parseProject(file: string, text: string): PythonProject {
  const scripts = ['project.scripts', 'tool.poetry.scripts'].flatMap(table =>
    [...tableOf(text, table).matchAll(/^[ \t]*["']?([\w.-]+)["']?\s*=\s*["']([\w.]+)/gm)].map(
      ([, name = '', module = '']) => [name, module] as const,
    ),
  );
  const name = ['project', 'tool.poetry']
    .map(table => /^[ \t]*name[ \t]*=[ \t]*["']([^"'\n]+)["']/m.exec(tableOf(text, table))?.[1])
    .find(one => one !== undefined);
  return { folder: dirOf(file), name: normalize(name ?? ''), scripts: new Map(scripts) };
}

/** Source: packaging.python.org/specifications/name-normalization */
const normalize = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** The lines of a table, up to the next one. */
function tableOf(text: string, name: string): string {
  const head = new RegExp(`^\\[${name.replace(/\./g, '\\s*\\.\\s*')}\\][^\\n]*\\n`, 'm').exec(text);
  if (!head) return '';
  const rest = text.slice(head.index + head[0].length);
  const next = /^\[/m.exec(rest);
  return (next ? rest.slice(0, next.index) : rest).replace(/^[ \t]*#.*$/gm, '');
}

const stringsOf = (table: string, key: string): string[] =>
  [...(new RegExp(`\\b${key}\\s*=\\s*\\[([^\\]]*)\\]`).exec(table)?.[1] ?? '').matchAll(/["']([^"'\n]+)["']/g)].map(
    ([, text = '']) => text,
  );

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
