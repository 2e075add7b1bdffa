/** More than any program of a repository that is migrated has; then what is known so far counts. */
const MOST = 3000;

/** Follows `next` from the entries to all that is reached. */
export function closure(entries: readonly string[], next: (path: string) => readonly string[]): Set<string> {
  const found = new Set(entries);
  for (const path of found) {
    if (found.size > MOST) break;
    for (const other of next(path)) found.add(other);
  }
  return found;
}
