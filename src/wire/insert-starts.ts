/** Commands that start Postgres by its name start the pooler too, where something on the machine itself goes through it. */
import { isCiPath } from '../../codemods/paths.ts';
import type { NamedStart } from '../processes/index.ts';
import { baseOf, isInside } from '../text/paths.ts';
import { consumersOf, unitOf } from './insert-poolers.ts';
import { type EditState, generatedPools, leadsTo } from './state.ts';
import type { Pool } from './target.ts';

export function insertStarts(state: EditState): void {
  for (const pool of generatedPools(state)) {
    const used = state.pooled.filter(site => site.resolution.kind === 'published' && leadsTo(pool, site, state));
    if (used.length === 0) continue;
    for (const start of state.processes.named) {
      // A job has values of its own, but for the env file that it reads.
      const text = isCiPath(start.file) ? (state.sources.get(start.file)?.text ?? '') : null;
      if (text !== null && !used.some(({ format, file }) => format === 'env' && text.includes(baseOf(file)))) continue;
      // What is not made yet can't be started.
      const isMade = state.processes.named.some(
        other => other.file === start.file && other.verb !== 'start' && startOf(pool, other, state) !== null,
      );
      const end = start.verb !== 'start' || isMade ? startOf(pool, start, state) : null;
      if (end !== null)
        state.edits.push({
          file: start.file,
          span: { start: end, end },
          text: ` ${pool.host}`,
          unit: unitOf(pool),
          safety: 'safe',
        });
    }
  }
}

/** Where the pooler's name goes; null: the command is for another stack, or starts it anyhow. */
function startOf(pool: Pool, { file, services, ends, composeFile }: NamedStart, state: EditState): number | null {
  const { topology, refused, sources } = state;
  if (refused.has(file) || !sources.has(file) || services.includes(pool.host)) return null;
  const stack = pool.servers[0]?.stack;
  const own = topology.composeFiles.filter(({ path }) => topology.stacks.get(path) === stack);
  const stacks = [...new Set(topology.stacks.values())];
  // The nearest stack above the file; a document that is below none speaks of the only one.
  const [home] = stacks.filter(one => isInside(one, file)).toSorted((a, b) => b.length - a.length);
  const isOther =
    composeFile === null
      ? home === undefined
        ? stacks.length > 1
        : home !== stack
      : !own.some(({ path }) => baseOf(path) === baseOf(composeFile));
  if (isOther) return null;
  // What depends on the pooler, or does from now on, brings it along.
  const isBrought = own.some(one => {
    const consumers = consumersOf(pool, one, state);
    return one.services.some(
      ({ name, dependsOn }) => services.includes(name) && (consumers.has(name) || dependsOn.includes(pool.host)),
    );
  });
  const names = pool.servers.map(({ service }) => service);
  const at = services.findIndex(name => names.includes(name));
  return at === -1 || isBrought ? null : (ends[at] ?? null);
}
