import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { jsonSchema } from '../src/cli/schema.ts';
import type { Report } from '../src/render/report.ts';
import { copyFixture, makeDirectory, makeRepository, runCli } from './repository.ts';

const validator = async (name: string) =>
  new Ajv2020({ strict: false, formats: { uri: true } }).compile(await jsonSchema(name));

describe.each(['crawler', 'ledger'])('%s', name => {
  const root = copyFixture(name);
  const { stdout } = runCli(['-C', root, '--json']);
  const report = JSON.parse(stdout) as Report;

  test('the report is what its schema says', async () => {
    const validate = await validator('report');
    validate(report);
    expect(validate.errors).toBeNull();
  });

  test('slicing the file at each place gives the text', () => {
    expect(report.sites.length).toBeGreaterThan(10);
    for (const site of report.sites) {
      const lines = readFileSync(join(root, site.file), 'utf8').split('\n');
      expect(site.endLine).toBe(site.line);
      expect((lines[site.line - 1] ?? '').slice(site.column - 1, site.endColumn - 1)).toBe(site.text);
    }
  });

  test('ids are unique and outlive lines that move', () => {
    const ids = report.sites.map(site => site.id);
    expect(new Set(ids).size).toBe(ids.length);
    const moved = copyFixture(name, (path, text) =>
      /\.(?:ya?ml|md|txt)$/.test(path) && !path.includes('compose') ? `\n\n${text}` : text,
    );
    const again = JSON.parse(runCli(['-C', moved, '--json']).stdout) as Report;
    expect(again.sites.map(site => site.id)).toEqual(ids);
  });

  test('sites are sorted by file, then offset', () => {
    const keys = report.sites.map(site => [site.file, site.line, site.column] as const);
    expect(keys).toEqual([...keys].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1] || a[2] - b[2])));
  });

  test('no password of the fixture is in it', () => {
    expect(stdout).not.toContain('crawl_password');
    expect(stdout).not.toContain('ledger:ledger');
  });
});

test('an empty repository gives a valid report', async () => {
  const validate = await validator('report');
  validate(JSON.parse(runCli(['-C', makeRepository({ 'a.txt': 'x' }), '--json']).stdout));
  expect(validate.errors).toBeNull();
});

test('a saved plan is what its schema says, and holds no secret', async () => {
  const file = join(makeDirectory(), 'plan.json');
  expect(runCli(['-C', copyFixture('crawler'), 'plan', '--out', file]).code).toBe(0);
  const text = readFileSync(file, 'utf8');
  const validate = await validator('plan');
  validate(JSON.parse(text));
  expect(validate.errors).toBeNull();
  expect(text).not.toContain('crawl_password');
});

test('the configuration that init writes is valid', async () => {
  const root = makeRepository({});
  expect(runCli(['-C', root, 'init']).code).toBe(0);
  expect(runCli(['-C', root]).code).toBe(0);
  expect(runCli(['-C', root, 'init']).code).toBe(3);
});
