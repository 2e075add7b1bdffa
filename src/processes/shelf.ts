/** The files of the repository, for what is followed by name. */
import { baseOf, dirOf, isInside } from '../text/paths.ts';

export interface Shelf {
  has(path: string): boolean;
  /** Null: there is no such file, or it is no text. */
  text(path: string): string | null;
  /** Files of that name below a folder. */
  named(name: string, below: string): string[];
  /** Files that stand in the folder itself. */
  inFolder(folder: string): readonly string[];
  /** What a reader makes of a file's text, which is asked again and again. */
  read<Result>(path: string, reader: (file: string, text: string) => Result): Result;
  paths: readonly string[];
}

export function makeShelf(paths: readonly string[], text: (path: string) => string | null): Shelf {
  const all = new Set(paths);
  // Few names are asked for, of many.
  const byName = new Map<string, string[]>();
  const allNamed = (name: string): string[] => {
    const known = byName.get(name) ?? paths.filter(path => path.endsWith(name) && baseOf(path) === name);
    byName.set(name, known);
    return known;
  };
  let byFolder: Map<string, string[]> | null = null;
  const readings = new Map<unknown, Map<string, unknown>>();
  const textOf = (path: string) => (all.has(path) ? text(path) : null);
  return {
    has: path => all.has(path),
    text: textOf,
    read: <Result>(path: string, reader: (file: string, text: string) => Result): Result => {
      const known = (readings.get(reader) ?? new Map<string, unknown>()) as Map<string, Result>;
      readings.set(reader, known);
      const result = known.get(path) ?? reader(path, textOf(path) ?? '');
      known.set(path, result);
      return result;
    },
    inFolder: folder => {
      if (byFolder === null) {
        byFolder = new Map();
        for (const path of paths) push(byFolder, dirOf(path), path);
      }
      return byFolder.get(folder) ?? [];
    },
    named: (name, below) => allNamed(name).filter(path => isInside(below, path)),
    paths,
  };
}

function push(map: Map<string, string[]>, key: string, path: string): void {
  const known = map.get(key);
  if (known) known.push(path);
  else map.set(key, [path]);
}

/** The nearest folder from one upwards that holds one of the files; null where none does. */
export function nearestWith(names: readonly string[], from: string, shelf: Shelf, top = ''): string | null {
  for (let folder = from; ; folder = dirOf(folder)) {
    const place = (name: string) => (folder === '' ? name : `${folder}/${name}`);
    if (names.some(name => shelf.has(place(name)))) return folder;
    if (folder === top || folder === '') return null;
  }
}
