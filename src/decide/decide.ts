/** Decisions: every rule is asked of every use of every site; then the sites of a group have to agree. */
import { createHash } from 'node:crypto';
import { isCiPath } from '../../codemods/paths.ts';
import { type CompiledRule, describeCommand, describeNeeds, fillReason } from '../config/rules.ts';
import type { Need, NeedKind, Process, RawSite, Server, Site, Use, Way } from '../model/index.ts';
import { definesVariables, homeOf, processOf } from '../processes/index.ts';
import { findSuppression, readSuppressions } from '../routes/index.ts';
import { lineAt } from '../text/lines.ts';
import { isInside } from '../text/paths.ts';
import { type Endpoint, resolveEndpoint, type Topology } from '../topology/index.ts';
import { deriveFacts, isComposeOnly, missingPort, serviceNames } from './derive-facts.ts';
import { type FileSite, groupSites, indexDefinitions, indexLocals } from './group-sites.ts';
import type { DecideInput, Decisions } from './input.ts';
import { decidePools } from './pools.ts';
import { combineUses, type Mode, type Outcome, type RoutedUse, routeFor, type Verdict } from './routes.ts';
import { isSetApart } from './set-apart.ts';

export function decide(input: DecideInput): Decisions {
  const groups = groupSites(input.sites, ({ file, site }) => imagePort(file, site, input));
  const endpoints = endpointsOf(input.sites, groups);
  const first = decideSites(input, groups, endpoints, new Map());
  const ports = input.config.pool.port === 'auto' ? portsWanted(first.sites, input) : new Map<Server, string>();
  return ports.size === 0 ? first : decideSites(input, groups, endpoints, ports);
}

/** `ports`: servers whose pooler has to listen where the server does, and why. */
function decideSites(
  input: DecideInput,
  groups: readonly number[],
  endpoints: readonly Endpoint[],
  ports: ReadonlyMap<Server, string>,
): Decisions {
  const { topology, config } = input;
  const portOf = (server: Server): number =>
    config.pool.port === 'auto' ? (ports.has(server) ? server.port : DEFAULT_PORT) : config.pool.port;
  const sites = input.sites.map((fileSite, i): Site => {
    const site = toSite(fileSite, input.texts);
    const endpoint = endpoints[i] as Endpoint;
    site.resolution = resolveEndpoint(endpoint, site.file, isInContainer(site, topology), topology);
    if (site.facts.includes('kubernetes') && isComposeOnly(site, topology)) site.resolution = { kind: 'other-network' };
    return site;
  });
  nameSites(sites);
  const uses = sites.map((site, i): RoutedUse[] => {
    const raw = (input.sites[i] as FileSite).site;
    site.uses = usesOf(site, raw, input);
    const endpoint = endpoints[i] as Endpoint;
    site.portVariable = missingPort(site, endpoint, input, portOf);
    site.facts = [...site.facts, ...deriveFacts(site, endpoint, input, portOf)];
    const verdicts = judgeUses(site, input);
    return verdicts;
  });
  const serverOfSite = serversByGroup(sites, groups, topology.servers);
  const pools = decidePools(sites, uses, serverOfSite, portOf, ports, input);
  sites.forEach((site, i) => {
    const server = serverOfSite(i);
    const pool = server ? pools.find(one => one.server === server) : undefined;
    const mode: Mode = pool?.mode ?? (config.pool.mode === 'auto' ? 'transaction' : config.pool.mode);
    const apart = new Set(mode === 'session' ? [] : (pool?.others ?? []).map(({ service }) => service));
    const combined = combineUses(site, uses[i] ?? [], mode, apart, (process, whole) =>
      input.wayOf(site, process, whole),
    );
    const outcome = stillPooled(site, combined, topology);
    Object.assign(
      site,
      { apart: [], question: null },
      suppressed(site, outcome, input.texts) ?? answered(site, outcome, config) ?? outcome,
    );
  });
  settleGroups(sites, groups, server => portOf(server) === server.port, input.wayOf);
  return { sites, pools };
}

export const DEFAULT_PORT = 6432;

/**
 * Servers whose pooler has to listen on the server's own port: a host for which nothing can bring another one, or whose port variable
 * has a second job.
 */
function portsWanted(sites: readonly Site[], input: DecideInput): Map<Server, string> {
  const wanted = new Map<Server, string>();
  const add = (site: Site, why: string) => {
    const { resolution } = site;
    if (resolution.kind === 'server' && !isManifest(resolution.server, input) && !wanted.has(resolution.server))
      wanted.set(resolution.server, why);
  };
  for (const site of sites) {
    const place = `${site.key ?? site.text} (${site.file})`;
    if (site.rule === 'host-without-port') add(site, `${place} takes no port`);
    if (site.rule !== 'group-disagrees' && site.rule !== 'published-port-variable') continue;
    const own = sites.find(
      other => other.decision === site.decision && (isOtherDefault(other) || (isGate(other) && other.port === null)),
    );
    if (own) add(site, `${own.file} ${isGate(own) ? 'asks for no port' : 'brings a port of its own'}`);
    const ports = sites.filter(other => other.decision === site.decision && other.rule === 'published-port-variable');
    if (ports.length > 0)
      for (const host of sites.filter(other => other.decision === site.decision && other.host !== null))
        add(
          host,
          `${ports[0]?.key} is also the port of ${host.resolution.kind === 'server' ? host.resolution.server.service : 'the server'} itself`,
        );
  }
  return wanted;
}

const isManifest = (server: Server, { topology }: DecideInput): boolean =>
  !server.definitions.some(({ file }) => topology.composeFiles.some(compose => compose.path === file));

/** The server behind each site; members of a group without a literal host take that of the others. */
function serversByGroup(
  sites: readonly Site[],
  groups: readonly number[],
  servers: readonly Server[],
): (i: number) => Server | null {
  const own = ({ resolution }: Site) => {
    if (resolution.kind === 'server' || resolution.kind === 'published') return resolution.server;
    const { stack } = (resolution.kind === 'pooler' ? resolution.server : null) ?? {};
    return servers.find(server => server.stack === stack) ?? null;
  };
  const byGroup = new Map<number, Server>();
  sites.forEach((site, i) => {
    const server = own(site);
    if (server && !byGroup.has(groups[i] ?? i)) byGroup.set(groups[i] ?? i, server);
  });
  return i => (sites[i] ? own(sites[i]) : null) ?? byGroup.get(groups[i] ?? i) ?? null;
}

function toSite({ file, format, site }: FileSite, texts: ReadonlyMap<string, string>): Site {
  return {
    ...site,
    uses: [],
    id: '',
    file,
    format,
    text: (texts.get(file) ?? '').slice(site.span.start, site.span.end),
    decision: '',
    resolution: { kind: 'none' },
    action: 'review',
    rule: '',
    reason: '',
    safety: 'safe',
    replacement: null,
    apart: [],
    question: null,
    portVariable: null,
  };
}

const imagePort = (file: string, { key, service }: RawSite, { topology, processes }: DecideInput): string | null => {
  const compose = topology.composeFiles.find(({ path }) => path === file);
  const image = compose?.services.find(({ name }) => name === service)?.image ?? null;
  return key === null ? null : processes.imagePort(key, image);
};

/** Every process that uses the value, as far as can be seen. */
function usesOf(site: Site, raw: RawSite, input: DecideInput): Process[] {
  const { file, format } = site;
  const { processes, topology } = input;
  const received = site.key === null ? undefined : processes.received.get(`${file}\0${site.key}`);
  const servers = serviceNames(topology, file);
  const followed =
    format === 'compose' && site.role === 'environment'
      ? followUses(raw.uses, file, input)
      : raw.uses.map(use => writtenAs(use, file, processes.hand) ?? processOf(use, file, 'hand'));
  const all = received ?? (site.section[0] === 'ConnectionStrings' ? dotnetUses(site, input) : null) ?? followed;
  // A server or a pooler that shares an anchor with the application is no use of the value.
  const uses = all
    .filter(use => use.service === null || !servers.has(use.service) || raw.uses.length === 1)
    // What is assigned anew for the command is another value, unless it is this one.
    .filter(
      use =>
        !use.assigns.some(
          ({ name, raw: value }) => name === site.key && !reads(value, name) && !value.includes(site.text),
        ),
    );
  if (site.role === 'environment' && site.key !== null) {
    const others = [
      ...(uses.length === 0 ? byExpansion(site, input) : []),
      ...processes.dumpUses(site.key),
      ...byHand(site, input),
      ...byTool(site, input),
    ];
    // Beside these there is at least an application's default.
    if (others.length > 0) uses.push(...(uses.length === 0 ? [reader(file)] : []), ...others);
  }
  if (uses.length === 0 && site.role === 'setting') uses.push(...readersOf(site, processes.mounted(file), input));
  if (uses.length === 0 && isSetting(site.role)) uses.push(...processes.codeUses(file, site.role !== 'fallback'));
  return site.role === 'fallback' ? ofDefault(site, uses, input) : uses;
}

/** A default is nothing to a service that is given the variable; where all are, what the file itself does is left to be asked. */
function ofDefault({ key, file }: Site, uses: readonly Process[], { sites, processes }: DecideInput): Process[] {
  const gives = ({ file: path, site }: FileSite, service: string) =>
    site.role === 'environment' &&
    site.key === key &&
    [...site.uses, ...(processes.received.get(`${path}\0${key}`) ?? [])].some(use => use.service === service);
  const isGiven = ({ service }: Process) => service !== null && sites.some(site => gives(site, service));
  const own = key === null ? [...uses] : uses.filter(use => !isGiven(use));
  if (own.length > 0 || uses.length === 0) return own;
  const needs = uses.flatMap(use => use.needs).filter(({ place }) => place.file === file);
  return [{ ...reader(file), needs: [...new Set(needs)] }];
}

/** Of those that get a settings file, the ones whose code names the key; where no code does, those of which there is none. */
function readersOf(
  { key, file }: Site,
  all: readonly Process[],
  { processes: { loaded }, texts }: DecideInput,
): Process[] {
  const names = (path: string) => key !== null && hasWord(texts.get(path) ?? '', key);
  const codeOf = (process: Process) =>
    [...loaded].flatMap(([id, files]) => (id.endsWith(`\0${process.service}`) ? [...(files ?? [])] : []));
  const readers = all.filter(process => codeOf(process).some(names));
  if (readers.length === 0) return all.filter(process => codeOf(process).length === 0);
  return readers.map(process => ({
    ...process,
    needs: process.needs.filter(({ place }) => place.file === file || names(place.file)),
  }));
}

/** The command as it was found with its place. */
const writtenAs = ({ words }: Use, file: string, hand: DecideInput['processes']['hand']): Process | undefined =>
  words.length === 0
    ? undefined
    : hand.find(({ process }) => process.place.file === file && process.words.join('\0') === words.join('\0'))?.process;

const reads = (value: string, name: string): boolean => new RegExp(`\\$\\{?${name}\\b`).test(value);

const reader = (file: string): Process => processOf({ words: [], service: null, image: null }, file);

/** Commands on the machine itself whose words expand the variable. */
const byExpansion = (site: Site, { processes }: DecideInput): Process[] =>
  processes.hand
    .filter(
      ({ folder, process }) => isBelow(site.file, folder) && process.words.some(word => reads(word, site.key ?? '')),
    )
    .map(({ process }) => process);

/** What somebody runs on the machine itself gets the values of the env file there, where they lead to the published port. */
function byHand(site: Site, { processes }: DecideInput): Process[] {
  if (site.format !== 'env' || site.resolution.kind !== 'published') return [];
  return processes.hand
    .filter(({ folder }) => isBelow(site.file, folder))
    .map(({ process }) => process)
    .filter(({ assigns }) => !assigns.some(({ name, raw }) => name === site.key && !reads(raw, name)));
}

/** A migration tool that is set up here, though no command is seen to run it: it gets its own value where that is exact. */
function byTool(site: Site, { processes, wayOf }: DecideInput): Process[] {
  if (site.format !== 'env') return [];
  return (
    processes.tools
      .filter(({ folder }) => isBelow(site.file, folder))
      .map(({ process }) => process)
      // Prisma's migrations fail behind transaction pooling, whoever runs them; others only should not.
      .filter(process => process.words[0] === 'prisma' || wayOf(site, process, false) !== null)
  );
}

const isBelow = (file: string, folder: string): boolean =>
  homeOf(file) === folder || isInside(homeOf(file), `${folder}/`);

/** `ConnectionStrings: { Db: … }` of a settings file is the default of the variable `ConnectionStrings__Db`. */
function dotnetUses({ section, key, file }: Site, input: DecideInput): Process[] | null {
  const name = [...section, key].join('__').replace(/:/g, '__').toLowerCase();
  const twins = input.sites.filter(({ format, site }) => format === 'compose' && site.key?.toLowerCase() === name);
  const { loaded } = input.processes;
  const all = twins.flatMap(twin => twin.site.uses.map(use => ({ file: twin.file, use })));
  // Of several projects with such a setting, the one that the file belongs to.
  const near = all.filter(({ file: path, use }) => loaded.get(`${path}\0${use.service}`)?.has(file));
  const chosen = near.length > 0 ? near : all;
  return all.length === 0 ? null : chosen.flatMap(({ file: path, use }) => followUses([use], path, input));
}

const isSetting = (role: Site['role']): boolean =>
  role === 'setting' || role === 'fallback' || role === 'argument' || role === 'environment';

/** The processes of the services that have the value. */
function followUses(uses: readonly Use[], file: string, { processes: { services } }: DecideInput): Process[] {
  const names = [...new Set(uses.map(use => use.service))];
  return names.flatMap(
    name =>
      services.get(`${file}\0${name}`) ??
      uses.filter(use => use.service === name).map(use => processOf(use, file, 'start')),
  );
}

/** What the rules say of each use, and the way that it has to go. */
function judgeUses(site: Site, input: DecideInput): RoutedUse[] {
  const { rules } = input;
  const uses: (Process | null)[] = site.uses.length > 0 ? site.uses : [null];
  return uses.map((use): RoutedUse => {
    const process = use ?? reader(site.file);
    const needs = process.needs.filter(need => appliesTo(need, site, input));
    const asked = use === null ? null : { ...process, needs };
    const verdict = applyRules(site, asked, rules);
    const own: Need[] = verdict.needs
      ? [{ kind: verdict.needs, what: describeCommand(process.words) || verdict.rule, place: process.place, reads: [] }]
      : [];
    if (verdict.action === 'direct') return { ...verdict, process, route: 'direct', because: own, way: null };
    const isSetting = site.key !== null && input.directSettings.has(site.key);
    if (verdict.action === 'pooled' && (isSetting || isToolVariable(site, input))) {
      const reason = isSetting
        ? `${site.key} is the program's own setting for a connection past the pooler.`
        : `Only the settings of a migration tool read ${site.key}.`;
      return {
        ...verdict,
        action: 'direct',
        rule: 'migration-variable',
        reason,
        process,
        route: 'direct',
        because: own,
        way: null,
      };
    }
    const isThere = verdict.action === 'pooled' || verdict.rule === 'already-pooled';
    const because = isThere ? [...needs, ...own] : [];
    const isOnly = because.length > 0 && verdict.action === 'pooled' && isOwnVariable(because, site, input);
    if (isOnly || (verdict.action === 'pooled' && because.some(({ kind }) => DIRECT_ONLY.includes(kind)))) {
      const reason = `The code that runs with it needs a session of its own: ${describeNeeds(because)}.`;
      return {
        ...verdict,
        action: 'direct',
        rule: 'code-with-session',
        reason,
        process,
        route: 'direct',
        because,
        way: null,
      };
    }
    const setting =
      because.length > 0 && verdict.needs === null ? settingOf(site, { ...process, needs: because }, input) : null;
    const left = setting ? [] : because;
    return {
      ...verdict,
      process,
      route: verdict.action === 'pooled' ? routeFor(left.map(({ kind }) => kind)) : 'transaction',
      because: left,
      way: setting,
    };
  });
}

/** A connection of its own that the program can be given for just these needs. */
function settingOf(site: Site, process: Process, { wayOf }: DecideInput): Way | null {
  const way = wayOf(site, process, false);
  return way?.kind === 'setting' || way?.kind === 'apart' ? way : null;
}

/** What goes through no pool, or leaves its settings behind there. */
const DIRECT_ONLY: readonly NeedKind[] = ['dump', 'replicate', 'startup-parameter'];

/** A need whose code names some of the variables around is one of these; of another variable it is none. */
function appliesTo({ reads: all, what }: Need, site: Site, { config, sites }: DecideInput): boolean {
  const { key, entry } = site;
  // Where there is a variable past the pooler, what needs a session has it.
  const apart = all.filter(name => name.endsWith(config.direct.suffix));
  const names = apart.length > 0 ? apart : all;
  if (isSetApart(what, entry?.siblings ?? [])) return false;
  if (key === null || site.role !== 'environment') return apart.length === 0;
  // Names of other things that the code takes from its environment tell nothing.
  const known = names.filter(
    name => name === key || entry?.siblings.includes(name) || sites.some(other => other.site.key === name),
  );
  return known.length === 0 || known.includes(key);
}

/** Only the code that needs a session names the variable: nothing else is done with it. */
function isOwnVariable(
  needs: readonly Need[],
  { key, role, file, entry, form }: Site,
  { texts, sites }: DecideInput,
): boolean {
  const own = key === null ? [] : needs.filter(({ reads: names }) => names.includes(key));
  if (role !== 'environment' || key === null || own.length === 0) return false;
  const paths = new Set(own.map(({ place }) => place.file));
  // The application has another one beside it.
  const isBeside = ({ file: path, site }: FileSite) =>
    path === file && site.entry?.block === entry?.block && site.key !== key && site.form === form;
  if (!sites.some(isBeside)) return false;
  return ![...texts].some(
    ([path, text]) => !definesVariables(path) && !isCiPath(path) && !paths.has(path) && hasWord(text, key),
  );
}

const TOOL_FILE = /(?:^|\/)(?:alembic\/env\.py|alembic\.ini|schema\.prisma|(?:prisma|drizzle)\.config\.\w+)$/;

/** All that names the variable are settings of migration tools, beside the files that define it. */
function isToolVariable({ key, file, role }: Site, { texts }: DecideInput): boolean {
  if (key === null || !/^[A-Z][A-Z0-9_]+$/.test(key) || /^(?:docs|prose|comment|fallback)$/.test(role)) return false;
  const named = [...texts].filter(
    ([path, text]) => path !== file && !definesVariables(path) && !isCiPath(path) && hasWord(text, key),
  );
  return (
    named.length > 0 &&
    named.every(([path]) => TOOL_FILE.test(path)) &&
    !named.some(([path]) => path.endsWith('.prisma'))
  );
}

const hasWord = (text: string, name: string): boolean =>
  text.includes(name) && new RegExp(`\\b${name.replace(/\W/g, '')}\\b`).test(text);

/** Host and port of each site: its own, else its partner's in the block, else those of the variables that it reads. */
function endpointsOf(sites: readonly FileSite[], groups: readonly number[]): Endpoint[] {
  const definitions = indexDefinitions(sites);
  const locals = indexLocals(sites);
  const members = new Map<number, number[]>();
  for (const [i, group] of groups.entries()) members.set(group, [...(members.get(group) ?? []), i]);
  return sites.map(({ file, site }, i) => {
    const group = members.get(groups[i] ?? i) ?? [];
    const block = group.filter(
      at => sites[at]?.file === file && sites[at]?.site.group === site.group && site.group !== null,
    );
    const find = (part: 'host' | 'port'): string | null => {
      const own = site[part];
      if (own?.value) return own.value;
      const partner = own ? [] : block;
      const named = [...(own?.variables ?? []), ...partner.flatMap(at => sites[at]?.site[part]?.variables ?? [])];
      const candidates = [
        ...partner,
        ...named.flatMap(name => locals.get(`${file}\0${name}`) ?? definitions.get(name) ?? []),
        // A connection string has a port of its own or none, whatever others of its group have.
        ...(own || site.form === 'url' || site.form === 'keyword' ? [] : group),
      ];
      for (const at of candidates) {
        const value = sites[at]?.site[part]?.value;
        if (value) return value;
      }
      return null;
    };
    const port = site.port ?? block.map(at => sites[at]?.site.port).find(part => part) ?? null;
    return { host: find('host'), port: find('port'), portVariable: port?.variables[0] ?? null };
  });
}

/** A compose service has a network of its own; what documents and host scripts say is about the host. */
function isInContainer(site: Site, topology: Topology): boolean {
  if (site.facts.includes('kubernetes')) return true;
  // What a Dockerfile sets, and scripts that are there for an image, run inside.
  if (site.format === 'dockerfile' || (site.format === 'shell' && /(?:^|\/)docker\/|entrypoint/i.test(site.file)))
    return true;
  if (!topology.stacks.has(site.file)) return false;
  const file = topology.composeFiles.find(compose => compose.path === site.file);
  const service = file?.services.find(candidate => candidate.name === (site.service ?? site.uses[0]?.service));
  return service !== undefined && service.networkMode !== 'host';
}

/** What has to be direct and leads to a pooler already is no decision of ours to keep; one in session mode bears it. */
function stillPooled(site: Site, outcome: Outcome, { poolers }: Topology): Outcome {
  if (outcome.action !== 'direct' || site.resolution.kind !== 'pooler' || site.resolution.server === null)
    return outcome;
  const { server } = site.resolution;
  if (poolers.find(one => one === server)?.mode === 'session')
    return {
      action: 'leave',
      rule: 'already-pooled',
      reason: 'Already goes through the pooler, whose sessions bear it.',
      safety: 'safe',
    };
  return {
    ...outcome,
    action: 'review',
    rule: 'through-pooler',
    reason: `It goes through the pooler and should not. ${outcome.reason}`,
  };
}

/** What a person answered, recorded in the configuration. */
function answered({ id }: Site, { action }: Outcome, { answers }: DecideInput['config']): Outcome | null {
  const answer = answers[id];
  if (answer === undefined || action !== 'review') return null;
  return { action: answer, rule: 'answered', reason: 'The configuration answers so.', safety: 'safe' };
}

/** A comment with a reason keeps the place as it is, whatever was decided. */
function suppressed(site: Site, { rule }: Outcome, texts: ReadonlyMap<string, string>): Outcome | null {
  const text = texts.get(site.file) ?? '';
  if (!text.includes('pool-migrate-ignore')) return null;
  const found = findSuppression(readSuppressions(text), lineAt(text, site.span.start), rule);
  if (!found) return null;
  return { action: 'leave', rule: 'suppressed', reason: `A comment says so: ${found.reason}`, safety: 'safe' };
}

function applyRules(site: Site, use: Process | null, rules: readonly CompiledRule[]): Verdict {
  for (const rule of rules) {
    if (!rule.matches(site, use)) continue;
    return {
      action: rule.then,
      rule: rule.id,
      reason: fillReason(rule, site, use),
      safety: rule.safety ?? 'safe',
      needs: rule.needs ?? (rule.then === 'direct' ? 'admin' : null),
    };
  }
  return {
    action: 'review',
    rule: 'undecided',
    reason: 'No rule is certain of this place.',
    safety: 'safe',
    needs: null,
  };
}

/** Ids that outlive edits elsewhere in the file: no line numbers, a counter only between twins. */
function nameSites(sites: Site[]): void {
  const counts = new Map<string, number>();
  for (const site of sites) {
    const base = [
      site.file,
      site.format,
      site.form,
      site.role,
      site.service ?? '',
      site.key ?? '',
      site.call ?? '',
      site.text,
    ].join('\0');
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    site.id = createHash('sha256').update(`${base}\0${count}`).digest('hex').slice(0, 12);
  }
}

/** A default of code or of a script that means another server: what the environment gives comes before it, the port perhaps not. */
const isOtherDefault = ({ action, role, rule }: Site): boolean =>
  action === 'review' && role === 'fallback' && (rule === 'local-not-published' || rule === 'other-port');

/** A gate waits for the pooler as well, where it finds it; a document that means nothing here follows nobody. */
const isOnlooker = (site: Site, isSamePort: boolean): boolean =>
  (isGate(site) && (isSamePort || site.port !== null)) ||
  (site.action !== 'direct' && /^(?:docs|prose|comment)$/.test(site.role));

const isGate = ({ action, rule }: Site): boolean => action === 'leave' && /^readiness-/.test(rule);

/** CI brings servers of its own, and the server itself reads nothing of where it is: no default in code is changed for them. */
const isOtherWorld = ({ action, rule }: Site, pooled: readonly Site[]): boolean =>
  action === 'leave' &&
  (rule === 'server-itself' ||
    rule === 'health-check' ||
    (rule === 'ci' && pooled.every(({ role }) => role === 'environment')));

/** A gate, or a default of another host, that takes host and port from the same place: whatever that says, they match. */
function readsBoth({ action, rule, file, group }: Site, all: readonly Site[]): boolean {
  if (action !== 'leave' || (rule !== 'readiness-gate' && rule !== 'unknown-host')) return false;
  const own = all.filter(site => site.file === file && site.group === group);
  const isRead = (part: 'host' | 'port') => own.some(site => (site[part]?.variables.length ?? 0) > 0);
  return isRead('host') && isRead('port');
}

/**
 * Another environment's value of the same variable: a template for production with a host of its own. What is pooled here changes
 * nothing there, if its port comes from there too, or no default in code is changed.
 */
function isElsewhere(
  { rule, action, role, file, group }: Site,
  all: readonly Site[],
  pooled: readonly Site[],
): boolean {
  if (
    (action !== 'leave' && action !== 'review') ||
    role !== 'environment' ||
    !/^(?:unknown-host|placeholder|other-engine|local-not-published|container-localhost|unit-test|test-\w+)$/.test(rule)
  )
    return false;
  if (pooled.some(site => site.file === file)) return false;
  const hasPort = all.some(site => site.file === file && site.group === group && site.port?.value);
  return hasPort || pooled.every(site => site.role === 'environment');
}

/** A group is pooled as a whole or not at all. Members without a literal follow the others. */
function settleGroups(
  sites: Site[],
  groups: readonly number[],
  keepsPort: (server: Server) => boolean,
  wayOf: DecideInput['wayOf'],
): void {
  const members = new Map<number, Site[]>();
  sites.forEach((site, i) => {
    const group = groups[i] ?? i;
    members.set(group, [...(members.get(group) ?? []), site]);
  });
  for (const group of members.values()) {
    for (const site of group) site.decision = group[0]?.id ?? site.id;
    for (const site of group) keepOnMachine(site, group);
    const pooled = group.filter(site => site.action === 'pooled');
    if (pooled.length === 0) continue;
    const split = new Set(
      pooled.flatMap(site =>
        site.apart.flatMap(({ process, way }) => (way.kind === 'service' ? [process.service] : [])),
      ),
    );
    // A service that gets a value of its own only reads the variable here.
    const isSplit = (site: Site) => !site.host?.value && !site.port?.value && split.has(site.service ?? '');
    // The pooler listens where the server does, so that a port says the same of both.
    const isKept = ({ rule }: Site) =>
      rule === 'published-port-variable' &&
      pooled.every(({ resolution }) => resolution.kind !== 'server' || keepsPort(resolution.server)) &&
      pooled.every(({ resolution }) => resolution.kind !== 'published');
    const isSamePort = pooled.every(({ resolution }) => resolution.kind === 'server' && keepsPort(resolution.server));
    const isBystander = (site: Site) =>
      site.rule === 'no-literal' ||
      site.rule === 'machine-port' ||
      isOtherWorld(site, pooled) ||
      (isOtherDefault(site) && isSamePort) ||
      isSplit(site) ||
      isKept(site) ||
      readsBoth(site, group) ||
      isOnlooker(site, isSamePort) ||
      isElsewhere(site, group, pooled);
    const all = group.filter(site => site.action !== 'pooled' && !isBystander(site));
    const [against] = all;
    // A program that has to be direct reads what the applications get: it takes the direct variable first.
    const isReader = ({ action, role, format }: Site) =>
      action === 'direct' && role !== 'environment' && /^(?:python|javascript|shell|strings)$/.test(format);
    if (against && all.every(isReader) && pooled.every(site => readApart(site, all, wayOf))) continue;
    if (against) {
      for (const site of pooled) {
        Object.assign(site, { action: 'review', rule: 'group-disagrees', safety: 'safe', apart: [] });
        site.reason = `Belongs together with ${against.key ?? against.form} in ${against.file}, which is not pooled: ${against.reason}`;
      }
    } else if (pooled.some(site => site.safety === 'unsafe')) for (const site of pooled) site.safety = 'unsafe';
  }
}

/**
 * On the machine itself, the port that Postgres is published under by this very variable, or that nothing can change, leads to Postgres
 * as before: the stack does not depend on it.
 */
function keepOnMachine(site: Site, group: readonly Site[]): void {
  const isBound = group.some(
    ({ rule, file, group: block }) =>
      rule === 'published-port-variable' && (file === site.file || block === site.group),
  );
  const isReader =
    site.port?.variables.some(name =>
      group.some(({ rule, key }) => rule === 'published-port-variable' && key === name),
    ) ?? false;
  if (
    site.resolution.kind !== 'published' ||
    !(site.rule === 'host-without-port' || (site.action === 'pooled' && (isBound || isReader)))
  )
    return;
  const reason =
    'On the machine itself it goes to the port that Postgres publishes, as before: that port can not be changed here alone.';
  Object.assign(site, { action: 'leave', rule: 'machine-port', reason, safety: 'safe', apart: [], question: null });
}

/** Each of the readers gets its own value, if there is an exact way to it. */
function readApart(site: Site, readers: readonly Site[], wayOf: DecideInput['wayOf']): boolean {
  if (site.role !== 'environment') return true;
  const ways = [...new Set(readers.map(({ file }) => file))].map(file => {
    const process = { ...processOf({ words: [], service: null, image: null }, file), program: file };
    return { process, way: wayOf(site, process, false) };
  });
  for (const { process, way } of ways) if (way) site.apart.push({ process, way });
  return ways.every(({ way }) => way !== null);
}
