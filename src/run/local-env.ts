/** Git-ignored env files: they hold what really runs, so they are named and never written without being asked to. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { isEnvironmentFile } from '../../codemods/paths.ts';
import { isThere } from '../discover/index.ts';
import type { Source } from '../model/index.ts';
import { dirOf, joinPath } from '../text/paths.ts';
import { listEnvironmentFiles, type Topology } from '../topology/index.ts';

const NAMES = [
  '.env',
  '.env.local',
  '.env.development',
  '.env.dev',
  '.env.production',
  '.env.prod',
  '.env.docker',
  '.env.staging',
  'docker.env',
  '.envrc',
];

/** Paths of env files beside compose files and templates, or named by `env_file`, that are no part of the scan. */
export function findLocalEnvironments(
  root: string,
  sources: ReadonlyMap<string, Source>,
  topology: Topology,
): string[] {
  const directories = new Set([
    ...topology.composeFiles.map(file => dirOf(file.path)),
    ...[...sources.keys()].filter(isEnvironmentFile).map(dirOf),
  ]);
  const named = listEnvironmentFiles(topology.composeFiles);
  const candidates = [...[...directories].flatMap(directory => NAMES.map(name => joinPath(directory, name))), ...named];
  return [...new Set(candidates)]
    .filter(path => !path.startsWith('..') && !path.startsWith('/') && !path.includes('$') && !sources.has(path))
    .filter(path => isThere(join(root, path)) && lstatSync(join(root, path)).isFile())
    .sort();
}
