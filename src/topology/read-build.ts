/** What a service's own Dockerfile makes of it. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { readImageStages } from '../../codemods/image-stages.ts';
import { dirOf, joinPath } from '../text/paths.ts';

export interface Built {
  /** The image below all stages. E.g.: `postgres:16-alpine` */
  image: string;
  /** What the stage starts; '' where that is the image's own. */
  command: string;
}

/** Null where nothing is built, or its Dockerfile is not there. `read`: the text of a file of the repository, or null. */
export function readBuild(
  { build, dockerfile, target }: ComposeService,
  { path }: ComposeFile,
  read: (path: string) => string | null,
): Built | null {
  if (build === null) return null;
  const stages = readImageStages(read(joinPath(joinPath(dirOf(path), build), dockerfile ?? 'Dockerfile')) ?? '');
  const last = stages.find(({ name }) => name !== null && name === target?.toLowerCase()) ?? stages.at(-1);
  if (!last) return null;
  const own = last.entrypoint ?? last.command;
  const command = own === null ? '' : own.form === 'exec' ? own.words.map(({ text }) => text).join(' ') : own.text.text;
  const base = stages.find(({ name }) => name === last.from.toLowerCase());
  return { image: base?.from ?? last.from, command };
}
