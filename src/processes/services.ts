/** What a compose service starts: entry point and command of compose and of its Dockerfile, followed to the programs. */
import { posix } from 'node:path';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { type ImageCommand, readImageStages } from '../../codemods/image-stages.ts';
import { type PlacedCommand, placeArgv, placeShell, type Script } from '../../codemods/placed-shell.ts';
import { isScriptFlag, isShell } from '../../codemods/shell-words.ts';
import { getNode, isScalar, isSeq, mapScalar, type Node, resolveNode } from '../../codemods/yaml-nodes.ts';
import type { Place } from '../model/index.ts';
import { mapSlice } from '../text/mapped-text.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import { findBase, withBase } from '../topology/index.ts';
import { followCommands } from './follow.ts';
import type { ImageContext } from './image-contexts.ts';
import { hostLayout, imageLayout, type Layout, stagesOf } from './layout.ts';
import type { Shelf } from './shelf.ts';
import type { Start } from './start.ts';

export interface ServiceStarts {
  starts: Start[];
  /** Folder that the image is built from; null: it is built elsewhere. */
  context: string | null;
  /** From which its image is built. */
  dockerfile: string | null;
  /** False: it runs what was published before, in which no edit of its files is. */
  isRebuilt: boolean;
  /** Image that the last stage is made from, or that compose names. */
  image: string | null;
  /** Folders of the repository in which people work, where the service starts nothing itself: `sleep infinity`, a development container. */
  workspaces: string[];
}

/** `contextOf`: from where the repository builds the image of a service, as far as that is known. */
export function startsOf(
  file: ComposeFile,
  own: ComposeService,
  files: readonly ComposeFile[],
  shelf: Shelf,
  contextOf: (file: ComposeFile, service: ComposeService) => ImageContext | null,
): ServiceStarts {
  const service = withBase(file, own, files);
  const folder = service.build === null ? null : joinPath(dirOf(file.path), service.build);
  const found: ImageContext | null =
    folder === null
      ? contextOf(file, service)
      : { folder, dockerfile: joinPath(folder, service.dockerfile ?? 'Dockerfile'), isRebuilt: true };
  const context = found?.folder ?? null;
  const dockerfile = found?.dockerfile ?? null;
  const text = dockerfile === null ? null : shelf.text(dockerfile);
  const all = text === null ? [] : readImageStages(text);
  const stage = all.find(({ name }) => name !== null && name === service.target?.toLowerCase()) ?? all.at(-1);
  const stages = stage ? stagesOf(stage, all) : [];
  const layout = imageLayoutOf(file, service, context, stages, all, shelf);
  const entrypoint = composeCommand(file, own, files, 'entrypoint');
  const command = composeCommand(file, own, files, 'command');
  const script: Script | null =
    dockerfile !== null && text !== null ? { file: dockerfile, text, syntax: 'shell' } : null;
  // A stage that sets an entry point drops the command of what it is made from.
  const setter = stages.findIndex(one => one.entrypoint !== null);
  const imageEntry = stages[setter]?.entrypoint ?? null;
  const imageCommand =
    stages.slice(0, setter === -1 ? undefined : setter + 1).find(one => one.command !== null)?.command ?? null;
  const asPlaced = (one: ImageCommand | null): PlacedCommand[] | null =>
    one === null || script === null
      ? null
      : one.form === 'exec'
        ? [placeArgv(one.words, { ...script, syntax: 'json' })]
        : placeShell(one.text, script);
  const entry = entrypoint ?? asPlaced(imageEntry);
  const isShellEntry = entrypoint === null && imageEntry?.form === 'shell';
  const arguments_ = isShellEntry ? null : (command ?? (entrypoint === null ? asPlaced(imageCommand) : null));
  const place: Place = { file: file.path, line: own.line };
  const shellArguments = command === null && imageCommand?.form === 'shell' && entry !== null;
  const known = joinEntry(entry, arguments_, shellArguments);
  const named = known.length === 0 ? namedEntry(found, shelf) : [];
  const commands = [...known, ...named];
  const starts = followCommands(commands, {
    shelf,
    layout,
    cwd: service.workingDir ?? layout.workdir ?? layout.home,
    chain: [place],
  });
  const [first] = starts;
  // What such an entry point hands over to is not known, but there is something.
  if (first && named.length > 0) starts.push({ ...first, words: [], step: null, assigns: [] });
  const isIdle = starts.length === 0 && (commands.length > 0 || /(?:^|\/)\.devcontainer\//.test(file.path));
  return {
    starts,
    workspaces: isIdle ? workspacesOf(file, service, shelf) : [],
    context,
    dockerfile,
    // An image that is pulled has nothing of this repository, unless its files are mounted.
    isRebuilt: found?.isRebuilt ?? (service.build !== null || layout.places.length > 0),
    image: stages.at(-1)?.from ?? service.image,
  };
}

/** The script that is the entry point by its name, where no Dockerfile says. */
function namedEntry(found: ImageContext | null, shelf: Shelf): PlacedCommand[] {
  const text = found?.entry === undefined ? null : shelf.text(found.entry);
  return found?.entry === undefined || text === null
    ? []
    : placeShell(mapSlice(text, 0, text.length), { file: found.entry, text, syntax: 'shell' });
}

/** An entry point of one command takes the command's words as its arguments. */
function joinEntry(
  entry: readonly PlacedCommand[] | null,
  command: readonly PlacedCommand[] | null,
  isShellText: boolean,
): PlacedCommand[] {
  if (!entry) return [...(command ?? [])];
  const [only] = entry;
  if (!command || command.length === 0 || entry.length !== 1 || !only)
    return [...entry, ...(isShellText ? (command ?? []) : [])];
  const words = only.words.map(word => word.text);
  const startsShell = isShell(words.at(-2) ?? '') && isScriptFlag(words.at(-1) ?? '');
  // `entrypoint: [sh, -c]`: the first word of the command is the script, wherever it is written.
  if (startsShell || isShellText)
    return startsShell && command[0]?.script.syntax === 'compose'
      ? [{ ...only, words: [...only.words, ...wholeText(command)] }]
      : [only, ...command];
  return [{ ...only, words: [...only.words, ...command.flatMap(one => one.words)] }];
}

const wholeText = (command: readonly PlacedCommand[]) => command.flatMap(one => one.words);

/** A string is split into words and no shell reads it; so is a list. Null where compose does not say. */
function composeCommand(
  file: ComposeFile,
  service: ComposeService,
  files: readonly ComposeFile[],
  key: 'entrypoint' | 'command',
): PlacedCommand[] | null {
  const body = resolveNode(service.pair.value, file.document);
  const node = getNode(body, key, file.document);
  const script: Script = { file: file.path, text: file.text, syntax: 'compose' };
  if (isSeq(node)) {
    const words = (node.items as Node[]).map(item => resolveNode(item, file.document)).filter(item => isScalar(item));
    return [
      placeArgv(
        words.map(word => mapScalar(file.text, word)),
        script,
      ),
    ];
  }
  if (isScalar(node) && node.value !== null) {
    const mapped = mapScalar(file.text, node);
    const commands = placeShell(mapped, script);
    // `&&` reaches the program as a word, so no assignment can stand before what follows it.
    return commands.map(one => ({ ...one, span: null }));
  }
  const base = findBase(file, service, files);
  return base ? composeCommand(base[0], base[1], files, key) : null;
}

function imageLayoutOf(
  file: ComposeFile,
  service: ComposeService,
  context: string | null,
  stages: Parameters<typeof imageLayout>[1],
  all: Parameters<typeof imageLayout>[2],
  shelf: Shelf,
): Layout {
  const layout =
    context === null ? { ...hostLayout(dirOf(file.path)), workdir: '/' } : imageLayout(context, stages, all);
  for (const volume of service.volumes) {
    const [source = '', target = ''] = volume.split(':');
    if (!/^\.{1,2}(?:\/|$)/.test(source) || !target.startsWith('/')) continue;
    const folder = joinPath(dirOf(file.path), source);
    if (!folder.startsWith('..') && (shelf.has(folder) || shelf.paths.some(path => isInside(folder, path))))
      layout.places.push({ source: folder, target: posix.resolve(target) });
  }
  return layout;
}

/** The folders of the repository that are mounted, the whole of it where its parent is. */
function workspacesOf(file: ComposeFile, { volumes }: ComposeService, shelf: Shelf): string[] {
  return volumes.flatMap(volume => {
    const [source = '', target = ''] = volume.split(':');
    if (!/^\.{1,2}(?:\/|$)/.test(source) || !target.startsWith('/')) return [];
    const folder = joinPath(dirOf(file.path), source);
    if (folder.startsWith('..')) return [''];
    return folder === '' || shelf.paths.some(path => path.startsWith(`${folder}/`)) ? [folder] : [];
  });
}
