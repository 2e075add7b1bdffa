/** The files that a program loads: its imports, and theirs. */
import { readPythonEvents } from '../../codemods/python-events.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { closure } from './closure.ts';
import { goPackages } from './go-modules.ts';
import type { Program } from './programs.ts';
import { findModule } from './programs.ts';
import { moduleRoots } from './python-projects.ts';
import type { Shelf } from './shelf.ts';

/**
 * Paths of the repository. Null where the language's parts find one another without imports and no folder is known.
 * `isTelling`: files that matter; without one below the program's folder nothing is followed.
 */
export async function loadedFiles(
  program: Program,
  shelf: Shelf,
  isTelling: (path: string) => boolean,
): Promise<ReadonlySet<string>> {
  if (program.language === 'project') return new Set(shelf.paths.filter(path => isInside(program.folder, path)));
  if (program.language === 'go') return goPackages(program.entries, shelf);
  if (program.language === 'dotnet') return projectFiles(program.entries, shelf);
  if (!shelf.paths.some(path => isTelling(path) && LANGUAGE[program.language as keyof typeof LANGUAGE].test(path)))
    return new Set(program.entries);
  if (program.language === 'python') return pythonModules(program.entries, shelf);
  const { javascriptModules } = await import('./javascript-modules.ts');
  return javascriptModules(program.entries, shelf);
}

const LANGUAGE = { python: /\.py$/, javascript: /\.(?:[cm]?[jt]s|[jt]sx)$/ };

/** By Python's own rules: packages run their `__init__`, and names in strings (`include=['app.tasks']`) load modules too. */
function pythonModules(entries: readonly string[], shelf: Shelf): Set<string> {
  const shared = entries.slice(0, 3).flatMap(entry => [dirOf(entry), rootOf(entry, shelf)]);
  const id = [...new Set(shared)].join('\0');
  const known = importsKnown.get(shelf) ?? new Map<string, string[]>();
  importsKnown.set(shelf, known);
  return closure(entries, path => {
    const key = `${path}\0${id}`;
    const imports = known.get(key) ?? importsOf(path, shared, shelf);
    known.set(key, imports);
    return imports;
  });
}

/** What a file imports, for programs that start in the same folders. */
const importsKnown = new WeakMap<Shelf, Map<string, string[]>>();

function importsOf(path: string, shared: readonly string[], shelf: Shelf): string[] {
  const text = shelf.text(path);
  if (text === null) return [];
  const roots = [...new Set([rootOf(path, shelf), dirOf(path), ...shared, ...moduleRoots(dirOf(path), shelf)])];
  const find = (module: string) => roots.map(root => findModule(module, root, shelf)).find(one => one !== null) ?? null;
  return importedNames(text).flatMap(name => {
    const module = name.startsWith('.') ? relativeModule(name, path) : null;
    if (module !== null) return moduleAndPackages(module, shelf);
    const parts = name.split('.');
    for (let length = parts.length; length > 0; length--) {
      const file = find(parts.slice(0, length).join('.'));
      if (file !== null) return [file, ...packagesAbove(file, shelf)];
    }
    return [];
  });
}

const importCache = new Map<string, string[]>();

function importedNames(text: string): string[] {
  const known = importCache.get(text);
  if (known) return known;
  const names = readPythonEvents(text).flatMap(event => {
    if (event.kind === 'import') return [event.name];
    return event.kind === 'sql' && /^[a-z_]\w*(?:\.[a-z_]\w*)+(?::\w+)?$/i.test(event.value.text)
      ? [event.value.text.replace(/:.*$/, '')]
      : [];
  });
  importCache.set(text, names);
  return names;
}

/** The folder above the outermost package of a file. */
function rootOf(path: string, shelf: Shelf): string {
  let folder = dirOf(path);
  while (folder !== '' && shelf.has(`${folder}/__init__.py`)) folder = dirOf(folder);
  return folder;
}

const packagesAbove = (file: string, shelf: Shelf): string[] => {
  const found: string[] = [];
  for (let folder = dirOf(file); folder !== '' && shelf.has(`${folder}/__init__.py`); folder = dirOf(folder))
    found.push(`${folder}/__init__.py`);
  return found;
};

/** `.models.User` seen from `app/api.py` → `app/models/User`. */
function relativeModule(name: string, path: string): string {
  const dots = /^\.+/.exec(name)?.[0].length ?? 1;
  let folder = dirOf(path);
  for (let i = 1; i < dots; i++) folder = dirOf(folder);
  return joinPath(folder, name.slice(dots).replace(/\./g, '/'));
}

function moduleAndPackages(module: string, shelf: Shelf): string[] {
  const whole = [`${module}.py`, `${module}/__init__.py`].find(path => shelf.has(path));
  const above = dirOf(module);
  const file = whole ?? [`${above}.py`, `${above}/__init__.py`].find(path => shelf.has(path));
  return file === undefined ? [] : [file, ...packagesAbove(file, shelf)];
}

/** Files of a .NET project and of those that it references. */
export function projectFiles(entries: readonly string[], shelf: Shelf): Set<string> {
  const projects = closure(entries, path =>
    [...(shelf.text(path) ?? '').matchAll(/<ProjectReference\s+Include="([^"]+)"/g)].flatMap(([, target = '']) => {
      const file = joinPath(dirOf(path), target.replace(/\\/g, '/'));
      return shelf.has(file) ? [file] : [];
    }),
  );
  const folders = [...projects].map(dirOf);
  return new Set(shelf.paths.filter(path => folders.some(folder => isInside(folder, path))));
}
