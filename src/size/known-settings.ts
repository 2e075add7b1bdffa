/** Pools of programs whose code is not in the repository, by the variables that set them. Sources: the documentation of each. */
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';
import type { Lookup } from './workers.ts';

interface KnownPool {
  library: string;
  /** By the image's name; absent: the variable says enough. */
  image?: RegExp;
  size: string[];
  /** What the program takes without them. */
  otherwise: number;
  overflow?: { variables: string[]; otherwise: number };
}

const KNOWN: KnownPool[] = [
  // keycloak.org/server/all-config
  { library: 'Keycloak', image: /keycloak/, size: ['KC_DB_POOL_MAX_SIZE'], otherwise: 100 },
  // hasura.io/docs, "Postgres connections"
  { library: 'Hasura', image: /graphql-engine/, size: ['HASURA_GRAPHQL_PG_CONNECTIONS'], otherwise: 50 },
  // airflow.apache.org/docs, "sql_alchemy_pool_size"
  {
    library: 'Airflow',
    image: /airflow/,
    size: ['AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE', 'AIRFLOW__CORE__SQL_ALCHEMY_POOL_SIZE'],
    otherwise: 5,
    overflow: {
      variables: ['AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW', 'AIRFLOW__CORE__SQL_ALCHEMY_MAX_OVERFLOW'],
      otherwise: 10,
    },
  },
  // docs.spring.io, HikariCP; quarkus.io/guides/datasource; docs.n8n.io
  { library: 'Hikari', size: ['SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE'], otherwise: 10 },
  {
    library: 'Quarkus',
    size: ['QUARKUS_DATASOURCE_JDBC_MAX_SIZE', 'QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE'],
    otherwise: 50,
  },
  { library: 'n8n', image: /^n8n$/, size: ['DB_POSTGRESDB_POOL_SIZE'], otherwise: 2 },
  { library: 'Grafana', image: /^grafana/, size: ['GF_DATABASE_MAX_OPEN_CONN'], otherwise: 100 },
];

/** Null where nothing is known of the image, and none of the variables is set. */
export function readKnownPool(
  image: string,
  place: Place,
  lookup: Lookup,
): { library: string; size: Quantity; overflow: Quantity | null } | null {
  for (const { library, image: pattern, size, otherwise, overflow } of KNOWN) {
    const given = fromVariables(size, lookup);
    if (given === null && !pattern?.test(image)) continue;
    return {
      library,
      size: given ?? byDefault(otherwise, `${library}'s default`, place),
      overflow:
        overflow === undefined
          ? null
          : (fromVariables(overflow.variables, lookup) ?? byDefault(overflow.otherwise, `${library}'s default`, place)),
    };
  }
  return null;
}

function fromVariables(names: readonly string[], lookup: Lookup): Quantity | null {
  for (const name of names) {
    const given = lookup(name);
    const value = wholeNumber(given?.text);
    if (given && value !== null) return seen(value, given.place, name);
    if (given) return assumed(10, `${name} is computed; 10 is taken`, given.place);
  }
  return null;
}
