/** Which images the repository builds itself, and from where. */

import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { isCiPath } from '../../codemods/paths.ts';
import type { PlacedCommand } from '../../codemods/placed-shell.ts';
import { placeWrittenCommands } from '../../codemods/written-commands.ts';
import type { ImageLookup } from '../images/known.ts';
import { imageName } from '../images/names.ts';
import { readExpansions } from '../text/expansion.ts';
import { dirOf, isInside, joinPath } from '../text/paths.ts';
import type { Topology } from '../topology/index.ts';
import { ASIDE } from './areas.ts';
import type { Shelf } from './shelf.ts';
import { type Build, workflowBuilds } from './workflow-builds.ts';

export interface ImageContext {
  folder: string;
  dockerfile: string;
  /** The stack builds it. Else it runs what was published before: an edit of its files is not in it yet. */
  isRebuilt: boolean;
  /** Where there is no Dockerfile to read: the script that by its name is its entry point. */
  entry?: string;
}

/**
 * Where the images that services name come from: `build:` beside `image:`, `docker build -t NAME FOLDER`; of published ones the
 * service of that name which another file of the stack builds, the job that publishes it, or the repository that presents it as its own.
 */
export function imageContexts(
  { composeFiles, stacks }: Topology,
  texts: ReadonlyMap<string, string>,
  shelf: Shelf,
  images: ImageLookup,
): (file: ComposeFile, service: ComposeService) => ImageContext | null {
  const found: Build[] = [];
  const published = new Map<string, Build>();
  for (const file of composeFiles)
    for (const { image, build, dockerfile } of file.services) {
      if (!image || build === null) continue;
      const folder = joinPath(dirOf(file.path), build);
      found.push({
        name: imageName(image),
        repository: repositoryOf(image),
        folder,
        dockerfile: joinPath(folder, dockerfile ?? 'Dockerfile'),
      });
    }
  for (const [path, text] of texts) {
    if (isCiPath(path)) for (const build of workflowBuilds(text)) published.set(build.name, build);
    if (!/\bdocker\b[^\n]{0,300}\bbuild\b/.test(text)) continue;
    for (const build of readBuilds(placeWrittenCommands(path, text))) {
      // What a document says is done at the top, what a script does mostly where it stands.
      const folders = /\.mdx?$/i.test(path) ? ['', dirOf(path)] : [dirOf(path), ''];
      const place = folders.find(folder => shelf.has(joinPath(folder, build.dockerfile)));
      if (place === undefined) continue;
      found.push({
        ...build,
        folder: joinPath(place, build.folder),
        dockerfile: joinPath(place, build.dockerfile),
      });
    }
  }
  const readme = shelf.text(shelf.paths.find(path => /^readme/i.test(path)) ?? '')?.slice(0, 1500) ?? '';
  return (file, { name: service, image }) => {
    if (image === null) return null;
    const name = imageName(image);
    const all = found.filter(build => build.name === name);
    const built = all.find(({ repository }) => isSame(repository, repositoryOf(image))) ?? all.at(-1);
    const isOwn = built !== undefined && shelf.paths.some(path => isInside(built.folder, path));
    // `docker build -t app .` makes no `owner/app`: that one is pulled.
    if (isOwn) return { ...built, isRebuilt: isSame(built.repository, repositoryOf(image)) };
    if (!image.includes('/') || images(image) !== null) return null;
    for (const other of composeFiles) {
      const twin = other.services.find(one => one.name === service && one.build !== null);
      if (!twin || stacks.get(other.path) !== stacks.get(file.path)) continue;
      const folder = joinPath(dirOf(other.path), twin.build ?? '');
      return { folder, dockerfile: joinPath(folder, twin.dockerfile ?? 'Dockerfile'), isRebuilt: false };
    }
    const job = published.get(name);
    if (job && shelf.has(job.dockerfile)) return { ...job, isRebuilt: false };
    const repository = image
      .replace(/^[\w.-]+\.[\w.-]+\//, '')
      .replace(/[:@].*$/, '')
      .toLowerCase();
    if (!readme.toLowerCase().includes(repository)) return null;
    if (shelf.has('Dockerfile')) return { folder: '', dockerfile: 'Dockerfile', isRebuilt: false };
    const [entry, ...others] = shelf.paths.filter(path => ENTRY.test(path) && !ASIDE.test(path));
    return entry !== undefined && others.length === 0
      ? { folder: '', dockerfile: 'Dockerfile', isRebuilt: false, entry }
      : null;
  };
}

const ENTRY = /(?:^|\/)(?:docker-)?entrypoint(?:\.sh)?$/;

const VALUED =
  /^(?:-t|--tag|-f|--file|--build-arg|--build-context|--target|--platform|--cache-from|--cache-to|-o|--output|--builder|--label|--secret|--network|--progress)$/;

/** E.g.: `registry.local:5000/team/app:1.2` → `registry.local:5000/team/app` */
const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/]*$/, '');

/** What a variable is in can't be told. */
const isSame = (one: string, other: string): boolean => one === other || /\$/.test(one + other);

/** Each `docker build -t NAME -f FILE FOLDER`, relative to where it is run; variables of the script are read. */
function readBuilds(commands: readonly PlacedCommand[]): Build[] {
  const values = new Map<string, string>();
  return commands.flatMap(({ words, assignments }): Build[] => {
    const texts = words.map(word => expand(word.text, values));
    if (texts.length === 0) for (const { name, raw } of assignments) values.set(name, raw.replace(/^["']|["']$/g, ''));
    const at = texts.indexOf('build');
    if (at === -1 || !texts.slice(0, at).some(word => /(?:^|\/)(?:docker|podman|buildah)$/.test(word))) return [];
    const optionValue = (...names: string[]) => {
      const option = texts.findIndex(word => names.includes(word));
      return option === -1 ? null : (texts[option + 1] ?? '');
    };
    const given = texts.filter((word, i) => i > at && !word.startsWith('-') && !VALUED.test(texts[i - 1] ?? '')).at(-1);
    const folder = given?.replace(/(.)\/+$/, '$1');
    const tag = optionValue('-t', '--tag') ?? '';
    const name = imageName(tag);
    const file = optionValue('-f', '--file');
    return name !== '' && folder !== undefined && /^[\w./-]+$/.test(folder)
      ? [{ name, repository: repositoryOf(tag), folder, dockerfile: file ?? joinPath(folder, 'Dockerfile') }]
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
