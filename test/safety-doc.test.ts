/** No promise of docs/safety.md without a test. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT } from './repository.ts';

const rows = readFileSync(join(PROJECT, 'docs/safety.md'), 'utf8')
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| Hazard'))
  .map(line => line.split('|').map(cell => cell.trim()));

test.each(rows.map(([, hazard = '', promise = '', place = '']) => [hazard, promise, place]))(
  '%s',
  (_, promise, place) => {
    expect(promise).not.toBe('');
    const named = [...place.matchAll(/`(test\/[\w./-]+)` "([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, file = '', title = ''] of named) {
      expect(existsSync(join(PROJECT, file)), file).toBe(true);
      expect(readFileSync(join(PROJECT, file), 'utf8')).toContain(title);
    }
  },
);

test('all of the list', () => expect(rows.length).toBeGreaterThanOrEqual(31));
