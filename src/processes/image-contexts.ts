/** Which images the repository builds itself, and from where. */

import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import type { PlacedCommand } from '../../codemods/placed-shell.ts';
import { placeWrittenCommands } from '../../codemods/written-commands.ts';
import type { ImageLookup } from '../images/known.ts';
import { imageName } from '../images/names.ts';
import type { Source } from '../model/index.ts';
import { readExpansions } from '../text/expansion.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';
import type { Shelf } from './shelf.ts';

export interface ImageContext {
  folder: string;
  /** The stack builds it. Else it runs what was published before: an edit of its files is not in it yet. */
  isRebuilt: boolean;
}

/**
 * Folders of the images that services name: `build:` beside `image:`, `docker build -t NAME FOLDER`; of published ones the service of
 * that name which another file of the stack builds, or the repository that presents the image as its own.
 */
export function imageContexts(
  { composeFiles, stacks }: Topology,
  texts: ReadonlyMap<string, string>,
  sources: ReadonlyMap<string, Source>,
  shelf: Shelf,
  images: ImageLookup,
): (file: ComposeFile, service: ComposeService) => ImageContext | null {
  const found = new Map<string, string>();
  for (const file of composeFiles)
    for (const { image, build } of file.services)
      if (image && build !== null) found.set(imageName(image), joinPath(dirOf(file.path), build));
  for (const [path, text] of texts) {
    if (!/\bdocker\b[^\n]*\bbuild\b/.test(text)) continue;
    for (const [name, folder] of readBuilds(placeWrittenCommands(path, text)))
      found.set(name, joinPath(dirOf(path), folder));
  }
  const readme = [...sources.values()].find(source => /^readme/i.test(source.path))?.text.slice(0, 1500) ?? '';
  return (file, { name: service, image }) => {
    if (image === null) return null;
    const built = found.get(imageName(image));
    if (built !== undefined && shelf.paths.some(path => isInside(built, path)))
      return { folder: built, isRebuilt: true };
    if (!image.includes('/') || images(image) !== null) return null;
    for (const other of composeFiles) {
      const twin = other.services.find(one => one.name === service && one.build !== null);
      if (twin && stacks.get(other.path) === stacks.get(file.path))
        return { folder: joinPath(dirOf(other.path), twin.build ?? ''), isRebuilt: false };
    }
    const repository = image
      .replace(/^[\w.-]+\.[\w.-]+\//, '')
      .replace(/[:@].*$/, '')
      .toLowerCase();
    return shelf.has('Dockerfile') && readme.toLowerCase().includes(repository)
      ? { folder: '', isRebuilt: false }
      : null;
  };
}

const VALUED =
  /^(?:-t|--tag|-f|--file|--build-arg|--build-context|--target|--platform|--cache-from|--cache-to|-o|--output|--builder|--label|--secret|--network|--progress)$/;

/** Name and folder of each `docker build -t NAME FOLDER`; variables of the script are read. */
function readBuilds(commands: readonly PlacedCommand[]): [name: string, folder: string][] {
  const values = new Map<string, string>();
  return commands.flatMap(({ words, assignments }): [string, string][] => {
    const texts = words.map(word => word.text);
    if (texts.length === 0) for (const { name, raw } of assignments) values.set(name, raw.replace(/^["']|["']$/g, ''));
    const at = texts.indexOf('build');
    if (at === -1 || !texts.slice(0, at).some(word => /(?:^|\/)(?:docker|podman|buildah)$/.test(word))) return [];
    const tag = texts.findIndex(word => /^(?:-t|--tag)$/.test(word));
    const folder = texts
      .filter((word, i) => i > at && !word.startsWith('-') && !VALUED.test(texts[i - 1] ?? ''))
      .at(-1);
    const name = tag === -1 ? '' : imageName(expand(texts[tag + 1] ?? '', values));
    return name !== '' && folder !== undefined && /^[\w./-]+$/.test(folder)
      ? [[name, folder.replace(/(.)\/+$/, '$1')]]
      : [];
  });
}

/** Every expansion that the script defines; others stay as they are. */
function expand(text: string, values: ReadonlyMap<string, string>): string {
  let out = '';
  let at = 0;
  for (const { start, end, variable } of readExpansions(text, 0, text.length)) {
    out += text.slice(at, start) + (values.get(variable ?? '') ?? text.slice(start, end));
    at = end;
  }
  return out + text.slice(at);
}
