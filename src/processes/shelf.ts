/** The files of the repository, for what is followed by name. */
import { baseOf, dirOf, isInside } from '../text/paths.ts';

export interface Shelf {
  has(path: string): boolean;
  /** Null: there is no such file, or it is no text. */
  text(path: string): string | null;
  /** Files of that name below a folder. */
  named(name: string, below: string): string[];
  paths: readonly string[];
}

export function makeShelf(paths: readonly string[], text: (path: string) => string | null): Shelf {
  const all = new Set(paths);
  const byName = new Map<string, string[]>();
  for (const path of paths) {
    const known = byName.get(baseOf(path));
    if (known) known.push(path);
    else byName.set(baseOf(path), [path]);
  }
  return {
    has: path => all.has(path),
    text: path => (all.has(path) ? text(path) : null),
    named: (name, below) => (byName.get(name) ?? []).filter(path => isInside(below, path)),
    paths,
  };
}

/** The nearest folder from one upwards that holds one of the files; null where none does. */
export function nearestWith(names: readonly string[], from: string, shelf: Shelf, top = ''): string | null {
  for (let folder = from; ; folder = dirOf(folder)) {
    const place = (name: string) => (folder === '' ? name : `${folder}/${name}`);
    if (names.some(name => shelf.has(place(name)))) return folder;
    if (folder === top || folder === '') return null;
  }
}
