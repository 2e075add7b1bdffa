/** The sites of a group have to agree: pooled as a whole, or not at all. */
import type { Server, Site } from '../model/index.ts';
import type { DecideInput } from './input.ts';
import { reader } from './uses.ts';

/** A default of code or of a script that means another server: what the environment gives comes before it, the port perhaps not. */
export const isOtherDefault = ({ action, role, rule }: Site): boolean =>
  action === 'review' &&
  role === 'fallback' &&
  /^(?:local-not-published|local-unproven|container-localhost|other-port)$/.test(rule);

/** `DB_PORT=${DB_PORT:-3306}` beside the one of Postgres: another driver's. */
const isOtherEngineDefault = ({ rule, role }: Site): boolean => rule === 'other-engine' && role === 'fallback';

/** A gate waits for the pooler as well, where it finds it; a document that means nothing here follows nobody. */
const isOnlooker = (site: Site, isSamePort: boolean): boolean =>
  (isGate(site) && (isSamePort || site.port !== null)) ||
  (site.action !== 'direct' && /^(?:docs|prose|comment)$/.test(site.role));

export const isGate = ({ action, rule }: Site): boolean => action === 'leave' && /^readiness-/.test(rule);

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
 * Another environment's value of the same variable: a template for production with a host of its own, or one for the machine itself.
 * What is pooled here changes nothing there, if its port comes from there too, or no default in code is changed.
 */
function isElsewhere(
  { rule, action, role, file, group, resolution }: Site,
  all: readonly Site[],
  pooled: readonly Site[],
  isSamePort: boolean,
): boolean {
  const isOther =
    (action !== 'direct' &&
      /^(?:unknown-host|placeholder|other-engine|local-not-published|local-unproven|container-localhost|unit-test|test-\w+)$/.test(
        rule,
      )) ||
    (action === 'direct' && resolution.kind === 'published');
  if (!isOther || role !== 'environment' || pooled.some(site => site.file === file)) return false;
  const hasPort = all.some(
    site =>
      site.port?.value &&
      ((site.file === file && site.group === group) || (rule === 'other-engine' && isOtherEngineDefault(site))),
  );
  return hasPort || isSamePort || pooled.every(site => site.role === 'environment');
}

/** A group is pooled as a whole or not at all. Members without a literal follow the others. */
export function settleGroups(
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
    for (const site of group) followOther(site, group);
    const pooled = group.filter(site => site.action === 'pooled');
    // What only passes a variable on changes nothing for who else reads it.
    if (pooled.every(({ host, port }) => !host?.value && !port?.value)) continue;
    const split = new Set(
      pooled.flatMap(site =>
        site.apart.flatMap(({ process, way }) => (way.kind === 'service' ? [process.service] : [])),
      ),
    );
    // A service that gets a host of its own only reads the variable here; a port beside it is the server's.
    const isSplit = (site: Site) => !site.host?.value && split.has(site.service ?? '');
    // The pooler listens where the server does, so that a port says the same of both.
    const isKept = ({ rule }: Site) =>
      rule === 'published-port-variable' &&
      pooled.every(({ resolution }) => resolution.kind !== 'server' || keepsPort(resolution.server)) &&
      pooled.every(({ resolution }) => resolution.kind !== 'published');
    const isSamePort = pooled.every(({ resolution }) => resolution.kind === 'server' && keepsPort(resolution.server));
    const isBystander = (site: Site) =>
      site.rule === 'no-literal' ||
      site.rule === 'machine-port' ||
      site.rule === 'overridden' ||
      isOtherWorld(site, pooled) ||
      (isOtherDefault(site) && isSamePort) ||
      isOtherEngineDefault(site) ||
      isSplit(site) ||
      isKept(site) ||
      readsBoth(site, group) ||
      isOnlooker(site, isSamePort) ||
      isElsewhere(site, group, pooled, isSamePort);
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

/** The port of a host that stays direct, or is only the server's own, stays with it in the same file; so does a host that nobody reads with its port. */
function followOther(site: Site, group: readonly Site[]): void {
  const other = site.form === 'port' ? 'host' : site.form === 'host' && site.uses.length === 0 ? 'port' : null;
  if (site.action !== 'pooled' || other === null) return;
  const others = group.filter(one => one.file === site.file && one.form === other && one[other]?.value);
  const [first] = others;
  const stays = ({ action, rule: own }: Site) => action === 'direct' || (other === 'host' && own === 'server-itself');
  if (!first || !others.every(stays)) return;
  const { action, rule, reason, safety } = first;
  Object.assign(site, { action, rule, reason, safety, apart: [], mends: [], question: null });
}

/** Each of the readers gets its own value, if there is an exact way to it. */
function readApart(site: Site, readers: readonly Site[], wayOf: DecideInput['wayOf']): boolean {
  if (site.role !== 'environment') return true;
  const ways = [...new Set(readers.map(({ file }) => file))].map(file => {
    const process = { ...reader(file), program: file };
    return { process, way: wayOf(site, process, false) };
  });
  for (const { process, way } of ways) if (way) site.apart.push({ process, way });
  return ways.every(({ way }) => way !== null);
}
