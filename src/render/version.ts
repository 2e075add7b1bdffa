import { readFileSync } from 'node:fs';

/** From package.json, which lies three directories above the compiled file, two above the bundle and the source. */
function readVersion(): string {
  for (const way of ['../../../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(way, import.meta.url), 'utf8')) as {
        name: string;
        version: string;
      };
      if (name === 'pool-migrate') return version;
    } catch {
      // The other place.
    }
  }
  return '0.0.0';
}

export const VERSION = readVersion();
