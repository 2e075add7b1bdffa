/** What the code says of values, wherever they come from. */

import { DUMPS } from '../../codemods/programs.ts';
import type { Extraction, Process } from '../model/index.ts';
import { baseOf } from '../text/paths.ts';
import { isNear } from './areas.ts';
import { codeOf, isNamed, portKeyOf, readsHostAlone } from './port-variables.ts';
import { NOBODY, type Processes, type ProcessInput, processOf } from './process.ts';
import type { EnvironmentText } from './receivers.ts';

/** Entries of ConfigMaps and Secrets: file, name and key. */
export const listConfigs = (extractions: ReadonlyMap<string, Extraction>): [string, string, string][] =>
  [...extractions].flatMap(([path, { facts }]) =>
    facts.configs.flatMap(({ name, keys }) => keys.map((key): [string, string, string] => [path, name, key])),
  );

/** What the code says of values, wherever they come from. */
export function readers(
  { topology, extractions, sources, images }: ProcessInput,
  environments: readonly EnvironmentText[],
): Pick<Processes, 'isPortless' | 'imagePort' | 'portVariable' | 'dumpUses'> {
  const isPortless = (file: string, key: string, siblings: readonly string[], names: readonly string[]) =>
    [...extractions].some(
      ([path, { facts }]) => isNear(path, file) && (facts.portless.includes(key) || facts.portless.includes('*')),
    ) || codeOf(names, topology, sources).some(own => readsHostAlone(key, siblings, own));
  const passed = new Set(
    topology.composeFiles.flatMap(file => file.services.flatMap(one => one.environment.map(({ key }) => key))),
  );
  const defined = new Set([
    ...passed,
    ...environments.flatMap(({ keys }) => keys),
    ...listConfigs(extractions).map(([, , key]) => key),
  ]);
  const imagePort = (key: string, image: string | null) => {
    const settings = images(image)?.settings;
    return settings?.host?.includes(key)
      ? (settings.port?.[settings.host.indexOf(key)] ?? settings.port?.[0] ?? null)
      : null;
  };
  const portVariable = (key: string, format: string, image: string | null) => {
    const own = imagePort(key, image);
    if (own !== null) return own;
    const port = portKeyOf(key);
    // Compose passes on by name what it is told to, and nothing beside it.
    if (format === 'env' && passed.has(key)) return null;
    return port !== null && !defined.has(port) && isNamed(key, sources) && isNamed(port, sources) ? port : null;
  };
  const dumpers = [...sources.values()].filter(
    ({ path, text }) => /\.(?:py|[cm]?[jt]s)$/.test(path) && DUMPS.test(text),
  );
  const dumpUses = (key: string): Process[] =>
    dumpers
      .filter(({ text }) => new RegExp(`\\b${key}\\b`).test(text))
      .map(({ path }) =>
        processOf(NOBODY, path, 'hand', [
          { kind: 'dump', what: baseOf(path), place: { file: path, line: 1 }, reads: [key] },
        ]),
      );
  return { isPortless, imagePort, portVariable, dumpUses };
}
