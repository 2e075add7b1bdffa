/** Topology from the sources that were read: compose files, env templates, Dockerfiles. */

import { type ComposeFile, readComposeFile } from '../../codemods/compose-file.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { isComposeFile, isEnvironmentFile } from '../../codemods/paths.ts';
import type { Config } from '../config/config.ts';
import { poolPorts } from '../config/pool-kind.ts';
import { PlanError } from '../model/errors.ts';
import type { Failure, Source } from '../model/index.ts';
import { dirOf } from '../text/paths.ts';
import { readManifests } from './manifests.ts';
import { buildTopology, type Topology } from './topology.ts';
export function readTopology(
  sources: ReadonlyMap<string, Source>,
  config: Config,
): { topology: Topology; failures: Failure[] } {
  const composeFiles: ComposeFile[] = [];
  const failures: Failure[] = [];
  const environments = new Map<string, Map<string, string>>();
  for (const source of sources.values()) {
    if (isComposeFile(source.path, source.text)) {
      try {
        const file = readComposeFile(source.path, source.text);
        if (file) composeFiles.push(file);
      } catch (error) {
        const known = error instanceof PlanError;
        if (!known && !(error instanceof RangeError)) throw error;
        failures.push({
          file: source.path,
          ...(known && error.line !== undefined ? { line: error.line } : {}),
          code: known ? error.code : 'too-deep',
          message: known ? error.message : 'nested too deeply to be read safely',
        });
      }
    } else if (isEnvironmentFile(source.path)) {
      const values = environments.get(dirOf(source.path)) ?? new Map<string, string>();
      environments.set(dirOf(source.path), values);
      for (const line of readEnvLines(source.text))
        if (!line.commented && !values.has(line.key)) values.set(line.key, line.value.text);
    }
  }
  const topology = buildTopology({
    composeFiles: inOrder(composeFiles),
    environments,
    readFile: path => sources.get(path)?.text ?? null,
    manifests: readManifests(sources.values()),
    named: config.services,
    poolHost: config.pool.host,
    poolPorts: poolPorts(config.pool),
  });
  return { topology, failures };
}

/** In each folder the file that `docker compose` takes by itself comes first: what is said of a stack is said of that one. */
function inOrder(files: readonly ComposeFile[]): ComposeFile[] {
  const isTaken = ({ path }: ComposeFile) => /(?:^|\/)(?:docker-)?compose\.ya?ml$/.test(path);
  const folders = [...new Set(files.map(({ path }) => dirOf(path)))];
  return folders.flatMap(folder => {
    const own = files.filter(({ path }) => dirOf(path) === folder);
    return [...own.filter(isTaken), ...own.filter(file => !isTaken(file))];
  });
}
