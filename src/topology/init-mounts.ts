/** Scripts that a new server runs. */
import type { ComposeFile } from '../../codemods/compose-file.ts';
import { dirOf, joinPath } from '../text/paths.ts';

/** What is mounted where the official image looks for scripts, and only that: '' would be everything. */
export const initMounts = (composeFiles: readonly ComposeFile[]): string[] =>
  composeFiles.flatMap(file =>
    file.services
      .flatMap(({ volumes }) => volumes)
      .filter(volume => volume.includes(':/docker-entrypoint-initdb.d'))
      .map(volume => joinPath(dirOf(file.path), volume.split(':')[0] ?? ''))
      .filter(path => path !== '' && !path.startsWith('..')),
  );
