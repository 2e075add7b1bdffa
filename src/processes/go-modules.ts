/** Packages of Go: those of the module, of the workspace around it (`go.work`), and of folders that take a module's place (`replace`). */
import { dirOf, joinPath } from '../text/paths.ts';
import { closure } from './closure.ts';
import { nearestWith, type Shelf } from './shelf.ts';

interface Module {
  /** E.g.: `example.com/db` */
  name: string;
  folder: string;
}

/** `entries`: files, folders of packages, or their import paths. */
export function goPackages(entries: readonly string[], shelf: Shelf): Set<string> {
  const filesOf = (folder: string) =>
    shelf.inFolder(folder).filter(path => path.endsWith('.go') && !path.endsWith('_test.go'));
  const known = new Map<string, Module[]>();
  const modulesFor = (folder: string): Module[] => {
    const home = nearestWith(['go.mod'], folder, shelf) ?? '';
    const modules = known.get(home) ?? visibleFrom(home, shelf);
    known.set(home, modules);
    return modules;
  };
  const packageFiles = (path: string, modules: readonly Module[]): string[] => {
    const owner = modules.find(({ name }) => path === name || path.startsWith(`${name}/`));
    return owner ? filesOf(joinPath(owner.folder, path.slice(owner.name.length + 1))) : [];
  };
  const start = entries.flatMap(entry => {
    const files = filesOf(entry.endsWith('.go') ? dirOf(entry) : entry);
    return files.length > 0 ? files : packageFiles(entry, allModules(shelf));
  });
  return closure(start, path => {
    const modules = modulesFor(dirOf(path));
    if (modules.length === 0) return [];
    return [...(shelf.text(path) ?? '').matchAll(/"([^"\n]+)"/g)].flatMap(([, target = '']) =>
      packageFiles(target, modules),
    );
  });
}

/** The longest name first, because one module can stand below another. */
function visibleFrom(home: string, shelf: Shelf): Module[] {
  const work = nearestWith(['go.work'], home, shelf);
  const folders =
    work === null ? [] : directives(joinPath(work, 'go.work'), 'use', shelf).map(one => joinPath(work, one));
  const found = [
    ...replaced(joinPath(home, 'go.mod'), shelf),
    ...(work === null ? [] : replaced(joinPath(work, 'go.work'), shelf)),
    ...[home, ...folders].flatMap(folder => moduleAt(folder, shelf)),
  ];
  return found.sort((a, b) => b.name.length - a.name.length);
}

const allModules = (shelf: Shelf): Module[] =>
  shelf
    .named('go.mod', '')
    .flatMap(path => moduleAt(dirOf(path), shelf))
    .sort((a, b) => b.name.length - a.name.length);

function moduleAt(folder: string, shelf: Shelf): Module[] {
  const name = /^module\s+"?([^\s"]+)/m.exec(shelf.text(joinPath(folder, 'go.mod')) ?? '')?.[1];
  return name === undefined ? [] : [{ name, folder }];
}

/** `replace example.com/db v1.0.0 => ../db`: a folder takes the place of a module. */
const replaced = (file: string, shelf: Shelf): Module[] =>
  directives(file, 'replace', shelf).flatMap(line => {
    const [, name = '', path = ''] = /^(\S+)(?:\s+v\S+)?\s*=>\s*(\.{1,2}\/\S*)/.exec(line) ?? [];
    return name === '' ? [] : [{ name, folder: joinPath(dirOf(file), path) }];
  });

/** What follows a word, on its line or in the brackets behind it, without comments and quotes. */
function directives(file: string, word: string, shelf: Shelf): string[] {
  const text = (shelf.text(file) ?? '').replace(/\/\/.*$/gm, '').replace(/["`]/g, '');
  const found = text.matchAll(new RegExp(`^[ \\t]*${word}[ \\t]*(?:\\(([^)]*)\\)|(\\S.*))$`, 'gm'));
  return [...found].flatMap(([, block, line = '']) =>
    (block ?? line)
      .split('\n')
      .map(one => one.trim())
      .filter(Boolean),
  );
}
