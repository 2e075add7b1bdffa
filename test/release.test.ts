/** The release workflow: its checks are run as they stand there, with the environment that a tag has. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeDirectory, PROJECT } from './repository.ts';

interface Step {
  name?: string;
  uses?: string;
  run?: string;
}
interface Job {
  needs?: string[];
  permissions?: Record<string, string>;
  steps: Step[];
}
const { jobs, permissions, on }: { jobs: Record<string, Job>; permissions: object; on: object } = parse(
  readFileSync(join(PROJECT, '.github/workflows/release.yml'), 'utf8'),
);
const steps = jobs.publish?.steps ?? [];
const { version } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));

/** One step of the job that publishes, in a folder that has this package.json and the given changelog. */
function runStep(name: string, tag: string, changelog = '') {
  const root = makeDirectory();
  cpSync(join(PROJECT, 'package.json'), join(root, 'package.json'));
  writeFileSync(join(root, 'CHANGELOG.md'), changelog);
  const script = steps.find(step => step.name === name)?.run;
  expect(script, name).toBeDefined();
  const env = { ...process.env, GITHUB_REF_NAME: tag, RUNNER_TEMP: root };
  const { status, stdout } = spawnSync('bash', ['-e', '-c', script ?? ''], { cwd: root, env, encoding: 'utf8' });
  return { status, stdout, notes: () => readFileSync(join(root, 'notes.md'), 'utf8') };
}

test('a tag that is not the version stops it', () => {
  expect(runStep('The tag is the version', `v${version}`).status).toBe(0);
  const { status, stdout } = runStep('The tag is the version', 'v99.0.0');
  expect(status).toBe(1);
  expect(stdout).toContain(`::error::the tag is v99.0.0, and package.json says ${version}`);
  expect(runStep('The tag is the version', version).status).toBe(1);
});

test('the notes are what the changelog says of the version, and without them it stops', () => {
  const name = 'The changelog says what is new';
  const older = '## [0.0.9] - 2026-01-01\n\n### Fixed\n\n- Old.\n';
  const changelog = `# Changelog\n\n## [Unreleased]\n\n## [${version}] - 2026-12-01\n\n### Added\n\n- New.\n\n${older}`;
  const written = runStep(name, `v${version}`, changelog);
  expect(written.status).toBe(0);
  expect(written.notes().trim()).toBe('### Added\n\n- New.');
  expect(runStep(name, `v${version}`, `# Changelog\n\n## [Unreleased]\n\n- New.\n\n${older}`).status).toBe(1);
});

test('nothing is published before all has passed, and only that job may', () => {
  expect(on).toEqual({ push: { tags: ['v*'] } });
  expect(permissions).toEqual({ contents: 'read' });
  expect(jobs.publish?.needs?.sort()).toEqual(
    Object.keys(jobs)
      .filter(name => name !== 'publish')
      .sort(),
  );
  expect(jobs.publish?.permissions).toEqual({ contents: 'write', 'id-token': 'write' });
  for (const [name, job] of Object.entries(jobs)) if (name !== 'publish') expect(job.permissions).toBeUndefined();
  expect(steps.flatMap(({ name }) => name ?? [])).toEqual([
    'The tag is the version',
    'The changelog says what is new',
    'Build',
    'Publish',
    'Release',
  ]);
  expect(steps.find(({ name }) => name === 'Publish')?.run).toMatch(/^npm publish .* --provenance --access public/);
  expect(steps.find(({ name }) => name === 'Release')?.run).toContain('sbom.cdx.json');
  expect(jobs.test?.steps.map(({ run }) => run)).toContain('.ci/run');
});

test('the changelog has the form of Keep a Changelog', () => {
  const lines = readFileSync(join(PROJECT, 'CHANGELOG.md'), 'utf8').split('\n');
  expect(lines[0]).toBe('# Changelog');
  const [first, ...released] = lines.filter(line => line.startsWith('## '));
  expect(first).toBe('## [Unreleased]');
  for (const heading of released) expect(heading).toMatch(/^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/);
  const kinds = lines.filter(line => line.startsWith('### ')).map(line => line.slice(4));
  expect(kinds.length).toBeGreaterThan(0);
  for (const kind of kinds) expect(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']).toContain(kind);
});
