/** The source files that a command starts. */
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import { folderOf, locate } from './layout.ts';
import { installedScript, moduleRoots } from './python-projects.ts';
import { nearestWith, type Shelf } from './shelf.ts';
import type { Start } from './start.ts';

/** `entries`: files whose imports tell the rest. `folder`: a project whose parts find one another without imports. */
export type Program =
  | { language: 'python' | 'javascript' | 'go' | 'dotnet'; entries: string[] }
  | { language: 'project'; folder: string };

/** Null where it can't be told. */
export function findProgram(start: Start, shelf: Shelf): Program | null {
  const { words, cwd, layout } = start;
  const name = baseOf(words[0] ?? '').replace(/(?<=^python|^pip)[\d.]+$/, '');
  const folder = folderOf(cwd, layout, shelf);
  const file = (word: string | undefined) => (word === undefined ? null : locate(word, cwd, layout, shelf));
  const plain = words.slice(1).filter(word => !word.startsWith('-'));
  const python = (entries: readonly (string | null)[]): Program | null => {
    const found = entries.filter(entry => entry !== null);
    return found.length > 0 ? { language: 'python', entries: found } : null;
  };
  const moduleFile = (module: string | undefined) =>
    module === undefined ? null : findModule(module.replace(/:.*$/, ''), folder, shelf);
  switch (name) {
    case 'python': {
      const at = words.indexOf('-m');
      if (at === -1) return pythonFile(file(plain[0]), shelf, plain, folder);
      const module = words[at + 1] ?? '';
      const rest = { ...start, words: [module, ...words.slice(at + 2)] };
      return PYTHON_SERVERS.test(module)
        ? findProgram(rest, shelf)
        : python([findModule(`${module}.__main__`, folder, shelf) ?? moduleFile(module)]);
    }
    case 'uvicorn':
    case 'gunicorn':
    case 'hypercorn':
    case 'daphne':
    case 'granian':
    case 'uwsgi':
    case 'waitress-serve':
    case 'dramatiq':
    case 'arq':
    case 'taskiq':
    case 'huey_consumer':
      return python(
        words.slice(1).map(word => (/^[A-Za-z_][\w.]*(?::[\w.()]+)?$/.test(word) ? moduleFile(word) : null)),
      );
    case 'celery': {
      const at = words.findIndex(word => /^(?:-A|--app)(?:=|$)/.test(word));
      const app = at === -1 ? undefined : words[at]?.includes('=') ? words[at]?.split('=')[1] : words[at + 1];
      return python([moduleFile(app), moduleFile(`${app}.celery`), moduleFile(`${app}.celery_app`)]);
    }
    case 'flask': {
      const at = words.findIndex(word => /^(?:-A|--app)$/.test(word));
      const app =
        at === -1 ? start.assigns.find(one => one.name === 'FLASK_APP')?.raw.replace(/["']/g, '') : words[at + 1];
      return python([moduleFile(app?.replace(/\.py$/, '')) ?? file('app.py') ?? file('wsgi.py')]);
    }
    case 'fastapi':
    case 'streamlit':
      return python([file(plain[1]) ?? file('main.py') ?? file('app/main.py')]);
    case 'node':
    case 'nodejs':
    case 'tsx':
    case 'ts-node':
    case 'ts-node-dev':
    case 'nodemon':
    case 'bun':
    case 'deno':
      return javascriptFile(
        words.slice(1).filter(word => !/^(?:-.*|run|watch)$/.test(word)),
        start,
        folder,
        shelf,
      );
    case 'next':
    case 'nuxt':
    case 'remix':
    case 'remix-serve':
    case 'vite':
    case 'astro':
    case 'nx':
    case 'turbo':
      return { language: 'project', folder: nearestWith(['package.json'], folder, shelf) ?? folder };
    case 'nest':
      return javascriptFile(['src/main.ts'], start, folder, shelf);
    case 'go': {
      const target =
        plain[0] === 'run' ? plain.slice(1).find(word => /^\.|\//.test(word) || word.endsWith('.go')) : undefined;
      return target === undefined ? null : { language: 'go', entries: [joinPath(folder, target)] };
    }
    case 'dotnet': {
      const assembly = words.slice(1).find(word => word.endsWith('.dll'));
      const name = assembly === undefined ? null : baseOf(assembly).replace(/\.dll$/, '.csproj');
      const [project] = name === null ? [] : shelf.named(name, '');
      return project === undefined ? { language: 'project', folder } : { language: 'dotnet', entries: [project] };
    }
    case 'air':
    case 'CompileDaemon':
    case 'reflex':
      return { language: 'project', folder };
  }
  const built = layout.built.find(({ target }) => target === words[0] || baseOf(target) === name);
  if (built) return { language: 'go', entries: [built.source] };
  if (name === 'manage.py') return pythonFile(file(words[0]), shelf, words.slice(1), folder);
  const script = file(words[0]);
  if (script !== null && /\.py$/.test(script)) return pythonFile(script, shelf, words.slice(1), folder);
  if (script !== null && /\.[cm]?[jt]s$/.test(script)) return { language: 'javascript', entries: [script] };
  if (PROJECT_PROGRAMS.test(name)) return { language: 'project', folder };
  const installed = installedScript(name, folder, layout.home, shelf);
  return installed && python([findModule(...installed, shelf)]);
}

const PYTHON_SERVERS =
  /^(?:uvicorn|gunicorn|hypercorn|daphne|granian|celery|flask|fastapi|streamlit|dramatiq|arq|taskiq|alembic|pytest|pip|debugpy|http\.server|unittest)$/;

/** Programs of languages whose parts find one another by name. */
const PROJECT_PROGRAMS =
  /^(?:java|dotnet|ruby|rails|rackup|puma|unicorn|sidekiq|bundle|rake|php|php-fpm[\d.]*|artisan|frankenphp|apache2-foreground|mix|iex|elixir|cargo|gradlew?|mvnw?|good_job|thruster|thrust)$/;

function pythonFile(path: string | null, shelf: Shelf, words: readonly string[], folder: string): Program | null {
  if (path === null) return null;
  if (baseOf(path) !== 'manage.py') return { language: 'python', entries: [path] };
  // Django finds its applications by name: all of the project, and of management commands the one that runs.
  const verb = words.find(word => !word.startsWith('-') && word !== 'manage.py' && !word.endsWith('/manage.py')) ?? '';
  const home = dirOf(path) || folder;
  const command = shelf.named(`${verb}.py`, home).filter(one => one.includes('/management/commands/'));
  const entries = shelf.paths.filter(
    one =>
      isInside(home, one) &&
      one.endsWith('.py') &&
      !/\/(?:migrations|management\/commands|tests?)\/|(?:^|\/)(?:tests?|conftest|test_\w+)\.py$/.test(one),
  );
  return { language: 'python', entries: [...entries, ...command] };
}

/** The source of a compiled file stands under `src`, or beside. */
function javascriptFile(words: readonly string[], start: Start, folder: string, shelf: Shelf): Program | null {
  const word = words.find(one => /^[\w@./-]+$/.test(one));
  if (word === undefined) return null;
  const found = locate(word, start.cwd, start.layout, shelf);
  if (found !== null && /\.[cm]?[jt]sx?$/.test(found)) return { language: 'javascript', entries: [found] };
  const stem = word
    .replace(/^\.?\/+/, '')
    .replace(/^(?:usr\/src\/)?(?:app|src\/app)\//, '')
    .replace(/\.[cm]?[jt]s$/, '');
  const bare = stem.replace(/^(?:\.?dist|build|lib|out|\.output)\//, '');
  const home = nearestWith(['package.json'], folder, shelf) ?? folder;
  const places = [stem, `src/${bare}`, bare, `${bare.replace(/^src\//, '')}`, `${bare}/index`, `src/${bare}/index`];
  for (const place of places) {
    for (const ending of ['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs']) {
      const path = joinPath(home, place + ending);
      if (shelf.has(path)) return { language: 'javascript', entries: [path] };
    }
  }
  return null;
}

/** The file of a Python module, seen from the folder in which the program starts. */
export function findModule(module: string, folder: string, shelf: Shelf): string | null {
  const path = module.replace(/\./g, '/');
  const near = [folder, joinPath(folder, 'src'), joinPath(folder, 'app'), joinPath(folder, 'backend')];
  for (const root of [...near, ...moduleRoots(folder, shelf)]) {
    for (const name of [`${path}.py`, `${path}/__init__.py`]) {
      const whole = joinPath(root, name);
      if (shelf.has(whole)) return whole;
    }
  }
  return null;
}
