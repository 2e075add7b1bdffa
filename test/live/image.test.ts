/** The image of the program: built as scripts/build-image.sh builds it, and run on a mounted repository. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyFixture, git, makeDirectory, PROJECT, runCli } from '../repository.ts';
import { type Engine, findEngine, startEngine } from './stack-engine.ts';

const found = findEngine();
describe.skipIf(found === null)('the image', () => {
  let engine: Engine;
  const run = (root: string, ...args: string[]) =>
    engine.run(root, ['podman', 'run', '--rm', '--network', 'none', '-v', `${root}:/repo`, ...args]);

  beforeAll(async () => {
    // The engine is cut off from the network: the script fetches outside, and what it would have built is built inside.
    const directory = makeDirectory();
    const recorder = join(directory, 'engine');
    writeFileSync(
      recorder,
      `#!/bin/sh\nset -eu\nprintf '%s\\n' "$@" >"${directory}/arguments"\nwhile [ $# -gt 1 ]; do shift; done\ncp -r "$1" "${directory}/context"\n`,
      { mode: 0o755 },
    );
    const script = spawnSync('sh', ['scripts/build-image.sh', 'pool-migrate'], {
      cwd: PROJECT,
      env: { ...process.env, ENGINE: recorder },
      encoding: 'utf8',
    });
    expect(script.status, script.stderr).toBe(0);
    const recorded = readFileSync(join(directory, 'arguments'), 'utf8').trimEnd().split('\n').slice(0, -1);

    engine = await startEngine(found as NonNullable<typeof found>);
    const built = await engine.run(directory, ['podman', ...recorded, join(directory, 'context')]);
    expect(built.code, built.stdout + built.stderr).toBe(0);
  }, 120_000);
  afterAll(() => engine?.close(), 30_000);

  test('says of a mounted repository what the program says, not as root, in a file system that is read-only', async () => {
    const root = copyFixture('crawler');
    chmodSync(root, 0o755);
    const here = runCli(['-C', root, '--no-cache', '-q']);
    const there = await run(root, '--read-only', 'pool-migrate', '--no-cache', '-q');
    expect(there.stderr).toBe('');
    expect([there.code, there.stdout]).toEqual([here.code, here.stdout]);
    expect(there.stdout).toContain('+  pgbouncer:');
    const inspect = ['podman', 'image', 'inspect', 'pool-migrate', 'debian:trixie-slim'];
    const [image, base] = JSON.parse((await engine.run(root, inspect)).stdout);
    expect(image.Config).toMatchObject({ User: '10001:10001', WorkingDir: '/repo' });
    // What it adds to the base, in bytes.
    expect(image.Size - base.Size).toBeLessThan(280e6);
  });

  test('writes as the user that is given', async () => {
    const root = copyFixture('crawler');
    spawnSync('chown', ['-R', '4321:4321', root]);
    const written = await run(root, '--user', '4321:4321', 'pool-migrate', '--write');
    spawnSync('chown', ['-R', '0:0', root]);
    expect(written.code, written.stderr).toBe(0);
    expect(git(root, 'status', '--porcelain').toString()).toContain(' M docker-compose.yml');
    expect(runCli(['-C', root, '--check']).code).toBe(0);
  });
});
