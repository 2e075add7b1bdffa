/** From a command to the programs that it ends in: through shells, scripts, package runners and process managers. */
import { posix } from 'node:path';
import {
  type NamedCommand,
  readBetterScripts,
  readJustfile,
  readMakeTargets,
  readPackageScripts,
  readProcfile,
  readSupervisor,
  readTaskfile,
  readUwsgi,
} from '../../codemods/command-files.ts';
import {
  dropWords,
  innerScript,
  type PlacedCommand,
  type PlacedWord,
  placeArgv,
  placeShell,
} from '../../codemods/placed-shell.ts';
import { isScriptFlag, isShell } from '../../codemods/shell-words.ts';
import type { Assigned, Place } from '../model/index.ts';
import { mapSlice } from '../text/mapped-text.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import { folderOf, type Layout, locate } from './layout.ts';
import { goTo, readPackagerFlags, uvFolder, VALUED_FLAG, workspaceAt } from './runner-folders.ts';
import { nearestWith, type Shelf } from './shelf.ts';
import { assignedByWrapper, placeOf, type Start, stepOf, takeApart } from './start.ts';
import { afterDashes, isFlag, skipFlags, WRAPPERS } from './wrappers.ts';

interface Context {
  shelf: Shelf;
  layout: Layout;
  cwd: string;
  chain: Place[];
  assigns: Assigned[];
  /** What `"$@"` stands for. */
  args: PlacedCommand | null;
  /** Files and names that are being followed, against circles. */
  seen: readonly string[];
}

/** All programs that the commands start, in order. */
export function followCommands(
  commands: readonly PlacedCommand[],
  start: Pick<Context, 'shelf' | 'layout' | 'cwd' | 'chain'> & Partial<Context>,
): Start[] {
  return followAll(commands, { assigns: [], args: null, seen: [], ...start });
}

/** The commands of one text: what one of them assigns or where it goes holds for those after it. */
function followAll(commands: readonly PlacedCommand[], context: Context): Start[] {
  let here = context;
  const found: Start[] = [];
  for (const command of commands) {
    const [first = '', second = ''] = command.words.map(word => word.text);
    const isDeclaration = command.words.length === 0 || /^(?:export|declare|typeset|readonly|local)$/.test(first);
    if (isDeclaration) {
      // A default for what is not set leaves what is.
      const assigned = command.assignments.filter(({ name }) => name !== '' && !command.unset.includes(name));
      here = {
        ...here,
        assigns: [...here.assigns.filter(old => !assigned.some(one => one.name === old.name)), ...assigned],
      };
      continue;
    }
    // `host="$1"; shift`: what is left is the command that a gate starts.
    if (first === 'shift' && here.args && here.assigns.some(({ raw }) => /^["']?\$1["']?$/.test(raw))) {
      here = { ...here, args: dropWords(here.args, Number(second) || 1) };
      continue;
    }
    if (first === 'cd') {
      if (!/[$*]/.test(second) && second !== '')
        here = {
          ...here,
          cwd: goTo(second, here),
        };
      continue;
    }
    const own = [
      ...here.assigns.filter(old => !command.assignments.some(one => one.name === old.name)),
      ...command.assignments,
    ];
    found.push(...follow(command, command, { ...here, assigns: own }));
    if (found.length > 400) break;
  }
  return found;
}

/** Builtins and small tools that say nothing of a connection. */
const TRIVIAL = new Set(
  (
    'echo printf export set cd exit true false test [ [[ : sleep mkdir chmod chown shift return local unset trap wait cat rm cp ' +
    'mv sed grep awk ls touch ln pwd date which type ulimit umask read tail head find xargs cut tr sort uniq id whoami apt-get apk ' +
    'curl wget jq git pip pip3 clear break continue getent addgroup adduser groupadd useradd usermod groupmod stat basename dirname ' +
    'install tar unzip gzip gunzip seq tee envsubst openssl update-ca-certificates apt yum apk brew hostname'
  ).split(' '),
);

/** `whole`: the command before wrappers were taken off; that is where an assignment goes. */
function follow(whole: PlacedCommand, command: PlacedCommand, context: Context): Start[] {
  const texts = command.words.map(word => word.text);
  const name = baseOf(texts[0] ?? '');
  if (texts.length === 0 || context.seen.length > 12) return [];
  // It asks where the program is.
  if (name === 'command' && /^-[a-z]*[vV]/.test(texts[1] ?? '')) return [];
  const passed = texts.findIndex(text => isArguments(text, context.assigns));
  if (passed === 0 && !context.args) return [];
  if (passed !== -1 && context.args) {
    // What the script does with its arguments is for every caller: an assignment for this one stands before the call.
    const words = [...command.words.slice(0, passed), ...context.args.words, ...command.words.slice(passed + 1)];
    return follow(context.args, { ...context.args, words }, { ...context, args: null });
  }
  // A gate that is the entry point of the base image: `db:5432 -- ./start.sh`.
  const wrapper = WRAPPERS[name]?.(texts) ?? (/^[\w.-]+:\d+$/.test(texts[0] ?? '') ? afterDashes(texts) : 0);
  if (wrapper > 0 && wrapper < texts.length)
    return follow(whole, dropWords(command, wrapper), {
      ...context,
      cwd: name === 'uv' ? uvFolder(texts.slice(0, wrapper), texts.slice(wrapper), context) : context.cwd,
      assigns: [...context.assigns, ...assignedByWrapper(command, wrapper)],
    });
  const inner = followInner(name, command, context);
  if (inner !== null) return inner;
  if (TRIVIAL.has(name) || /^\$/.test(name)) return [];
  const place = placeOf(whole);
  return [
    {
      words: texts,
      step: stepOf(whole),
      place: place ?? context.chain.at(-1) ?? { file: whole.script.file, line: 1 },
      chain: context.chain,
      assigns: context.assigns,
      cwd: context.cwd,
      layout: context.layout,
    },
  ];
}

/** `$@`, or a variable that holds it: `cmd="$@"; exec $cmd`. */
function isArguments(word: string, assigns: readonly Assigned[]): boolean {
  const holder = /^\$\{?(\w+)(?:\[[@*]\])?\}?$/.exec(word)?.[1];
  const values = holder ? assigns.filter(({ name }) => name === holder).map(({ raw }) => raw) : [word];
  return values.some(value => /^\(?["']?\$\{?[@*]\}?["']?\)?$/.test(value));
}

const PACKAGERS = /^(?:npm|pnpm|yarn|bun)$/;

/** The programs inside a shell, a script or a runner; null where the command is a program itself. */
function followInner(name: string, command: PlacedCommand, context: Context): Start[] | null {
  const texts = command.words.map(word => word.text);
  const [, second = ''] = texts;
  if (isShell(name)) return followShell(command, context);
  if (name === 'su') {
    const at = texts.indexOf('-c');
    return at > 0 && command.words[at + 1] ? followText(command.words[at + 1] as PlacedWord, context) : null;
  }
  if (name === 'source' || name === '.') return followScript(command.words[1], command, context) ?? [];
  if (PACKAGERS.test(name)) return followPackager(name, command, context);
  if (name === 'turbo' || name === 'lerna') return followTurbo(command, context);
  if (/^(?:npm-run-all2?|run-[sp])$/.test(name)) {
    const names = texts.slice(1).filter(word => !isFlag(word));
    return names.flatMap(script => followPackage(script, command, context) ?? []);
  }
  if (name === 'concurrently' || name === 'nodemon') {
    const at = texts.indexOf('--exec') === -1 ? texts.indexOf('-x') : texts.indexOf('--exec');
    if (name === 'nodemon')
      return at > 0 && command.words[at + 1] ? followText(command.words[at + 1] as PlacedWord, context) : null;
    return command.words.slice(1).flatMap(word => (/\s/.test(word.text) ? followText(word, context) : []));
  }
  if (name === 'bnr' || name === 'better-npm-run')
    return followNamed(['package.json'], readBetterScripts, flagless(texts), command, context);
  if (name === 'make')
    return followNamed(['Makefile', 'makefile', 'GNUmakefile'], readMakeTargets, flagless(texts), command, context);
  if (name === 'just')
    return followNamed(['justfile', 'Justfile', '.justfile'], readJustfile, flagless(texts), command, context);
  if (name === 'task' || name === 'go-task')
    return followNamed(
      ['Taskfile.yml', 'Taskfile.yaml', 'taskfile.yml'],
      readTaskfile,
      flagless(texts),
      command,
      context,
    );
  if (name === 'composer') {
    const script = /^run(?:-script)?$/.test(second) ? texts[2] : second;
    return followNamed(['composer.json'], readPackageScripts, script ? [script] : [], command, context);
  }
  if (/^(?:foreman|honcho|overmind|hivemind)$/.test(name)) {
    const option = texts.findIndex(word => /^(?:-f|--procfile)(?:=|$)/.test(word));
    const file = option === -1 ? null : (texts[option]?.split('=')[1] ?? texts[option + 1] ?? null);
    const names = flagless(texts.slice(1)).filter(word => !/^(?:start|run|s)$/.test(word) && word !== file);
    return followNamed(file ? [file] : ['Procfile', 'Procfile.dev'], readProcfile, names, command, context, true);
  }
  if (name === 'monofy') return followAll(takeApart(dropWords(command, 1)), context);
  if (name === 'supervisord') return followSupervisor(texts, command, context);
  if (name === 'uwsgi') return followUwsgi(command, context);
  if (/^(?:pm2|pm2-runtime|pm2-docker)$/.test(name)) return followPm2(command, context);
  if (name === 'init' && texts.length === 1) return followServices(command, context);
  if (/\.(?:sh|bash)$/.test(name) || /^[./]/.test(texts[0] ?? '') || !/\./.test(name)) {
    const script = followScript(command.words[0], command, context);
    if (script) return script;
  }
  return null;
}

const flagless = (texts: readonly string[]): string[] =>
  texts.slice(1).filter(word => !isFlag(word) && !word.includes('='));

function followShell(command: PlacedCommand, context: Context): Start[] | null {
  const texts = command.words.map(word => word.text);
  const script = texts.findIndex((word, i) => i > 0 && isScriptFlag(word)) + 1;
  if (script > 0) return command.words[script] ? followText(command.words[script] as PlacedWord, context) : [];
  const at = texts.findIndex((word, i) => i > 0 && !/^[-+]/.test(word) && !/^pipefail$|^errexit$/.test(word));
  return at === -1 ? [] : followScript(command.words[at], dropWords(command, at), context);
}

/** A word that a shell reads as a script. */
const followText = (word: PlacedWord, context: Context): Start[] =>
  followAll(placeShell(word.mapped, innerScript(word)), context);

/** A script of the repository, with the words after its name as its arguments. Null: there is none of that name. */
function followScript(word: PlacedWord | undefined, command: PlacedCommand, context: Context): Start[] | null {
  const path = word ? locate(word.text, context.cwd, context.layout, context.shelf) : null;
  if (path === null || context.seen.includes(path)) return path === null ? null : [];
  const text = context.shelf.text(path);
  const isShell =
    text !== null &&
    (/\.(?:sh|bash)$/.test(path) ||
      /^#!.*\b(?:ba|da|z|k|a)?sh\b/.test(text) ||
      // Without a first line that names another program, the shell is what runs it.
      !(text.startsWith('#!') || baseOf(path).includes('.') || text.includes('\0')) ||
      /^#!.*(?:execlineb|with-contenv)/.test(text));
  if (!isShell) return null;
  const at = placeOf(command);
  const script = { file: path, text, syntax: /^#!.*execlineb/.test(text) ? ('other' as const) : ('shell' as const) };
  const rest = dropWords(command, 1);
  return followAll(placeShell(mapSlice(text, 0, text.length), script), {
    ...context,
    // A script sees its own arguments, those of the caller where it passes them on.
    args: rest.words.length > 0 ? (/^["']?\$@["']?$/.test(rest.words[0]?.text ?? '') ? context.args : rest) : null,
    chain: at ? [...context.chain, at] : context.chain,
    seen: [...context.seen, path],
  });
}

function followPackager(name: string, command: PlacedCommand, context: Context): Start[] | null {
  const texts = command.words.map(word => word.text);
  let { at, cwd, isEverywhere } = readPackagerFlags(name, texts, 1, context);
  if (texts[at] === 'workspace' && name === 'yarn') {
    cwd = workspaceAt(texts[at + 1] ?? '', context);
    at += 2;
  }
  const verb = texts[at] ?? '';
  const isRun = /^(?:run|run-script)$/.test(verb);
  const isExec = /^(?:exec|dlx|x)$/.test(verb);
  // `npm start -w api`: npm takes its flags anywhere. `pnpm run --filter api start`: the others before the name.
  const isOwn = (i: number) => (name === 'npm' && !isExec) || ((isRun || isExec) && i === at + 1);
  for (let i = at + 1; i < texts.length && texts[i] !== '--'; i++) {
    if (!isFlag(texts[i]) || !isOwn(i)) continue;
    const flags = readPackagerFlags(name, texts, i, context);
    cwd = flags.cwd ?? cwd;
    isEverywhere ||= flags.isEverywhere;
    i = flags.at - 1;
  }
  const inFolder = cwd === null ? context : { ...context, cwd };
  if (isExec) return follow(command, dropWords(command, skipFlags(texts, at + 1, VALUED_FLAG)), inFolder);
  const script = isRun ? (texts[skipFlags(texts, at + 1, VALUED_FLAG)] ?? '') : verb;
  if (name === 'npm' && !isRun && !/^(?:start|test|stop|restart|t)$/.test(verb))
    return /^(?:ci|i|install)$/.test(verb) ? [] : null;
  isEverywhere ||= texts.slice(at).some(word => /^(?:-r|--recursive|-ws|--workspaces)$/.test(word));
  const found = isEverywhere ? followPackages(script, command, context) : followPackage(script, command, inFolder);
  if (found !== null) return found;
  if (/^(?:install|add|ci|build|i)$/.test(script)) return [];
  // `yarn knex migrate:latest`: a program of a package.
  return isRun
    ? null
    : follow(command, dropWords(command, at), { ...inFolder, seen: [...context.seen, `${name} ${script}`] });
}

/** The script in every package of the repository that has it. */
function followPackages(script: string, command: PlacedCommand, context: Context): Start[] | null {
  const { shelf, layout } = context;
  const found = shelf.named('package.json', layout.home).flatMap(path => {
    const folder = path.slice(layout.home === '' ? 0 : layout.home.length + 1);
    const inside = dirOf(folder);
    const cwd = layout.workdir === null ? dirOf(path) : posix.resolve(layout.workdir, inside);
    return inside === '' ? [] : [followPackage(script, command, { ...context, cwd })];
  });
  return found.every(one => one === null) ? null : found.flatMap(one => one ?? []);
}

/** `turbo run start --filter=api`, `lerna run start --scope api`. */
function followTurbo(command: PlacedCommand, context: Context): Start[] | null {
  const texts = command.words.map(word => word.text);
  const at = texts[1] === 'run' ? 2 : 1;
  const flag = texts.findIndex(word => /^--(?:filter|scope)(?:=|$)/.test(word));
  const filter = flag === -1 ? null : (texts[flag]?.split('=')[1] ?? texts[flag + 1] ?? null);
  const cwd = filter === null ? null : workspaceAt(filter, context);
  if (cwd === null) return followPackages(texts[at] ?? '', command, context);
  return followPackage(texts[at] ?? '', command, { ...context, cwd });
}

/** A script of the nearest package.json, with those before and after it. Null: it has none of that name. */
function followPackage(script: string, command: PlacedCommand, context: Context): Start[] | null {
  if (script === '') return null;
  const names = script.includes('*') ? script : [`pre${script}`, script, `post${script}`];
  return followNamed(
    ['package.json'],
    readPackageScripts,
    typeof names === 'string' ? [names] : names,
    command,
    context,
    false,
    script,
  );
}

function followNamed(
  files: readonly string[],
  read: (file: string, text: string) => NamedCommand[],
  names: readonly string[],
  command: PlacedCommand,
  context: Context,
  allWithoutNames = false,
  required?: string,
): Start[] | null {
  const { shelf, layout } = context;
  const top = layout.workdir === null ? '' : layout.home;
  const folder = nearestWith(files, folderOf(context.cwd, layout, shelf), shelf, top);
  const path = folder === null ? undefined : files.map(name => joinPath(folder, name)).find(name => shelf.has(name));
  if (folder === null || path === undefined) return null;
  const all = shelf.read(path, read);
  const wanted = names.length === 0 && !allWithoutNames ? all.slice(0, 1).map(one => one.name) : names;
  const matches = (name: string) => {
    const glob = wanted.find(one => one.includes('*'));
    return wanted.includes(name) || (glob !== undefined && name.startsWith(glob.replace(/\*.*$/, '')));
  };
  const chosen = allWithoutNames && names.length === 0 ? all : all.filter(one => matches(one.name));
  if (
    chosen.length === 0 ||
    (required !== undefined && !required.includes('*') && !all.some(one => one.name === required))
  )
    return null;
  const at = placeOf(command);
  const id = `${path}#${wanted.join(',')}`;
  if (context.seen.includes(id)) return [];
  const inner: Context = {
    ...context,
    cwd: layout.workdir === null ? folder : context.cwd,
    args: null,
    chain: at ? [...context.chain, at] : context.chain,
    seen: [...context.seen, id],
  };
  const needs = [...new Set(chosen.flatMap(one => one.needs))].filter(name => !wanted.includes(name));
  const before = needs.length > 0 ? (followNamed(files, read, needs, command, inner) ?? []) : [];
  // In an order: what runs before a script stands before it, wherever the file has it.
  const ordered = [...chosen].sort((a, b) => wanted.indexOf(a.name) - wanted.indexOf(b.name));
  return [...before, ...ordered.flatMap(one => followAll(placeShell(one.text, one.script), inner))];
}

function followSupervisor(texts: readonly string[], command: PlacedCommand, context: Context): Start[] | null {
  const at = texts.findIndex(word => /^(?:-c|--configuration)$/.test(word));
  const { shelf, layout } = context;
  const named = at === -1 ? null : locate(texts[at + 1] ?? '', context.cwd, layout, shelf);
  const path =
    named ?? shelf.paths.find(one => isInside(layout.home, one) && /(?:^|\/)supervisord?\.(?:conf|ini)$/.test(one));
  if (!path) return null;
  const place = placeOf(command);
  return readSupervisor(path, shelf.text(path) ?? '').flatMap(one =>
    followAll(placeShell(one.text, one.script), {
      ...context,
      chain: place ? [...context.chain, place] : context.chain,
      seen: [...context.seen, path],
    }),
  );
}

/** What uWSGI runs before and beside the application of its ini; the application itself is that of the command. */
function followUwsgi(command: PlacedCommand, context: Context): Start[] | null {
  const { shelf, layout } = context;
  const path = command.words
    .map(({ text }) => (/\.ini$/.test(text) ? locate(text.replace(/^--ini=/, ''), context.cwd, layout, shelf) : null))
    .find(found => found !== null);
  if (!path || context.seen.includes(path)) return null;
  const text = shelf.text(path) ?? '';
  const at = placeOf(command);
  const commands = readUwsgi(path, text).flatMap(one => placeShell(one.text, one.script));
  const [, folder = context.cwd] = /^[ \t]*chdir[ \t]*=[ \t]*(\S+)/m.exec(text) ?? [];
  const inner = {
    ...context,
    cwd: folder,
    chain: at ? [...context.chain, at] : context.chain,
    seen: [...context.seen, path],
  };
  const [, module] = /^[ \t]*(?:module|wsgi)[ \t]*=[ \t]*(\S+)/m.exec(text) ?? [];
  const word: PlacedWord[] = module
    ? [{ text: module, mapped: { text: module, runs: [] }, script: command.script }]
    : [];
  const whole = { ...command, words: [...command.words, ...word] };
  return [...followAll(commands, inner), ...follow(whole, whole, inner)];
}

/** `pm2-runtime start ecosystem.config.js`, or a program itself. */
function followPm2(command: PlacedCommand, context: Context): Start[] | null {
  const words = command.words.filter(word => !isFlag(word.text)).slice(1);
  const target = words.find(word => !/^(?:start|restart|reload)$/.test(word.text));
  if (!target) return null;
  const path = locate(target.text, context.cwd, context.layout, context.shelf);
  if (!/\.(?:config\.[cm]?js|json|ya?ml)$/.test(target.text)) {
    if (/^(?:npm|yarn|pnpm)$/.test(target.text)) {
      const rest = command.words.slice(command.words.indexOf(target)).filter(word => word.text !== '--');
      return follow(command, { ...command, words: rest }, { ...context, seen: [...context.seen, 'pm2'] });
    }
    return null;
  }
  const text = path === null ? null : context.shelf.text(path);
  if (path === null || text === null) return null;
  const script = { file: path, text, syntax: 'shell' as const };
  return [...text.matchAll(/\b["']?script["']?\s*:\s*(["'])([^"']+)\1/g)].flatMap(match => {
    const at = match.index + match[0].lastIndexOf(match[2] ?? '');
    const word = mapSlice(text, at, at + (match[2] ?? '').length);
    const isProgram = /\.[cm]?[jt]s$/.test(word.text);
    const words = isProgram ? [{ text: 'node', runs: [] }, word] : [word];
    return follow(placeArgv(words, script), placeArgv(words, script), { ...context, seen: [...context.seen, path] });
  });
}

/** s6: `services.d/NAME/run` and `s6-overlay/s6-rc.d/NAME/run`, and what runs before them. */
function followServices(command: PlacedCommand, context: Context): Start[] | null {
  const { shelf, layout } = context;
  const runs = shelf.paths.filter(
    path =>
      isInside(layout.home, path) && /(?:services\.d|s6-rc\.d)\/[\w-]+\/(?:run|up)$|cont-init\.d\/[^/]+$/.test(path),
  );
  if (runs.length === 0) return null;
  return runs.flatMap(path => {
    const text = shelf.text(path) ?? '';
    const place = placeOf(command);
    // One line of execline, unless it names an interpreter.
    const syntax = /\/up$/.test(path) || /^#!.*execlineb/.test(text) ? 'other' : 'shell';
    return followAll(placeShell(mapSlice(text, 0, text.length), { file: path, text, syntax }), {
      ...context,
      chain: place ? [...context.chain, place] : context.chain,
      seen: [...context.seen, path],
    });
  });
}
