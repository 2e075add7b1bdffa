/** Imports of JavaScript and TypeScript, as TypeScript resolves them. Loaded only where a decision depends on it. */
import { ts } from 'ts-morph';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { closure } from './closure.ts';
import { nearestWith, type Shelf } from './shelf.ts';

/** The module resolution sees the files of the repository and nothing else, under `/`. */
export function javascriptModules(entries: readonly string[], shelf: Shelf): Set<string> {
  const folders = new Set(shelf.paths.flatMap(path => ancestors(dirOf(path))));
  const inside = (path: string) => path.replace(/^\/+/, '');
  const host: ts.ModuleResolutionHost = {
    fileExists: path => shelf.has(inside(path)),
    readFile: path => shelf.text(inside(path)) ?? undefined,
    directoryExists: path => folders.has(inside(path)),
    getCurrentDirectory: () => '/',
    realpath: path => path,
  };
  const options = new Map<string, ts.CompilerOptions>();
  const optionsFor = (path: string): ts.CompilerOptions => {
    const folder = nearestWith(['tsconfig.json', 'jsconfig.json'], dirOf(path), shelf) ?? '';
    const known = options.get(folder) ?? readOptions(folder, host, shelf);
    options.set(folder, known);
    return known;
  };
  return closure(entries, path => {
    const text = shelf.text(path);
    if (text === null) return [];
    const found = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    return found.flatMap(name => {
      const { resolvedModule } = ts.resolveModuleName(name, `/${path}`, optionsFor(path), host);
      const file = resolvedModule ? inside(resolvedModule.resolvedFileName) : workspaceFile(name, path, shelf);
      return file !== null && shelf.has(file) && !/\.d\.[cm]?ts$/.test(file) ? [file] : [];
    });
  });
}

function readOptions(folder: string, host: ts.ModuleResolutionHost, shelf: Shelf): ts.CompilerOptions {
  const base: ts.CompilerOptions = {
    allowJs: true,
    resolveJsonModule: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const name = ['tsconfig.json', 'jsconfig.json'].map(one => joinPath(folder, one)).find(one => shelf.has(one));
  if (name === undefined) return base;
  const reader = {
    useCaseSensitiveFileNames: true,
    readDirectory: () => [],
    fileExists: host.fileExists,
    readFile: host.readFile,
  };
  const { config } = ts.readConfigFile(`/${name}`, host.readFile);
  const { paths, baseUrl, pathsBasePath } = ts.parseJsonConfigFileContent(config ?? {}, reader, `/${folder}`).options;
  return {
    ...base,
    ...(paths ? { paths } : {}),
    ...(baseUrl ? { baseUrl } : {}),
    ...(pathsBasePath ? { pathsBasePath } : {}),
  };
}

function ancestors(folder: string): string[] {
  const found = [''];
  for (let at = folder; at !== ''; at = dirOf(at)) found.push(at);
  return found;
}

/** `@acme/db` is a package of this repository, whose source is its `src/index`. */
function workspaceFile(name: string, from: string, shelf: Shelf): string | null {
  if (name.startsWith('.')) return null;
  const parts = name.split('/');
  const own = parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
  const rest = parts.slice(name.startsWith('@') ? 2 : 1).join('/');
  const home = shelf
    .named('package.json', '')
    .find(
      path =>
        !isInside(dirOf(path) || '/', from) &&
        new RegExp(`"name"\\s*:\\s*"${own.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`).test(shelf.text(path) ?? ''),
    );
  if (home === undefined) return null;
  const folder = dirOf(home);
  const places =
    rest === '' ? ['src/index', 'index', 'src/main'] : [rest, `src/${rest}`, `${rest}/index`, `src/${rest}/index`];
  for (const place of places)
    for (const ending of ['.ts', '.tsx', '.js', '.mjs'])
      if (shelf.has(joinPath(folder, place + ending))) return joinPath(folder, place + ending);
  return null;
}
