/** What a development container's file says: the service in which people work, and the environment that it gets. */
import { baseOf, dirOf, joinPath } from '../text/paths.ts';

export interface DevContainer {
  /** Variables of `containerEnv` and `remoteEnv`. */
  keys: string[];
  /** Compose files, relative to the root, and the service of them. */
  composeFiles: string[];
  service: string;
}

/** Null where the file is none, or starts no service of a compose file. Source: containers.dev/implementors/json_reference */
export async function readDevContainer(path: string, text: string): Promise<DevContainer | null> {
  if (!/^\.?devcontainer\.json$/.test(baseOf(path)) || !text.includes('dockerComposeFile')) return null;
  // JSON with comments and commas at the end, as the editor writes it.
  const { ts } = await import('ts-morph');
  const { service, dockerComposeFile, containerEnv, remoteEnv } = asObject(
    ts.parseConfigFileTextToJson(path, text).config,
  );
  if (typeof service !== 'string') return null;
  const files = [dockerComposeFile].flat().filter((file): file is string => typeof file === 'string');
  return {
    keys: Object.keys({ ...asObject(containerEnv), ...asObject(remoteEnv) }),
    composeFiles: files.map(file => joinPath(dirOf(path), file)),
    service,
  };
}

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
