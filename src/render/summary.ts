/** The end of a run: what would change, what stays direct, what needs eyes, what to do by hand, the next command. */
import pc from 'picocolors';
import { bases } from '../../pgbouncer/bases.ts';
import { isElsewhere, poolerName } from '../config/pool-kind.ts';
import type { Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { escapeControls } from '../text/controls.ts';
import { describeMends } from './outcome.ts';
import { describePastThePooler } from './past-the-pooler.ts';
import { placeOf } from './place.ts';
import { describeReadiness } from './readiness.ts';
import { describeStacks } from './stacks.ts';

export interface SummaryOptions {
  mode: 'plan' | 'write' | 'check';
  color: boolean;
  verbose: boolean;
  cwd: string | undefined;
  /** Options that narrow the run, which the next command needs too. E.g.: ` --changed` */
  narrowing?: string;
}

const MOST = 12;

export function renderSummary(plan: Plan, options: SummaryOptions): string {
  const c = pc.createColors(options.color);
  const lines: string[] = [''];
  const section = (title: string, items: string[], most = MOST): void => {
    if (items.length === 0) return;
    lines.push(c.bold(title), ...items.slice(0, options.verbose ? items.length : most).map(item => `  ${item}`));
    if (!options.verbose && items.length > most)
      lines.push(`  … and ${items.length - most} more (--verbose, or --json)`);
    lines.push('');
  };
  const place = (site: Site) => placeOf(site, plan);

  lines.push(...describeServers(plan), '');
  section('Stacks', describeStacks(plan));
  if (options.verbose)
    section(
      'Every place and its decision',
      plan.sites.map(
        site =>
          `${place(site)}  ${site.text}${site.replacement && site.replacement !== site.text ? ` → ${site.replacement}` : ''}  ${site.action} (${site.rule}): ${site.reason}`,
      ),
    );
  section(options.mode === 'write' ? 'Changes' : 'Would change', describeChanges(plan), 20);
  section(
    'Pooled, but only with --unsafe: each is right if what its reason names holds, and that cannot be seen here',
    group(
      plan.sites.filter(site => site.action === 'pooled' && site.safety === 'unsafe'),
      place,
    ),
  );
  section(
    'Kept direct on purpose',
    group(
      plan.sites.filter(site => site.action === 'direct'),
      place,
    ),
  );
  section('Goes direct by a value of its own, written beside the pooled one', describePastThePooler(plan));
  section(
    'Left for you to look at',
    group(
      plan.sites.filter(site => site.action === 'review'),
      place,
    ),
    20,
  );
  section('Mended with what is pooled', describeMends(plan));
  const isSessionOnly = plan.pools.length > 0 && plan.pools.every(({ mode }) => mode === 'session');
  section(
    `${isSessionOnly ? 'Would break in transaction mode, so the pool is in session mode' : 'Breaks behind the pool'} (pool-migrate audit tells more)`,
    describeHazards(plan),
    8,
  );
  section('Transaction mode', describeReadiness(plan));
  section(
    'Change by hand in git-ignored env files, or with --include-ignored-env (they override the new defaults, so the application would go past the pool)',
    plan.localEnv.map(({ file, key, action }) => `${file}: ${key} (${action})`),
  );
  section(
    'Refused',
    plan.refused.map(({ file, reason }) => `${file}: ${reason}`),
  );
  section(
    'Not analysed',
    plan.errors.map(({ file, line, message }) => `${file ?? ''}${line === undefined ? '' : `:${line}`}: ${message}`),
  );
  section('Notes', [...plan.notes, ...describeVersion(plan)]);
  lines.push(nextCommand(plan, options));
  return `${escapeControls(lines.join('\n'))}\n`;
}

function describeServers({ topology, filesScanned, sites, config }: Plan): string[] {
  const count = (action: Site['action']) => sites.filter(site => site.action === action).length;
  const already = sites.filter(({ action, rule }) => action === 'leave' && rule === 'already-pooled').length;
  const head = `${filesScanned} files, ${sites.length} places that name a Postgres endpoint: ${count('pooled')} pooled,${already > 0 ? ` ${already} through the pooler already,` : ''} ${count('direct')} kept direct, ${count('review')} left for you to look at, ${count('leave') - already} left alone (--verbose names all).`;
  const { pool } = config;
  const elsewhere = isElsewhere(pool) ? [`Pooler: ${poolerName(pool)} at ${pool.host}:${pool.port} (pool.kind)`] : [];
  if (topology.servers.length === 0 && elsewhere.length > 0) return [head, ...elsewhere];
  if (topology.servers.length === 0)
    return [
      head,
      'No Postgres service was found in a compose file, so nothing can be pooled. If there is one, name it with --service.',
    ];
  const list = (servers: typeof topology.servers) =>
    servers
      .map(
        server =>
          `${server.service} (${server.definitions.map(({ file, line }) => `${file}:${line}`).join(', ')}; ${server.evidence})`,
      )
      .join('; ');
  return [
    head,
    `Postgres: ${list(topology.servers)}`,
    ...elsewhere,
    ...(topology.poolers.length > 0 ? [`Pooler: ${list(topology.poolers)}`] : []),
  ];
}

/** One line for each rule, the worst first, with the first places. Notes are for the audit. */
function describeHazards({ hazards: all, unsafe }: Plan): string[] {
  const hazards = all.filter(({ isMended }) => !isMended);
  const rules = [...new Set(hazards.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule))];
  return rules
    .map(rule => hazards.filter(hazard => hazard.rule === rule))
    .sort((a, b) => Number(b[0]?.severity === 'error') - Number(a[0]?.severity === 'error'))
    .map(found => {
      const places = found.slice(0, 3).map(({ file, line }) => `${file}:${line}`);
      const more = found.length > 3 ? ` and ${found.length - 3} more` : '';
      const mends = !unsafe && found.some(({ mend }) => mend) ? ' (--unsafe mends it)' : '';
      return `${found[0]?.severity} ${found[0]?.rule} ${places.join(', ')}${more}  ${found[0]?.message}${mends}`;
    });
}

function describeChanges(plan: Plan): string[] {
  const formats = new Map<string, { files: number; edits: number }>();
  const formatOf = (file: string) =>
    plan.sites.find(site => site.file === file)?.format ??
    (/\.py$/.test(file)
      ? 'python'
      : /\.(?:md|rst)$/.test(file)
        ? 'markdown'
        : /compose/.test(file)
          ? 'compose'
          : 'other');
  for (const change of plan.changes.filter(change => change.kind === 'modify')) {
    const format = formatOf(change.file);
    const known = formats.get(format) ?? { files: 0, edits: 0 };
    formats.set(format, { files: known.files + 1, edits: known.edits + change.edits });
  }
  const created = plan.changes.filter(change => change.kind === 'create').map(change => change.file);
  const width = Math.max(0, ...[...formats.keys()].map(name => name.length));
  return [
    ...[...formats]
      .sort()
      .map(([name, { files, edits }]) => `${name.padEnd(width)}  ${plural(files, 'file')}, ${plural(edits, 'edit')}`),
    ...(created.length > 0 ? [`new: ${created.join(', ')}`] : []),
  ];
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** One line for each reason and file, with the lines in it. */
function group(sites: readonly Site[], place: (site: Site) => string): string[] {
  const groups = new Map<string, { head: string; lines: string[]; reason: string }>();
  for (const site of sites) {
    const key = `${site.file}\0${site.rule}\0${site.reason}`;
    const [, line = ''] = /:(\d+)$/.exec(place(site)) ?? [];
    const known = groups.get(key) ?? {
      head: site.file,
      lines: [],
      reason: `${site.text}: ${site.reason} [${site.rule}]`,
    };
    groups.set(key, known);
    if (!known.lines.includes(line)) known.lines.push(line);
  }
  return [...groups.values()].map(({ head, lines, reason }) => `${head}:${lines.join(',')}  ${reason}`);
}

/** Security floor: research on 2026-11, pgbouncer.org/changelog.html. */
function describeVersion({ config, changes }: Plan): string[] {
  if (!changes.some(change => change.file.startsWith(`${config.assets.directory}/`))) return [];
  const { name, pgbouncer } = bases[config.pool.base];
  const ships = `${name} ships PgBouncer ${pgbouncer}`;
  return [
    `${ships}, which lacks the fixes of 1.26.1 (CVE-2026-107350, CVE-2026-107349): keep the pooler's port off public interfaces, and rebuild when the base has them.`,
  ];
}

function nextCommand(plan: Plan, { mode, cwd, narrowing = '' }: SummaryOptions): string {
  const where = cwd ? ` -C ${cwd}` : '';
  if (mode === 'write') {
    if (plan.changes.length === 0) return narrowing ? NOTHING_NEAR : describeNothing(plan);
    if (isElsewhere(plan.config.pool)) return 'Next: deploy what was edited.';
    const manifests = plan.changes.filter(({ kind, file }) => kind === 'create' && /\.ya?ml$/.test(file));
    return manifests.length > 0
      ? `Next: follow the first lines of ${manifests.map(({ file }) => file).join(', ')}, then apply the rest.`
      : `Next: docker compose${composeOption(plan)} up -d --build --wait, then npx pool-migrate${where} verify`;
  }
  const unsafe = plan.unsafe ? ' --unsafe' : '';
  if (plan.changes.length > 0) return `Next: npx pool-migrate${where} --write${unsafe}${narrowing}`;
  if (!plan.unsafe && plan.sites.some(site => site.action === 'pooled')) {
    return `Nothing is written by default, because what could be pooled is unsafe (above). Next: npx pool-migrate${where} --unsafe`;
  }
  const reviews = plan.sites.some(site => site.action === 'review');
  return reviews
    ? 'Nothing to write. The places above are for you to decide; pool-migrate explain RULE tells more.'
    : narrowing
      ? NOTHING_NEAR
      : describeNothing(plan);
}

const NOTHING_NEAR = 'Nothing to do in the files that changed.';

/** Where none of the edited compose files is one that compose finds by itself: the first of them. */
function composeOption({ pools, changes }: Plan): string {
  const files = changes.map(({ file }) => file);
  const defining = pools.flatMap(({ server }) => server.definitions.map(({ file }) => file));
  const edited = defining.filter(path => files.includes(path) && !/override\.ya?ml$/.test(path));
  const [file] = edited;
  if (file === undefined || edited.some(path => /^(?:docker-)?compose\.ya?ml$/.test(path))) return '';
  return ` -f ${/^[\w./-]+$/.test(file) ? file : JSON.stringify(file)}`;
}

/** A server without a client that could be found is not a repository with nothing to do. */
function describeNothing({ topology: { servers, poolers }, sites }: Plan): string {
  const isClient = ({ action, rule }: Plan['sites'][number]) =>
    action === 'direct' || rule === 'already-pooled' || action === 'pooled';
  if (sites.some(({ rule }) => rule === 'already-pooled'))
    return 'Nothing to do: what can be pooled goes through the pooler already.';
  if (servers.length === 0 || poolers.length > 0 || sites.some(isClient)) return 'Nothing to do.';
  const names = servers.map(({ service }) => service).join(', ');
  const given = sites.filter(
    ({ rule, service, key, resolution }) => rule === 'no-literal' && service && key && resolution.kind !== 'server',
  );
  const variables = [
    ...new Set(given.flatMap(({ host, port }) => [host, port].flatMap(part => part?.variables ?? []))),
  ];
  const services = [...new Set(given.map(({ service }) => service))];
  if (variables.length > 0)
    return `${services.join(', ')} ${services.length > 1 ? 'take' : 'takes'} the address of Postgres from ${variables.join(', ')}, which no file of this repository sets. Write them into an example file such as .env.example, and run again.`;
  return `Nothing was found that connects to ${names}. What does may be in another repository, or put its address together in a way that is not read here: look for where ${names} is named.`;
}
