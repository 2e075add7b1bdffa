/** Which images the repository builds itself, and from where. */
import type { ImageLookup } from '../images/known.ts';
import { imageName } from '../images/names.ts';
import type { Source } from '../model/index.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';
import type { Shelf } from './shelf.ts';

/** Folders from which the repository builds images: `docker build -t NAME FOLDER`, `build:` beside `image:`, its own name. */
export function imageContexts(
  { composeFiles }: Topology,
  texts: ReadonlyMap<string, string>,
  sources: ReadonlyMap<string, Source>,
  shelf: Shelf,
  images: ImageLookup,
): (image: string) => string | null {
  const found = new Map<string, string>();
  for (const file of composeFiles)
    for (const { image, build } of file.services)
      if (image && build !== null) found.set(imageName(image), joinPath(dirOf(file.path), build));
  for (const [path, text] of texts) {
    for (const [, line = ''] of text.matchAll(/\bdocker\s+(?:buildx\s+)?build\s+([^\n&|;]+)/g)) {
      const words = line.trim().split(/\s+/);
      const tag = words.findIndex(word => /^(?:-t|--tag)$/.test(word));
      const folder = words
        .filter(
          (word, i) =>
            !word.startsWith('-') &&
            !/^(?:-t|--tag|-f|--file|--build-arg|--target|--platform)$/.test(words[i - 1] ?? ''),
        )
        .at(-1);
      const name = tag === -1 ? '' : imageName(words[tag + 1] ?? null);
      if (name !== '' && folder !== undefined && /^[\w./-]+$/.test(folder))
        found.set(name, joinPath(dirOf(path), folder));
    }
  }
  const readme = [...sources.values()].find(source => /^readme/i.test(source.path))?.text.slice(0, 1500) ?? '';
  return image => {
    const name = imageName(image);
    const built = found.get(name);
    if (built !== undefined && shelf.paths.some(path => isInside(built, path))) return built;
    const isNamesake =
      image.includes('/') &&
      images(image) === null &&
      shelf.has('Dockerfile') &&
      readme.toLowerCase().includes(
        image
          .replace(/^[\w.-]+\.[\w.-]+\//, '')
          .replace(/[:@].*$/, '')
          .toLowerCase(),
      );
    return isNamesake ? '' : null;
  };
}
