/** Where the files of a container come from: what its Dockerfile copies, and what compose mounts. */
import { posix } from 'node:path';
import type { ImageStage } from '../../codemods/image-stages.ts';
import { baseOf, isInside, joinPath } from '../text/paths.ts';
import type { Shelf } from './shelf.ts';

export interface Layout {
  /** Folder of the repository that the image is built from, or in which a command runs on the machine itself. */
  home: string;
  /** Working directory in the container; null: the machine itself, where paths are those of the repository. */
  workdir: string | null;
  /** Later ones cover earlier ones. `source`: a path of the repository. */
  places: { source: string; target: string }[];
  /** Programs that the Dockerfile compiles: their name in the image, and the package. */
  built: { target: string; source: string }[];
}

export const hostLayout = (home: string): Layout => ({ home, workdir: null, places: [], built: [] });

/** `stages`: the stage that runs, and those that it is made from, the last one first. */
export function imageLayout(context: string, stages: readonly ImageStage[], all: readonly ImageStage[]): Layout {
  const layout: Layout = { home: context, workdir: '/', places: [], built: [] };
  for (const stage of [...stages].reverse()) {
    let at = layout.workdir ?? '/';
    for (const { sources, target, stage: from, workdir } of stage.copies) {
      at = workdir === null ? (layout.workdir ?? '/') : posix.resolve('/', layout.workdir ?? '/', workdir);
      const to = posix.resolve(at, target);
      for (const source of sources) {
        const origin =
          from === null
            ? joinPath(context, source.replace(/^\/+/, '').replace(/\*.*$/, ''))
            : fromStage(source, from, context, all);
        if (origin === null || origin.startsWith('..')) continue;
        // A folder gives its content; a file goes below a target that is a folder.
        const isFolder = target.endsWith('/') || sources.length > 1 || /^\.{1,2}$/.test(target);
        const isFile = /\.[\w-]+$/.test(baseOf(origin)) || (isFolder && !source.endsWith('/') && source !== '.');
        layout.places.push({ source: origin, target: isFolder && isFile ? posix.join(to, baseOf(origin)) : to });
        if (isFolder && isFile) layout.places.push({ source: origin, target: to });
      }
    }
    if (stage.workdir !== null) layout.workdir = posix.resolve(layout.workdir ?? '/', stage.workdir);
  }
  for (const stage of all) for (const run of stage.runs) layout.built.push(...readBuilds(run, stage, context));
  return layout;
}

/** A file that an earlier stage copied or made. */
function fromStage(path: string, name: string, context: string, all: readonly ImageStage[]): string | null {
  const stage = all.find(one => one.name === name.toLowerCase()) ?? all[Number(name)];
  if (!stage) return null;
  return resolveInImage(posix.resolve('/', path), imageLayout(context, stagesOf(stage, all), []));
}

/** The stage and those that it is made from. */
export function stagesOf(stage: ImageStage, all: readonly ImageStage[]): ImageStage[] {
  const found = [stage];
  for (let at = stage; found.length < 20; ) {
    const base = all.find(one => one.name !== null && one.name === at.from.toLowerCase() && !found.includes(one));
    if (!base) break;
    found.push(base);
    at = base;
  }
  return found;
}

/** `cd api && go build -o /bin/api ./cmd/api` → that package under that name. */
function readBuilds(run: string, { workdir }: ImageStage, context: string): Layout['built'] {
  return [...run.matchAll(/\bgo\s+build\b([^&|;\n]*(?:\\\n[^&|;\n]*)*)/g)].flatMap(({ index, 1: rest = '' }) => {
    const words = rest.replace(/\\\n/g, ' ').split(/\s+/).filter(Boolean);
    const output = words[words.indexOf('-o') + 1];
    const source = words.filter((word, i) => !word.startsWith('-') && !/^-[oC]$/.test(words[i - 1] ?? '')).at(-1);
    if (!words.includes('-o') || output === undefined) return [];
    const inside = words[words.indexOf('-C') + 1];
    const at = [
      ...[...run.slice(0, index).matchAll(/(?:^|[&;]|\bRUN)\s*cd\s+([\w./-]+)/g)].map(([, folder = '']) => folder),
      ...(words.includes('-C') && inside !== undefined ? [inside] : []),
    ].filter(folder => !folder.startsWith('/'));
    const target = posix.resolve('/', workdir ?? '/', ...at, output);
    // `example.com/api`: an import path.
    if (source !== undefined && /^[\w-]+(?:\.[\w-]+)+\/[\w./-]+$/.test(source) && !source.endsWith('.go'))
      return [{ target, source }];
    const folder = source !== undefined && /^(?:\.|[\w-]+\/|[\w-]+\.go$)/.test(source) ? source : '.';
    return [{ target, source: joinPath(joinPath(context, at.join('/')), folder.replace(/\/\.\.\.$/, '')) }];
  });
}

/** The path in the repository of a path in the container; null where nothing there is known to be copied. */
function resolveInImage(path: string, { places }: Layout): string | null {
  for (const { source, target } of [...places].reverse()) {
    if (path === target) return source;
    const folder = target === '/' ? '/' : `${target}/`;
    if (path.startsWith(folder)) return joinPath(source, path.slice(folder.length));
  }
  return null;
}

/** Where a folder of the repository lies: in the container, or on the machine itself. */
export function shownAt(folder: string, { home, workdir, places }: Layout): string {
  if (workdir === null) return folder;
  const place = places.findLast(({ source }) => isInside(source, folder));
  const from = place?.source ?? home;
  return posix.resolve(place?.target ?? workdir, from === '' ? folder : folder.slice(from.length + 1));
}

const PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The file that a word of a command names, seen from a working directory. Null: none in the repository. */
export function locate(word: string, cwd: string, layout: Layout, shelf: Shelf): string | null {
  const plain = word.replace(/^["']|["']$/g, '');
  if (plain === '' || /[\s$*{}<>|;&]/.test(plain)) return null;
  if (layout.workdir === null) {
    const path = joinPath(cwd, plain.replace(/^\/+/, ''));
    return shelf.has(path) ? path : null;
  }
  for (const folder of plain.includes('/') ? [cwd] : [cwd, ...PATH]) {
    const exact = resolveInImage(posix.resolve(folder, plain), layout);
    if (exact !== null && shelf.has(exact)) return exact;
  }
  // What is not seen to be copied most likely lies where the context has a file of that name alone.
  const found = shelf.named(baseOf(plain), layout.home);
  const direct = joinPath(layout.home, plain.replace(/^\/(?:[\w-]+\/)?/, '').replace(/^\.\//, ''));
  if (shelf.has(direct)) return direct;
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** The folder of the repository that a working directory shows. */
export function folderOf(cwd: string, layout: Layout, shelf: Shelf): string {
  if (layout.workdir === null) return cwd;
  const found = resolveInImage(cwd, layout);
  return found !== null && shelf.paths.some(path => isInside(found, path)) ? found : layout.home;
}
