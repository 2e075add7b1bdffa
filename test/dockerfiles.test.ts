/** The generated image: what a linter says, and what has to be in it or must not be. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DockerfileParser, type From, type Instruction } from 'dockerfile-ast';
import { ValidationSeverity, validate } from 'dockerfile-utils';
import { describe, expect, test } from 'vitest';
import { type Asset, type AssetInput, FEATURES, type Feature, generateAssets } from '../pgbouncer/index.ts';
import { assetInput } from './live/asset-input.ts';
import { makeDirectory, PROJECT } from './repository.ts';

const settings = {
  casingInstruction: ValidationSeverity.ERROR,
  deprecatedMaintainer: ValidationSeverity.ERROR,
  directiveCasing: ValidationSeverity.ERROR,
  emptyContinuationLine: ValidationSeverity.ERROR,
  instructionCmdMultiple: ValidationSeverity.ERROR,
  instructionEntrypointMultiple: ValidationSeverity.ERROR,
  instructionHealthcheckMultiple: ValidationSeverity.ERROR,
  instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
  instructionUserMultiple: ValidationSeverity.ERROR,
  instructionWorkdirRelative: ValidationSeverity.ERROR,
};

const variants = (['alpine', 'debian'] as const).flatMap(base =>
  [null, 12, 15, 17, 18].map((major): [AssetInput['base'], number | null] => [base, major]),
);

function generate(
  base: AssetInput['base'],
  major: number | null,
): { assets: Asset[]; instructions: Instruction[]; text: string } {
  const assets = generateAssets({ ...assetInput, base, server: { ...assetInput.server, major } });
  const text = assets.find(asset => basename(asset.path) === 'Dockerfile')?.text ?? '';
  return { assets, text, instructions: DockerfileParser.parse(text).getInstructions() };
}

/** Packages after `apk add` or `apt-get install`. */
const listPackages = (text: string): string[] =>
  (/(?:apk add|apt-get install)((?: +[\w.+-]+)+)/.exec(text.replaceAll('\\\n', ' '))?.[1] ?? '')
    .trim()
    .split(/ +/)
    .filter(word => !word.startsWith('-'));

describe.each(variants)('%s for Postgres %s', (base, major) => {
  const { assets, instructions, text } = generate(base, major);
  const named = (name: string): Instruction[] => instructions.filter(item => item.getInstruction() === name);
  const argumentsOf = (name: string): string[] => named(name).map(item => item.getRawArgumentsContent() ?? '');

  test('the linter has nothing to say', () => {
    expect(validate(text, settings).map(({ message, range }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
  });

  test('one base, with a release that it stays on', () => {
    const bases = named('FROM') as From[];
    expect(bases).toHaveLength(1);
    expect(bases[0]?.getImageTag()).toMatch(/^(?:\d+\.\d+|[a-z]+-slim)$/);
    expect(bases[0]?.getImageTag()).not.toMatch(/latest|edge|stable|testing|sid/);
  });

  test('known packages, nothing else', () => {
    const versioned = {
      alpine: { 17: 'postgresql17-client', 18: 'postgresql18-client' },
      debian: { 17: 'postgresql-client-17' },
    };
    const client = (versioned[base] as Record<number, string>)[major ?? 0] ?? 'postgresql-client';
    expect(listPackages(text)).toEqual(['pgbouncer', client]);
    expect(text).toContain(base === 'alpine' ? 'apk add --no-cache' : '--no-install-recommends');
    if (base === 'debian') expect(text).toContain('rm -rf /var/lib/apt/lists/*');
  });

  test('no ADD, no download, no secret', () => {
    expect(named('ADD')).toEqual([]);
    expect(named('ARG')).toEqual([]);
    expect(argumentsOf('RUN').join('\n')).not.toMatch(/curl|wget|https?:/);
    expect(argumentsOf('ENV').join('\n')).not.toMatch(/PASSWORD|SECRET|TOKEN|KEY/i);
    expect(
      argumentsOf('ENV')
        .join('\n')
        .match(/\w+(?==)/g),
    ).toEqual(['PGBOUNCER_PORT', 'PGSERVICE', 'PGSERVICEFILE', 'PGPASSFILE']);
  });

  test('what it copies is generated beside it', () => {
    const copied = argumentsOf('COPY').flatMap(line =>
      line
        .split(/\s+/)
        .filter(word => !word.startsWith('--'))
        .slice(0, -1),
    );
    const generated = assets.map(asset => asset.path);
    expect(copied).toEqual(['docker-entrypoint.sh']);
    for (const name of copied) expect(generated).toContain(`pgbouncer/${name}`);
  });

  test('a numeric user that is no root, and the right signal', () => {
    expect(argumentsOf('USER')).toEqual(['10432:10432']);
    expect(argumentsOf('STOPSIGNAL')).toEqual(['SIGINT']);
    const order = instructions.map(item => item.getInstruction());
    expect(order.lastIndexOf('RUN')).toBeLessThan(order.indexOf('USER'));
  });

  test('the entrypoint without a shell around it, so that signals arrive', () => {
    expect(argumentsOf('ENTRYPOINT')).toEqual(['["docker-entrypoint.sh"]']);
    expect(argumentsOf('EXPOSE')).toEqual([String(assetInput.poolPort)]);
  });
});

describe('the image of the program', () => {
  const text = readFileSync(join(PROJECT, 'scripts/Dockerfile'), 'utf8');
  const instructions = DockerfileParser.parse(text).getInstructions();
  const argumentsOf = (name: string) =>
    instructions.filter(item => item.getInstruction() === name).map(item => item.getRawArgumentsContent());

  test('the linter has nothing to say', () => {
    expect(validate(text, settings)).toEqual([]);
  });

  test('Debian, two packages, no root, the program itself as entry point', () => {
    expect(argumentsOf('FROM')).toEqual(['debian:trixie-slim']);
    expect(listPackages(text)).toEqual(['git', 'nodejs']);
    expect(argumentsOf('USER')).toEqual(['10001:10001']);
    expect(argumentsOf('WORKDIR')).toEqual(['/repo']);
    expect(argumentsOf('ENTRYPOINT')).toEqual(['["/opt/pool-migrate/node_modules/.bin/pool-migrate"]']);
    expect(argumentsOf('ADD')).toEqual([]);
  });
});

describe('the linter can fail', () => {
  test.each([
    ['FROM alpine:3.24\nADDD x y\n'],
    ['FROM alpine:3.24\nSTOPSIGNAL\n'],
    ['FROM alpine:3.24\nCOPY --chmood=1 a b\n'],
    ["FROM alpine:3.24\nENTRYPOINT ['x']\n"],
    ['FROM alpine:3.24\nHEALTHCHECK --interval=5x CMD x\n'],
  ])('%j', text => {
    expect(validate(text, settings)).not.toEqual([]);
  });
});

describe('the generated scripts', () => {
  const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;
  if (!hasShellcheck && process.env.CI === 'true') throw new Error('shellcheck is missing, and CI must have it');
  if (!hasShellcheck) process.stdout.write('shellcheck was not found: its tests are skipped\n');
  // None, each alone, and all: every way in which the parts meet.
  const sets = [[], ...FEATURES.map(feature => [feature]), [...FEATURES]];
  const scripts = sets.flatMap(features =>
    generateAssets({ ...assetInput, features: new Set(features) })
      .filter(asset => asset.executable)
      .map(({ path, text }) => ({ path: `${path} with ${features.join(', ') || 'nothing more'}`, text })),
  );

  test.skipIf(!hasShellcheck).each(scripts.map(({ path, text }) => [path, text]))(
    '%s passes shellcheck',
    (_path = '', text = '') => {
      const file = join(makeDirectory(), 'script.sh');
      writeFileSync(file, text);
      expect(spawnSync('shellcheck', ['-s', 'sh', file], { encoding: 'utf8' }).stdout).toBe('');
    },
  );

  test.each(scripts.map(({ path, text }) => [path, text]))('%s is plain POSIX sh', (path = '', text = '') => {
    expect(text.startsWith('#!/bin/sh\n'), path).toBe(true);
    const code = text.replace(/^\s*#.*$/gm, '');
    expect(code).not.toMatch(/\beval\b|pipefail|^\s*echo\b|printf "\$|\r/m);
  });

  test("the project's own scripts pass too", () => {
    if (!hasShellcheck) return;
    const own = readdirSync(join(PROJECT, 'scripts')).filter(name => name.endsWith('.sh'));
    expect(own).toContain('build-image.sh');
    execFileSync('shellcheck', ['-s', 'sh', ...own], { cwd: join(PROJECT, 'scripts') });
  });
});

test('how much a reviewer has to read', () => {
  const count = (features: Feature[]) => {
    const assets = generateAssets({ ...assetInput, features: new Set(features) });
    return Object.fromEntries(assets.map(({ path, text }) => [basename(path), text.split('\n').length - 1]));
  };
  const simple = count([]);
  expect(simple.Dockerfile).toBeLessThanOrEqual(20);
  expect(simple['docker-entrypoint.sh']).toBeLessThanOrEqual(80);
  expect(simple['pgbouncer.md']).toBeLessThanOrEqual(120);
  expect(Object.values(simple).reduce((a, b) => a + b)).toBeLessThanOrEqual(250);
  expect(count(['users', 'databases'])['docker-entrypoint.sh']).toBeLessThanOrEqual(95);
  expect(count(['processes', 'client-tls', 'server-tls'])['docker-entrypoint.sh']).toBeLessThanOrEqual(90);
});
