/** Writes a repository of so many files, the same on every machine. */
export function makeTree(root: string, count: number, seed?: number): void;
