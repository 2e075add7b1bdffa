/** Where a package runner goes before it starts something: by its flags, or by the name of a workspace. */
import { posix } from 'node:path';
import { dirOf, joinPath } from '../text/paths.ts';
import { type Layout, shownAt } from './layout.ts';
import { projectNamed } from './python-projects.ts';
import type { Shelf } from './shelf.ts';
import { isFlag } from './wrappers.ts';

/** Where the command is run. */
interface Whereabouts {
  shelf: Shelf;
  layout: Layout;
  cwd: string;
}

export const VALUED_FLAG = /^(?:--prefix|--cwd|-C|--dir|--filter|-F|-w|--workspace)$/;

/** `npm --prefix app run x`, `yarn --cwd app x`, `pnpm --filter api x`: flags from a word on, and where they lead. `at`: the word after them. */
export function readPackagerFlags(
  name: string,
  texts: readonly string[],
  from: number,
  context: Whereabouts,
): { at: number; cwd: string | null; isEverywhere: boolean } {
  let at = from;
  let cwd: string | null = null;
  let isEverywhere = false;
  while (isFlag(texts[at]) && texts[at] !== '--') {
    const [, flag = '', inline] = /^([^=]+)(?:=(.*))?$/s.exec(texts[at] ?? '') ?? [];
    // pnpm's own -w is the root of the workspace.
    const takesValue = VALUED_FLAG.test(flag) && !(flag === '-w' && name !== 'npm');
    const value = takesValue ? (inline ?? texts[++at] ?? '') : '';
    if (/^(?:--filter|-F|-w|--workspace)$/.test(flag) && takesValue) cwd = workspaceAt(value, context) ?? cwd;
    else if (takesValue) cwd = goTo(value, context);
    else if (/^(?:-r|--recursive|-ws|--workspaces)$/.test(flag)) isEverywhere = true;
    at++;
  }
  return { at, cwd, isEverywhere };
}

/** `cd`, in the container or on the machine. */
export const goTo = (folder: string, { cwd, layout }: Whereabouts): string =>
  layout.workdir === null ? joinPath(cwd, folder) : posix.resolve(cwd, folder);

/**
 * `uv run --directory api`: there. `uv run --package api`, `--project api`: here, with the modules of that project, so it counts as there
 * where no file is named.
 */
export function uvFolder(flags: readonly string[], words: readonly string[], context: Whereabouts): string {
  const given = (flag: string) =>
    flags.find(word => word.startsWith(`${flag}=`))?.slice(flag.length + 1) ??
    (flags.includes(flag) ? (flags[flags.indexOf(flag) + 1] ?? null) : null);
  const directory = given('--directory');
  const cwd = directory === null ? context.cwd : goTo(directory, context);
  if (words.some(word => /\.py$/.test(word))) return cwd;
  const folder = given('--project');
  if (folder !== null) return goTo(folder, { ...context, cwd });
  const member = projectNamed(given('--package') ?? '', context.shelf);
  return member === null ? cwd : shownAt(member.folder, context.layout);
}

/** Where the folder of a package lies for whoever runs the command. */
export function workspaceAt(name: string, context: Whereabouts): string | null {
  const folder = workspaceOf(name, context);
  return folder === null ? null : shownAt(folder, context.layout);
}

/** The folder of a package by its name or its path. */
function workspaceOf(name: string, { shelf }: Whereabouts): string | null {
  const plain = name.replace(/^\.\//, '').replace(/\.{3}$/, '');
  if (shelf.has(joinPath(plain, 'package.json'))) return plain;
  const found = shelf
    .named('package.json', '')
    .find(path =>
      new RegExp(`"name"\\s*:\\s*"${plain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`).test(shelf.text(path) ?? ''),
    );
  return found === undefined ? null : dirOf(found);
}
