/** Imports of JavaScript and TypeScript, as TypeScript resolves them. Loaded only where a decision depends on it. */
import { ts } from 'ts-morph';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { closure } from './closure.ts';
import { nearestWith, type Shelf } from './shelf.ts';

/** The module resolution sees the files of the repository and nothing else, under `/`, and its packages under `/node_modules`. */
export function javascriptModules(entries: readonly string[], shelf: Shelf): Set<string> {
  const folders = new Set(shelf.paths.flatMap(path => ancestors(dirOf(path))));
  const members = packagesOf(shelf);
  const inside = (path: string) => {
    const [whole = '', name = ''] = /^\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
    const folder = members.get(name);
    return folder === undefined ? path.replace(/^\/+/, '') : joinPath(folder, path.slice(whole.length + 1));
  };
  const host: ts.ModuleResolutionHost = {
    fileExists: path => shelf.has(inside(path)),
    readFile: path => shelf.text(inside(path)) ?? undefined,
    directoryExists: path => /^\/node_modules(?:\/@[^/]+)?$/.test(path) || folders.has(inside(path)),
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
    const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    return names.flatMap(name => {
      const { resolvedModule } = ts.resolveModuleName(name, `/${path}`, optionsFor(path), host);
      const found = resolvedModule ? inside(resolvedModule.resolvedFileName) : null;
      const isCode = found !== null && shelf.has(found) && !/\.d\.[cm]?ts$/.test(found);
      const file = isCode ? found : workspaceFile(name, path, members, shelf);
      return file === null ? [] : [file];
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

/** The folders of the repository's own packages, by name. */
const packagesOf = (shelf: Shelf): Map<string, string> =>
  new Map(
    shelf
      .named('package.json', '')
      .map(path => [shelf.read(path, readName), dirOf(path)] as const)
      .filter(([name]) => name !== '')
      .reverse(),
  );

function readName(_: string, text: string): string {
  try {
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}

/** `@acme/db` is a package of this repository, which is built before it runs: its source is its `src/index`. */
function workspaceFile(name: string, from: string, members: ReadonlyMap<string, string>, shelf: Shelf): string | null {
  if (name.startsWith('.')) return null;
  const parts = name.split('/');
  const own = parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
  const rest = parts.slice(name.startsWith('@') ? 2 : 1).join('/');
  const folder = members.get(own);
  if (folder === undefined || isInside(folder || '/', from)) return null;
  const places =
    rest === '' ? ['src/index', 'index', 'src/main'] : [rest, `src/${rest}`, `${rest}/index`, `src/${rest}/index`];
  for (const place of places)
    for (const ending of ['.ts', '.tsx', '.js', '.mjs'])
      if (shelf.has(joinPath(folder, place + ending))) return joinPath(folder, place + ending);
  return null;
}
