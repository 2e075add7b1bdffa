/** Commands and services that keep the server by a value of their own, beside what is pooled. */
import { describeCommand } from '../config/rules.ts';
import type { Process } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';

/** `web: npm run migrate (compose.yml:12)` */
export const describeProcess = ({ service, words, place }: Process): string =>
  `${[service, describeCommand(words)].filter(Boolean).join(': ')} (${place.file}:${place.line})`;

/** Of what this run writes. */
export function describePastThePooler({ sites, unsafe }: Plan): string[] {
  const written = sites.filter(({ action, safety }) => action === 'pooled' && (unsafe || safety === 'safe'));
  const own = written.flatMap(({ apart }) =>
    apart.flatMap(({ process, way }) => (way.kind === 'apart' ? [] : [process])),
  );
  return [...new Set(own.map(describeProcess))];
}
