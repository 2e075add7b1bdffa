/**
 * Promises over repositories that nobody wrote. `RUNS` is how many, `SEED` which, `CASE` the path that fast-check prints with a failure
 * (`SEED=… CASE=… npx vitest run --project unit test/generated.test.ts`, after `npm run build`). Each failure is shrunk, and its files
 * are printed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parser as javascript } from '@lezer/javascript';
import { parser as python } from '@lezer/python';
import { validate } from 'dockerfile-utils';
import { parse as parseDotenv } from 'dotenv';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { applyPlan, type Plan, planMigration, type Site, toReport, undo } from '../src/index.ts';
import { type Files, filesOf, SECRET, type Shape, shapes } from './generate.ts';
import { commitAll, makeDirectory } from './repository.ts';

const RUNS = Number(process.env.RUNS ?? 40);
const SEED = Number(process.env.SEED ?? 14);

let folder: string;
let elsewhere: ChildProcess;
const answerOf = (child: ChildProcess) =>
  new Promise<Record<string, unknown>>((done, fail) => {
    const gone = () => fail(new Error('the other process is gone'));
    child.once('exit', gone);
    child.once('message', (message: Record<string, unknown>) => {
      child.off('exit', gone);
      done(message);
    });
  });
beforeAll(async () => {
  folder = makeDirectory();
  elsewhere = fork(join(import.meta.dirname, 'elsewhere.mjs'), {
    env: { ...process.env, TZ: 'Asia/Tokyo', LANG: 'da_DK.UTF-8', LC_ALL: 'da_DK.UTF-8' },
    execArgv: [],
  });
  // It would say the same as here if these were not heard.
  expect(await answerOf(elsewhere)).toEqual({ locale: 'da-DK', timeZone: 'Asia/Tokyo' });
  expect(Intl.DateTimeFormat().resolvedOptions().locale).not.toBe('da-DK');
});
afterAll(() => {
  elsewhere.kill();
});

async function planElsewhere(root: string): Promise<object> {
  const answer = answerOf(elsewhere);
  elsewhere.send(root);
  const plan = await answer;
  if ('error' in plan) throw new Error(`elsewhere: ${plan.error}`);
  return plan;
}

function write(files: Files, isGit: boolean): string {
  const root = mkdtempSync(join(folder, 'r-'));
  for (const [path, { text, mode }] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  }
  if (isGit) commitAll(root);
  return root;
}

/** Every file and folder that is the repository's, with mode and content. */
function snapshot(root: string): [path: string, mode: number, bytes: string | null][] {
  return readdirSync(root, { recursive: true })
    .map(String)
    .filter(path => !/^\.(?:git|pool-migrate)(?:\/|$)/.test(path))
    .sort()
    .map(path => {
      const stats = statSync(join(root, path));
      return [path, stats.mode, stats.isFile() ? readFileSync(join(root, path), 'latin1') : null];
    });
}

/** What is wrong with a text, as a parser of its format says. */
function faultsOf(file: string, text: string): string[] {
  const plain = text.replace(/^\ufeff/, '');
  if (/\.ya?ml$/.test(file))
    return parseAllDocuments(plain, { merge: true }).flatMap(({ errors }) => errors.map(({ message }) => message));
  if (file.endsWith('.json')) {
    try {
      JSON.parse(plain);
      return [];
    } catch (error) {
      return [String(error)];
    }
  }
  if (/Dockerfile$/.test(file)) return validate(plain, {}).map(({ message }) => String(message));
  const parser = file.endsWith('.py') ? python : file.endsWith('.js') ? javascript : null;
  const faults: string[] = [];
  parser?.parse(plain).iterate({
    enter: ({ type, from }) => {
      if (type.isError) faults.push(`syntax at ${from}`);
    },
  });
  return faults;
}

/** Names and ports that lead to the pooler. */
function waysIn({ config, pools, topology: { poolers } }: Plan) {
  return {
    hosts: new Set([config.pool.host, ...poolers.flatMap(({ names }) => names)]),
    ports: new Set([
      config.pool.publishedPort,
      ...pools.map(({ port }) => port),
      ...poolers.flatMap(({ port, published }) => [port, ...published.map(({ value }) => value)]),
    ]),
  };
}

const LOCAL = /^(?:localhost|127\.0\.0\.1|0\.0\.0\.0|host\.docker\.internal)$/;
const asDefault = (text: string) => text.replace(/\$\{\w+:?-([^{}]*)\}/g, '$1');

/** Whether what is read in the place of a site, `host:port` or one of the two, is the pooler. */
function isPooler(text: string, site: Site, plan: Plan): boolean {
  const { hosts, ports } = waysIn(plan);
  const isPort = (port: string | undefined) => port !== undefined && ports.has(Number(port));
  if (site.host === null) return isPort(text);
  const [host = '', port] = text.split(':');
  // The port is a place of its own.
  if (site.port === null && site.form !== 'url') return hosts.has(host) || LOCAL.test(host);
  return (hosts.has(host) && (port === undefined || isPort(port))) || (LOCAL.test(host) && isPort(port));
}

const END_OF_HOST = /^[\w.-]*(?::\d*)?/;
/** What a client reads in the place of a site. */
function endpointIn(value: string, { form, host, port }: Site): string {
  const text = asDefault(value);
  if (form === 'keyword')
    return [host && 'host', port && 'port']
      .flatMap(name => (name && new RegExp(`\\b${name}=(\\S+)`).exec(text)?.[1]) || [])
      .join(':');
  if (form !== 'url') return text;
  const after = text.slice(text.indexOf('://') + 3);
  const authority = after.slice(0, /[/?]|$/.exec(after)?.index);
  return END_OF_HOST.exec(authority.slice(authority.lastIndexOf('@') + 1))?.[0] ?? '';
}

interface ComposeService {
  environment?: string[] | Record<string, unknown>;
  env_file?: string | string[];
}

function servicesOf(text: string): Map<string, ComposeService> {
  const { services } = parseYaml(text.replace(/^\ufeff/, ''), { merge: true }) as {
    services: Record<string, ComposeService>;
  };
  return new Map(Object.entries(services));
}

function environmentOf({ environment = {} }: ComposeService): Record<string, string> {
  const entries = Array.isArray(environment)
    ? environment.map((entry): [string, string] => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)])
    : Object.entries(environment);
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const BYPASS = /(["'])[\w.-]*\1 if os\.getenv\("PGBOUNCER_BYPASS"\) in \([^)]*\) else \1/g;

/** What a reader of the edited file finds in the place of a site. */
function readAgain(site: Site, plan: Plan, after: string): string[] {
  if (site.format === 'env' && site.key) return [endpointIn(parseDotenv(after)[site.key] ?? '', site)];
  if (site.format === 'compose' && site.key && site.role === 'environment') {
    const isOwn = site.service === null ? () => true : (name: string) => name === site.service;
    // A service for which pooling is wrong has a value of its own, over the one that it shares.
    const isApart = (name: string) => site.apart.some(({ way }) => way.kind === 'service' && way.service === name);
    const readers = [...servicesOf(after)].filter(([name]) => isOwn(name) && !isApart(name));
    const values = readers.flatMap(([, service]) => environmentOf(service)[site.key as string] ?? []);
    return values.map(value => endpointIn(value, site));
  }
  // The line as it was up to the place, other places of it apart.
  const before = plan.texts.get(site.file) ?? '';
  let at = before.lastIndexOf('\n', site.span.start - 1) + 1;
  let pattern = '';
  for (const { span } of plan.sites.filter(
    ({ file, span, action }) =>
      file === site.file && action === 'pooled' && span.start >= at && span.end <= site.span.start,
  )) {
    pattern += `${escaped(before.slice(at, span.start))}\\S*?`;
    at = span.end;
  }
  pattern += escaped(before.slice(at, site.span.start));
  return [
    // Code that keeps the server for the bypass has the pooler after it.
    ...after
      .replace(BYPASS, '$1')
      .matchAll(new RegExp(`^${pattern}(\\$\\{\\w+:-[^}]*\\}|[\\w.-]*)(?::(\\$\\{\\w+:-\\d+\\}|\\d+))?`, 'gm')),
  ]
    .map(([, host, port]) => asDefault(port === undefined ? `${host}` : `${host}:${port}`))
    .filter(text => text !== '');
}

/** Vitest would cut a long text. */
function none(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Error(`${what}: ${found.join('\n')}`);
}

/** Variables that a service has now and had in no way, other than the direct way beside one that it had, or the port that goes with a host. */
function strays(file: string, before: string, after: string, files: Files, plan: Plan): string[] {
  const had = servicesOf(before);
  const ports = plan.sites.flatMap(({ portVariable }) => portVariable ?? []);
  return [...servicesOf(after)].flatMap(([name, service]) => {
    const own = had.get(name);
    if (own === undefined) return [];
    const ofFiles = [own.env_file ?? []].flat().flatMap(path => {
      const { text } = files[join(dirname(file), path)] ?? { text: '' };
      return Object.keys(parseDotenv(text));
    });
    const known = new Set([...ports, ...ofFiles, ...Object.keys(environmentOf(own))]);
    return Object.keys(environmentOf(service))
      .filter(key => !known.has(key) && !known.has(key.replace(/_DIRECT$/, '')))
      .map(key => `${name} got ${key}`);
  });
}

const seen = { repositories: 0, edited: 0, pooled: 0, direct: 0, formats: new Map<string, number>() };

async function holds(files: Files, isGit: boolean): Promise<void> {
  const root = write(files, isGit);
  try {
    for (const [path, { text }] of Object.entries(files)) none(`the generator wrote ${path}`, faultsOf(path, text));
    const before = snapshot(root);
    // Both are waited for, whichever fails, so that no answer is taken for that to the next question.
    const [there, here] = await Promise.allSettled([planElsewhere(root), planMigration({ cwd: root })]);
    if (here.status === 'rejected') throw here.reason;
    if (there.status === 'rejected') throw there.reason;
    const plan = here.value;
    const { changes, notes, sites } = plan;
    const report = toReport(plan, '0');
    const lines = (value: object) => JSON.stringify(value, null, 1).split('\n');
    const [own, others] = [lines({ report, changes, notes }), lines(there.value)];
    const at = own.findIndex((line, i) => line !== others[i]);
    expect(others[at], `planned elsewhere, after ${own.slice(Math.max(0, at - 9), at).join('\n')}`).toBe(own[at]);
    expect(others.length).toBe(own.length);
    expect(JSON.stringify(report), 'a password in the report').not.toContain(SECRET);
    none(
      'refused',
      plan.refused.map(({ file, reason }) => `${file}: ${reason}`),
    );
    none(
      'errors',
      plan.errors.map(({ file, message }) => `${file}: ${message}`),
    );

    applyPlan(plan);
    const second = await planMigration({ cwd: root });
    none(
      'a second run changes',
      second.changes.map(({ file, after }) => `${file}\n${after}`),
    );
    for (const { file, after, before } of changes) {
      none(`the edited ${file}`, faultsOf(file, after));
      if (files[file] && /compose\S*\.ya?ml$/.test(file))
        none(`strays in ${file}`, strays(file, before, after, files, plan));
      expect(after.startsWith('\ufeff'), `${file}: byte order mark`).toBe(before.startsWith('\ufeff'));
      if (/^(?:[^\n]*\r\n)+[^\n]*$/.test(before)) expect(after, `${file}: line ends`).not.toMatch(/(?<!\r)\n/);
    }
    for (const site of sites) {
      if (site.action === 'direct') seen.direct++;
      if (site.action !== 'pooled' || site.safety !== 'safe' || !/[\w]/.test(site.text)) continue;
      const after = changes.find(({ file }) => file === site.file)?.after;
      if (after === undefined || (!site.host?.value && !site.port?.value)) continue;
      const found = readAgain(site, plan, after);
      if (found.length === 0 && site.apart.length > 0) continue;
      if (!found.some(text => isPooler(text, site, plan)))
        none('not the pooler', [`${site.file}: ${site.key ?? site.format}: ${found.join(' or ')}\n${after}`]);
      seen.pooled++;
      seen.formats.set(site.format, (seen.formats.get(site.format) ?? 0) + 1);
    }
    // What was written is what the audit asks for.
    const told = ({ hazards }: Plan) => hazards.filter(({ rule }) => rule === 'through-pooler');
    if (told(second).length > told(plan).length)
      none(
        'the audit',
        told(second).map(({ file, line, message }) => `${file}:${line}: ${message}`),
      );

    seen.repositories++;
    if (changes.length > 0) {
      seen.edited++;
      expect(snapshot(root)).not.toEqual(before);
      undo(root);
    }
    expect(snapshot(root), 'undone').toEqual(before);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Something is run that does more than plain queries. */
const runsMore = ({ services, readme }: Shape) =>
  ['migrate', 'tilde'].includes(readme) || services.some(({ does }) => does !== 'serve');

interface Known {
  what: string;
  /** Only of such a repository, and only so is the fault taken for a known one. */
  of: (shape: Shape) => boolean;
  says: RegExp;
}

/** Faults that were found here and are not mended yet. A long run fails where one is not seen any more: then its line goes. */
const KNOWN: Known[] = [
  {
    what: 'after the edit the audit takes what a command does not use for what it uses: a port that stays 5432, a value that is not in force',
    of: runsMore,
    says: /^the audit: .*It goes through the pooler and should not/,
  },
  {
    what: 'the default in an anchor whose one service goes direct is left, and pooled by the next run: the file is refused',
    of: ({ services }) => services.some(({ given }) => given === 'merge' || given === 'alias'),
    says: /^refused: .*compose\S*: a second run would change the file again/,
  },
  {
    what: 'the direct value of one service is also put into another that starts the same command and never had the variable',
    of: ({ services }) => services.length > 1 && services.some(({ does }) => does !== 'serve'),
    says: /^strays in /,
  },
];
const known = new Map<Known, number>();

test(`${RUNS} generated repositories, seed ${SEED}`, { timeout: 12 * 3_600_000 }, async () => {
  const started = Date.now();
  const { CASE } = process.env;
  await fc.assert(
    fc.asyncProperty(shapes, async shape => {
      try {
        await holds(filesOf(shape), shape.git);
      } catch (error) {
        const fault = KNOWN.find(({ of, says }) => of(shape) && says.test(String((error as Error).message)));
        if (!fault) throw error;
        known.set(fault, (known.get(fault) ?? 0) + 1);
      }
    }),
    {
      numRuns: RUNS,
      seed: SEED,
      ...(CASE ? { path: CASE } : {}),
      asyncReporter: async out => {
        if (!out.failed) return;
        const [shape] = out.counterexample ?? [];
        const shown = Object.entries(shape ? filesOf(shape) : {}).map(([path, { text }]) => `--- ${path}\n${text}`);
        throw new Error(
          `${fc.defaultReportMessage(out)}\n${out.errorInstance}\n\nSEED=${out.seed} CASE=${out.counterexamplePath}\n${shown.join('\n')}`,
        );
      },
    },
  );
  const formats = Object.fromEntries(seen.formats);
  console.log(
    JSON.stringify({ ...seen, formats, known: KNOWN.map(one => known.get(one) ?? 0), ms: Date.now() - started }),
  );
  if (CASE || RUNS < 40) return;
  // Most of them are edited, in all the formats, so that the promises say something.
  expect(seen.edited).toBeGreaterThan(RUNS / 2);
  for (const format of ['compose', 'env', 'python', 'javascript', 'strings'])
    expect(seen.formats.get(format), format).toBeGreaterThan(0);
  if (RUNS >= 10_000) expect(KNOWN.filter(one => !known.has(one)).map(({ what }) => what)).toEqual([]);
});
