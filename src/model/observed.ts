/** Paths that a run has looked at by name, whether there is something or not: what they were belongs to what the run says. */
const observed = new Set<string>();

/** Absolute path. */
export const observe = (path: string): void => void observed.add(path);

export const observedPaths = (): ReadonlySet<string> => observed;
