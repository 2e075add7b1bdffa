/** Which files there are, and their bytes. */

export { readBytes } from './bytes.ts';
export { discover, type Filter, isThere, readSource } from './discover.ts';
export {
  askChanged,
  askGit,
  blobId,
  changedFiles,
  filteredFiles,
  gitDirectory,
  ignoredPaths,
  indexEntries,
  isInWorkTree,
  repositoryName,
} from './git.ts';
export { LOOK, type Scanner, startScanner } from './scan.ts';
