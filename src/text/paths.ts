/** Repository paths: relative to the root, with forward slashes; '' is the root itself. */
import { posix } from 'node:path';

export const dirOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
export const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Joins and normalises; a path that leaves the root keeps its `..`. */
export function joinPath(directory: string, path: string): string {
  if (isNormal(path) && (directory === '' || isNormal(directory)))
    return directory === '' ? path : `${directory}/${path}`;
  const joined = posix.join(directory || '.', path).replace(/\/$/, '');
  return joined === '.' ? '' : joined;
}

const isNormal = (path: string): boolean =>
  path !== '' &&
  path[0] !== '.' &&
  path[0] !== '/' &&
  !path.endsWith('/') &&
  !path.includes('/.') &&
  !path.includes('//');

/** The way from a directory to a path, starting with `./` or `../`. */
export function relativePath(directory: string, path: string): string {
  const way = posix.relative(`/${directory}`, `/${path}`);
  return way.startsWith('.') ? way : `./${way}`;
}

export const isInside = (directory: string, path: string): boolean =>
  directory === '' || path.startsWith(`${directory}/`);
