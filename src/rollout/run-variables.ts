/** The environment of the user's own command for each way. Pure. */

import type { Form, Site } from '../model/index.ts';
import { findUrlDsns } from '../scan/dsn.ts';
import type { Address } from './endpoint.ts';

export interface RunVariable {
  name: string;
  form: Form;
  /** Of a URL, without `://`. E.g.: `db+postgresql` */
  scheme: string;
  /** Direct: in both runs, as a `*_DIRECT` companion or a variable that migrations use. */
  way: 'pooled' | 'direct';
}

/** Variables that the plan knows to lead to the pool or to its server, by name. */
export function listRunVariables(sites: readonly Site[]): RunVariable[] {
  const found = new Map<string, RunVariable>();
  for (const { key, role, form, scheme, rule, resolution } of sites) {
    if (key === null || (role !== 'environment' && role !== 'fallback') || rule === 'pooler-itself') continue;
    if (!['url', 'host', 'port', 'host-port'].includes(form) || scheme.startsWith('jdbc:')) continue;
    const way =
      resolution.kind === 'pooler' ? 'pooled' : /^(?:server|published)$/.test(resolution.kind) ? 'direct' : null;
    // One place that leads to the pooler settles it: an env file of CI may name a server of its own.
    if (way === null || found.get(key)?.way === 'pooled') continue;
    found.set(key, { name: key, form, scheme, way });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface Target {
  address: Address;
  user: string | undefined;
  password: string | undefined;
  database: string | undefined;
}

export interface RunEnvironment {
  pooled: Record<string, string>;
  direct: Record<string, string>;
}

/** A command that starts containers gets the names of the compose network: it fills in the variables of the compose file. */
export const runsInside = (command: string): boolean =>
  /\b(?:docker|podman|nerdctl)(?:[- ]compose)?\b(?=.*\b(?:run|exec|up)\b)/.test(command);

/**
 * @param resolved Values as compose resolves them: user, password, database and parameters of a variable are kept.
 * @param names Of the bypass variable and of the suffix of direct companions.
 */
export function makeRunEnvironment(
  variables: readonly RunVariable[],
  targets: { pooled: Target; direct: Target },
  resolved: ReadonlyMap<string, string>,
  names: { bypass: string; suffix: string },
): RunEnvironment {
  const known = variables.some(({ way }) => way === 'pooled')
    ? variables
    : [...variables, ...defaultVariables(names.suffix)];
  const fill = (way: 'pooled' | 'direct'): Record<string, string> =>
    Object.fromEntries(
      known.map(variable => [
        variable.name,
        fillVariable(variable, targets[variable.way === 'direct' ? 'direct' : way], resolved),
      ]),
    );
  return { pooled: fill('pooled'), direct: { ...fill('direct'), [names.bypass]: '1' } };
}

const defaultVariables = (suffix: string): RunVariable[] => [
  { name: 'DATABASE_URL', form: 'url', scheme: 'postgresql', way: 'pooled' },
  { name: `DATABASE_URL${suffix}`, form: 'url', scheme: 'postgresql', way: 'direct' },
];

function fillVariable(
  { name, form, scheme }: RunVariable,
  { address, user, password, database }: Target,
  resolved: ReadonlyMap<string, string>,
): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  if (form === 'host') return address.host;
  if (form === 'port') return String(address.port);
  if (form === 'host-port') return `${host}:${address.port}`;
  const text = resolved.get(name) ?? '';
  const [dsn] = findUrlDsns(text);
  const [first, ...others] = dsn?.hosts ?? [];
  if (dsn && first && others.length === 0 && !dsn.ambiguous)
    return `${text.slice(0, first.host.start)}${host}:${address.port}${text.slice((first.port ?? first.host).end)}`;
  const login = user === undefined ? '' : encodeURIComponent(user);
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  return `${scheme || 'postgresql'}://${login}${secret}${login ? '@' : ''}${host}:${address.port}/${encodeURIComponent(database ?? '')}`;
}
