/** Commands and services that keep the server by a value of their own, beside what is pooled. */
import type { Plan } from '../plan/index.ts';
import { describeProcess } from './place.ts';

/** Of what this run writes. */
export function describePastThePooler({ sites, unsafe }: Plan): string[] {
  const written = sites.filter(({ action, safety }) => action === 'pooled' && (unsafe || safety === 'safe'));
  const own = written.flatMap(({ apart }) =>
    apart.flatMap(({ process, way }) => (way.kind === 'apart' ? [] : [process])),
  );
  return [...new Set(own.map(describeProcess))];
}
