/** What the name of an image says. */
/** Image names whose last part says Postgres, but that only work with one. */
const HELPERS =
  /export|backup|dump|restore|admin|postgrest|operator|bouncer|pool|repmgr-?d|client|migrat|graphile|tool|wal-?g|barman|init|metrics|monitor|proxy|bridge|mcp/;
const SERVER_IMAGE =
  /^(?:postgres(?:ql)?|postgis|pgvector|timescaledb(?:-ha|-postgis)?|citus|pgrouting|paradedb|pgautoupgrade|spilo(?:-\d+)?|alloydbomni|edb-postgres|postgres-(?!operator)[\w-]*|[\w-]+-postgres(?:ql)?|postgresql-[\w-]+|postgis-[\w-]+|postgres[\d.]+|pgvecto-rs|vectorchord-postgres|age)$/;

/** E.g.: `registry.local:5000/team/postgis:15-alpine@sha256:…` → `postgis`. */
export function imageName(image: string | null): string {
  const name = (image ?? '').replace(/\$\{[^}]*:?-([^}]*)\}/g, '$1').replace(/@.*$/, '');
  const last = name
    .slice(name.lastIndexOf('/') + 1)
    .replace(/:.*$/, '')
    .toLowerCase();
  return last;
}

/** An image of somebody's own, told by the volume that it keeps its data in. */
export const holdsData = (image: string, mounts: readonly string[]): boolean =>
  !HELPERS.test(image) && mounts.some(path => /^\/var\/lib\/(?:postgresql|pgsql)(?:[/:]|$)/.test(path));

export const isServerImage = (name: string): boolean => SERVER_IMAGE.test(name) && !HELPERS.test(name);
