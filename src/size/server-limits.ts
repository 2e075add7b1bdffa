/** How many connections Postgres admits, where its command or a variable of its image says so. */

import { isServerImage } from '../images/names.ts';
import type { Server } from '../model/index.ts';
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import type { Runner } from './runners.ts';
export interface ServerLimits {
  maxConnections: Quantity;
  superuserReserved: Quantity;
}

export function readMaxConnections(server: Server, runners: readonly Runner[]): ServerLimits {
  const near = runners.filter(({ stack }) => stack === server.stack);
  // The workload behind a Kubernetes Service can have another name.
  const own = near.find(({ name }) => name === server.service) ?? near.find(({ image }) => isServerImage(image));
  const setting = (name: string, flag: string | null): Quantity | null => {
    for (const { words, place } of own?.commands ?? []) {
      const found = readSetting(words, name, flag, place);
      if (found) return found;
    }
    const variable = own?.lookup(`POSTGRESQL_${name.toUpperCase()}`);
    const value = wholeNumber(variable?.text);
    return variable && value !== null ? seen(value, variable.place, `POSTGRESQL_${name.toUpperCase()}`) : null;
  };
  const note = own
    ? "Postgres' default, since its command sets none; a mounted postgresql.conf could"
    : "Postgres' default: its settings are not in the repository";
  return {
    maxConnections: setting('max_connections', '-N') ?? assumed(100, note, server.definitions[0] ?? null),
    superuserReserved:
      setting('superuser_reserved_connections', null) ?? byDefault(3, 'superuser_reserved_connections'),
  };
}

/** `-c max_connections=200`, `--max_connections=200`, `--max-connections=200`, `-N 200`; the last one counts. */
function readSetting(words: readonly string[], name: string, flag: string | null, place: Place): Quantity | null {
  let found: Quantity | null = null;
  words.forEach((word, i) => {
    const [key = '', text] = word.replace(/^(?:-c(?=\w)|--)/, '').split('=');
    const isNamed = key.replace(/-/g, '_') === name && (/^-/.test(word) || words[i - 1] === '-c');
    const value = wholeNumber(isNamed ? text : flag !== null && words[i - 1] === flag ? word : null);
    if (value !== null) found = seen(value, place, isNamed ? `${name}=${value}` : `${flag} ${value}`);
  });
  return found;
}
