/** User and password of a Postgres service, as the pooler beside it gets them: copied as they are written. */
import type { ComposeFile, ComposeService, EnvironmentEntry } from './compose-file.ts';
import { endOf, isAlias, isPair, isScalar, type Node, type Pair, type Scalar, startOf } from './yaml-nodes.ts';

/** The names that the official image reads, and those of Bitnami's and Red Hat's, by what the entrypoint calls them. */
export const CREDENTIALS: Record<string, string> = {
  POSTGRES_USER: 'POSTGRES_USER',
  POSTGRES_USER_FILE: 'POSTGRES_USER_FILE',
  POSTGRES_PASSWORD: 'POSTGRES_PASSWORD',
  POSTGRES_PASSWORD_FILE: 'POSTGRES_PASSWORD_FILE',
  POSTGRES_DB: 'POSTGRES_DB',
  POSTGRES_DB_FILE: 'POSTGRES_DB_FILE',
  POSTGRESQL_USERNAME: 'POSTGRES_USER',
  POSTGRESQL_USER: 'POSTGRES_USER',
  POSTGRESQL_PASSWORD: 'POSTGRES_PASSWORD',
  POSTGRESQL_PASSWORD_FILE: 'POSTGRES_PASSWORD_FILE',
  POSTGRESQL_DATABASE: 'POSTGRES_DB',
};

/** True where the pooler gets a password from the compose file: from the same variables, file or secret as Postgres. */
export const hasCredentials = (server: ComposeService): boolean =>
  isTrusting(server) ||
  server.envFiles.length > 0 ||
  server.environment.some(entry => /PASSWORD/.test(CREDENTIALS[entry.key] ?? ''));

/** The first server's under their own names; of each further server the user and the password, numbered. */
export function listCredentials(
  file: ComposeFile,
  server: ComposeService,
  others: ComposeService[],
): [name: string, entry: EnvironmentEntry][] {
  const entriesOf = (service: ComposeService) =>
    service.environment.flatMap((entry): [string, EnvironmentEntry][] => {
      const name = CREDENTIALS[entry.key];
      return name === undefined ? [] : [[name, entry]];
    });
  const found = entriesOf(server);
  const users = new Set([credentialsOf(file, server).user]);
  let number = 1;
  for (const other of others) {
    const { user } = credentialsOf(file, other);
    if (users.has(user)) continue;
    users.add(user);
    number++;
    for (const [name, entry] of entriesOf(other)) {
      const [, part] = /^POSTGRES_((?:USER|PASSWORD)(?:_FILE)?)$/.exec(name) ?? [];
      if (part) found.push([`PGBOUNCER_${part.replace(/^(USER|PASSWORD)/, `$1_${number}`)}`, entry]);
    }
  }
  return found;
}

/** User and password of a server, as they are written; null where the file does not say. */
export function credentialsOf(
  file: ComposeFile,
  server: ComposeService,
): { user: string | null; password: string | null } {
  const find = (pattern: RegExp) => {
    const entry = server.environment.find(({ key }) => pattern.test(CREDENTIALS[key] ?? ''));
    return entry ? (entry.value ?? rawEntry(file, entry)) : null;
  };
  return { user: find(/^POSTGRES_USER/), password: find(/^POSTGRES_PASSWORD/) };
}

/** Postgres that asks for no password: then PgBouncer has none to give. */
export const isTrusting = (server: ComposeService): boolean =>
  server.environment.some(entry => entry.key === 'POSTGRES_HOST_AUTH_METHOD' && entry.value === 'trust') &&
  !server.environment.some(entry => /^POSTGRES_PASSWORD/.test(entry.key));

/** The value (map) or the whole item (list) as written; an alias stays an alias, since its anchor stands before it. */
export function rawEntry(file: ComposeFile, entry: EnvironmentEntry): string | null {
  if (!isPair(entry.node)) return file.text.slice(startOf(entry.node), endOf(entry.node));
  const value = (entry.node as Pair<Scalar, Node | null>).value;
  if (value === null || (isScalar(value) && value.value === null)) return '';
  if (isScalar(value) && /^BLOCK/.test(value.type ?? '')) return null;
  if (!isScalar(value) && !isAlias(value)) return null;
  // The anchor of a value must not be defined twice.
  return file.text.slice(startOf(value), endOf(value)).replace(/^&\S+\s+/, '');
}
