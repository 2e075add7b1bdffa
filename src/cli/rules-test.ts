/** Runs the examples of rules in a small repository of their own, through the same stages as a real one. */

import { readComposeFile } from '../../codemods/compose-file.ts';
import { isComposePath } from '../../codemods/paths.ts';
import { type Config, defaultConfig, loadConfig, loadRules } from '../config/config.ts';
import type { CompiledRule, Example } from '../config/rules.ts';
import { DEFAULT_PORT, decide } from '../decide/index.ts';
import { extractSource } from '../extract/index.ts';
import { directSettings, knownImages } from '../images/known.ts';
import type { Extraction, Site, Source } from '../model/index.ts';
import { makeShelf, readProcesses } from '../processes/index.ts';
import { buildTopology, readManifests } from '../topology/index.ts';
import { wayOf } from '../wire/index.ts';
import type { CliOptions } from './options.ts';

/** The world of the examples: Postgres on 5433, a pooler on 6432, CockroachDB, an application. */
const COMPOSE = `services:
  postgres:
    image: postgres:15
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
    ports: ["\${HOST_POSTGRES_PORT:-5433}:5432"]
  pgbouncer:
    build: ./pgbouncer
    ports: ["6432:6432"]
  cockroach:
    image: cockroachdb/cockroach
`;
const OTHER_STACK = `services:
  everywhere:
    image: postgres:15
    ports: ["5432:5432"]
  given:
    image: acme/app
    env_file: given.env
    environment: { DATABASE_URL: "postgresql://app:pw@everywhere:5432/app" }
`;
const MANIFEST = `kind: Service
metadata: { name: everywhere }
spec: { selector: { app: pg } }
---
kind: Deployment
metadata: { name: pg }
spec: { template: { metadata: { labels: { app: pg } }, spec: { containers: [{ image: "postgres:15" }] } } }
`;
const DSN = 'postgresql://app:pw@postgres:5432/app';

export interface ExampleFailure {
  rule: string;
  example: string;
  message: string;
}

/** Every example of every rule; the rule that decides is compared, so the order of the rules is tested too. */
export async function testRules(rules: readonly CompiledRule[]): Promise<{ run: number; failures: ExampleFailure[] }> {
  const failures: ExampleFailure[] = [];
  let run = 0;
  for (const rule of rules) {
    for (const { match, noMatch } of rule.examples) {
      for (const [example, wanted] of [
        [match, true],
        [noMatch, false],
      ] as const) {
        if (example === undefined) continue;
        run++;
        const sites = await decideExample(example, rules);
        const matched = sites.some(site => site.rule === rule.id);
        if (matched === wanted) continue;
        const text = typeof example === 'string' ? example : example.text;
        const decided = sites.map(site => `${site.text}: ${site.rule}`).join('; ') || 'no site found';
        failures.push({
          rule: rule.id,
          example: text,
          message: wanted ? `should match, but: ${decided}` : 'should not match',
        });
      }
    }
  }
  return { run, failures };
}

/** A bare example is part of a compose service; without a connection of its own it gets one in its environment. */
async function decideExample(example: Example, rules: readonly CompiledRule[]): Promise<Site[]> {
  const { text, file = 'docker-compose.yml' } = typeof example === 'string' ? { text: example } : example;
  const files = new Map<string, string>();
  if (!isComposePath(file)) {
    files.set('docker-compose.yml', COMPOSE);
    files.set('both/docker-compose.yml', OTHER_STACK);
    files.set('both/k8s.yml', MANIFEST);
  }
  files.set(file, isComposePath(file) ? wrapCompose(text) : text);
  const config: Config = {
    ...defaultConfig(),
    pool: { ...defaultConfig().pool, port: DEFAULT_PORT },
    keepDirect: ['KEPT_DIRECT_EXAMPLE_URL'],
  };
  const composeFiles = [...files].flatMap(([path, content]) =>
    isComposePath(path) ? (readComposeFile(path, content) ?? []) : [],
  );
  const topology = buildTopology({
    composeFiles,
    environments: new Map(),
    readFile: () => null,
    manifests: readManifests(
      [...files].map(([path, content]) => ({ path, text: content, newline: '\n' as const, mode: 0, digest: '' })),
    ),
    named: [],
    poolHost: config.pool.host,
    poolPorts: null,
  });
  const scan = {
    names: new Set([...topology.servers, ...topology.poolers, ...topology.others].flatMap(server => server.names)),
    ports: new Set(['5432', '5433', '6432']),
  };
  const extractions = new Map<string, Extraction>();
  const found: { file: string; format: string; site: Extraction['sites'][number] }[] = [];
  const sources = new Map<string, Source>();
  for (const [path, content] of files) {
    const source: Source = { path, text: content, newline: '\n', mode: 0o644, digest: '' };
    sources.set(path, source);
    const { format, extraction } = await extractSource(source, scan);
    extractions.set(path, extraction);
    if (path === file) found.push(...extraction.sites.map(site => ({ file, format, site })));
  }
  const shelf = makeShelf([...files.keys()], path => files.get(path) ?? null);
  const images = knownImages();
  const processes = await readProcesses({
    topology,
    extractions,
    sources,
    texts: files,
    shelf,
    images,
    directSuffix: defaultConfig().direct.suffix,
  });
  const ways = { topology, config, processes, shelf, images, extractions, refused: new Set<string>() };
  return decide({
    sites: found,
    texts: files,
    topology,
    config,
    rules,
    processes,
    ciFiles: new Map([['.env.shared', new Set<string>()]]),
    refused: new Set(),
    directSettings: directSettings(),
    wayOf: (site, process, whole) => wayOf(site, process, whole, ways),
  }).sites;
}

function wrapCompose(text: string): string {
  if (/^services:/m.test(text))
    return /image: '?postgres/.test(text) ? text : COMPOSE + text.replace(/^services:\n/, '');
  const body = /:\/\/|postgres/.test(text) ? text : `${text}\nenvironment: { DATABASE_URL: "${DSN}" }`;
  const image = /^image:/m.test(text) ? '' : '    image: acme/app\n';
  return `${COMPOSE}  app:\n${image}${body.replace(/^/gm, '    ')}\n`;
}

export async function runRules({ arguments: [verb], values }: CliOptions): Promise<number> {
  const { UsageError } = await import('../model/errors.ts');
  if (verb !== 'test') throw new UsageError('Usage: pool-migrate rules test');
  const root = values.cwd ?? '.';
  const config = await loadConfig(root, values['no-config'] ? false : values.config);
  const { run, failures } = await testRules(await loadRules(root, config));
  for (const { rule, example, message } of failures)
    process.stderr.write(`${rule}: ${message}\n${example.replace(/^/gm, '    ')}\n`);
  process.stdout.write(`${run - failures.length} examples passed, ${failures.length} failed\n`);
  return failures.length === 0 ? 0 : 1;
}
