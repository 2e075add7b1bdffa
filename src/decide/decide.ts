/** Decisions: every rule is asked of every use of every site; then the sites of a group have to agree. */
import { createHash } from 'node:crypto';
import { isCiPath } from '../../codemods/paths.ts';
import { type CompiledRule, fillReason } from '../config/rules.ts';
import type { RawSite, Site, Use } from '../model/index.ts';
import { definesVariables } from '../processes/index.ts';
import { findSuppression, readSuppressions } from '../routes/index.ts';
import { lineAt } from '../text/lines.ts';
import { type Endpoint, resolveEndpoint, type Topology } from '../topology/index.ts';
import { combineUses, type Outcome, type Verdict } from './combine-uses.ts';
import { deriveFacts, isComposeOnly, missingPort, serviceNames } from './derive-facts.ts';
import { type FileSite, groupSites, indexDefinitions, indexLocals } from './group-sites.ts';
import type { DecideInput } from './input.ts';

export function decide(input: DecideInput): Site[] {
  const groups = groupSites(input.sites);
  const endpoints = endpointsOf(input.sites, groups);
  const sites = input.sites.map((fileSite, i): Site => {
    const site = toSite(fileSite, input);
    const endpoint = endpoints[i] as Endpoint;
    site.resolution = resolveEndpoint(endpoint, site.file, isInContainer(site, input.topology), input.topology);
    if (site.facts.includes('kubernetes') && isComposeOnly(site, input.topology))
      site.resolution = { kind: 'other-network' };
    site.portVariable = missingPort(site, endpoint, input);
    site.facts = [...site.facts, ...deriveFacts(site, endpoint, input)];
    const outcome = stillPooled(site, decideOne(site, input));
    return Object.assign(site, suppressed(site, outcome, input.texts) ?? outcome);
  });
  nameSites(sites);
  settleGroups(sites, groups);
  return sites;
}

function toSite({ file, format, site }: FileSite, input: DecideInput): Site {
  const received = site.key === null ? undefined : input.flow.received.get(`${file}\0${site.key}`);
  const servers = serviceNames(input.topology, file);
  // A server or a pooler that shares an anchor with the application is no use of the value.
  const followed = format === 'compose' && site.role === 'environment' ? followUses(site.uses, file, input) : site.uses;
  const all = received ?? (site.section[0] === 'ConnectionStrings' ? dotnetUses(site, input) : null) ?? followed;
  const uses = keepReaders(site, all, input.texts).filter(
    use => use.service === null || !servers.has(use.service) || site.uses.length === 1,
  );
  const isDocumented = site.role === 'docs' && /^[A-Z][A-Z0-9_]+$/.test(site.key ?? '');
  const dumps = site.role === 'environment' && site.key !== null ? input.flow.dumpUses(site.key) : [];
  // Beside the dump there is at least an application's default.
  if (dumps.length > 0) uses.push(...(uses.length === 0 ? [READER] : []), ...dumps);
  if (uses.length === 0 && (isSetting(site.role) || isDocumented)) uses.push(...input.flow.codeUses(file));
  return {
    ...site,
    uses,
    id: '',
    file,
    format,
    text: (input.texts.get(file) ?? '').slice(site.span.start, site.span.end),
    decision: '',
    resolution: { kind: 'none' },
    action: 'review',
    rule: '',
    reason: '',
    safety: 'safe',
    replacement: null,
    directUses: [],
    splitServices: [],
    portVariable: null,
  };
}

/** `ConnectionStrings: { Db: … }` of a settings file is the default of the variable `ConnectionStrings__Db`. */
function dotnetUses({ section, key }: RawSite, input: DecideInput): Use[] | null {
  const name = [...section, key].join('__').toLowerCase();
  const twins = input.sites.filter(({ format, site }) => format === 'compose' && site.key?.toLowerCase() === name);
  return twins.length === 0 ? null : twins.flatMap(({ file, site }) => followUses(site.uses, file, input));
}

/**
 * A program that migrates or listens, and names some of the variables of a block, does it with these. Where it is the only
 * one to name a variable, nothing else is done with that.
 */
function keepReaders(site: RawSite, uses: readonly Use[], texts: ReadonlyMap<string, string>): Use[] {
  const { key, entry } = site;
  if (site.role !== 'environment' || key === null || entry === null) return [...uses];
  const isFact = ({ words: [fact, path] }: Use) =>
    /^(?:migrations-at-start|needs-session)$/.test(fact ?? '') && texts.has(path ?? '');
  const namesIn = (path: string) => entry.siblings.filter(name => hasWord(texts.get(path) ?? '', name));
  const kept = uses.filter(use => {
    const named = isFact(use) ? namesIn(use.words[1] ?? '') : [];
    return named.length === 0 || named.includes(key);
  });
  const own = kept.filter(use => isFact(use) && namesIn(use.words[1] ?? '').includes(key));
  if (own.length === 0) return kept;
  const paths = new Set(own.map(({ words }) => words[1]));
  const isReadElsewhere = [...texts].some(
    ([path, text]) => !definesVariables(path) && !isCiPath(path) && !paths.has(path) && hasWord(text, key),
  );
  return isReadElsewhere ? kept : own;
}

const hasWord = (text: string, name: string): boolean =>
  text.includes(name) && new RegExp(`\\b${name.replace(/\W/g, '')}\\b`).test(text);

const READER: Use = { words: [], service: null, image: null };

const isSetting = (role: Site['role']): boolean =>
  role === 'setting' || role === 'fallback' || role === 'argument' || role === 'environment';

/** Uses by service, with the commands of the scripts and images that the service runs. */
function followUses(uses: readonly Use[], file: string, { flow: { services } }: DecideInput): Use[] {
  const names = [...new Set(uses.map(use => use.service))];
  return names.flatMap(name => services.get(`${file}\0${name}`) ?? uses.filter(use => use.service === name));
}

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

function decideOne(site: Site, { rules, splitSafety }: DecideInput): Outcome {
  const uses: (Use | null)[] = site.uses.length > 0 ? site.uses : [null];
  return combineUses(
    site,
    uses.map(use => ({ use, ...applyRules(site, use, rules) })),
    splitSafety,
  );
}

/** What has to be direct and leads to the pooler already is no decision of ours to keep. */
const stillPooled = (site: Site, outcome: Outcome): Outcome =>
  outcome.action === 'direct' && site.resolution.kind === 'pooler' && site.resolution.server !== null
    ? { ...outcome, action: 'review', reason: `It goes through the pooler and should not. ${outcome.reason}` }
    : outcome;

/** A comment with a reason keeps the place as it is, whatever was decided. */
function suppressed(site: Site, { rule }: Outcome, texts: ReadonlyMap<string, string>): Outcome | null {
  const text = texts.get(site.file) ?? '';
  if (!text.includes('pool-migrate-ignore')) return null;
  const found = findSuppression(readSuppressions(text), lineAt(text, site.span.start), rule);
  if (!found) return null;
  return { action: 'leave', rule: 'suppressed', reason: `A comment says so: ${found.reason}`, safety: 'safe' };
}

function applyRules(site: Site, use: Use | null, rules: readonly CompiledRule[]): Verdict {
  for (const rule of rules) {
    if (!rule.matches(site, use)) continue;
    return { action: rule.then, rule: rule.id, reason: fillReason(rule, site, use), safety: rule.safety ?? 'safe' };
  }
  return { action: 'review', rule: 'undecided', reason: 'No rule is certain of this place.', safety: 'safe' };
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
  if (action !== 'leave' || role !== 'environment' || !/^(?:unknown-host|placeholder)$/.test(rule)) return false;
  if (pooled.some(site => site.file === file)) return false;
  const hasPort = all.some(site => site.file === file && site.group === group && site.port?.value);
  return hasPort || pooled.every(site => site.role === 'environment');
}

/** A group is pooled as a whole or not at all. Members without a literal follow the others. */
function settleGroups(sites: Site[], groups: readonly number[]): void {
  const members = new Map<number, Site[]>();
  sites.forEach((site, i) => {
    const group = groups[i] ?? i;
    members.set(group, [...(members.get(group) ?? []), site]);
  });
  for (const group of members.values()) {
    for (const site of group) site.decision = group[0]?.id ?? site.id;
    const pooled = group.filter(site => site.action === 'pooled');
    if (pooled.length === 0) continue;
    const split = new Set(pooled.flatMap(site => site.splitServices));
    // A service that gets a value of its own only reads the variable here.
    const isSplit = (site: Site) => !site.host?.value && !site.port?.value && split.has(site.service ?? '');
    const isBystander = (site: Site) =>
      site.rule === 'no-literal' || isSplit(site) || readsBoth(site, group) || isElsewhere(site, group, pooled);
    const all = group.filter(site => site.action !== 'pooled' && !isBystander(site));
    const [against] = all;
    // A program that has to be direct reads what the applications get: as with a command of theirs.
    const isReader = ({ action, role, format }: Site) =>
      action === 'direct' && role !== 'environment' && /^(?:python|javascript|shell|strings)$/.test(format);
    if (against && all.every(isReader)) {
      for (const site of pooled) {
        Object.assign(site, {
          rule: 'shared-with-direct-command',
          safety: 'unsafe',
          reason: `${against.file} reads ${site.key ?? 'this value'} too, and must stay direct: ${against.reason} Give it the direct variable by hand first.`,
        });
      }
    } else if (against) {
      for (const site of pooled) {
        site.action = 'review';
        site.rule = 'group-disagrees';
        site.safety = 'safe';
        site.reason = `Belongs together with ${against.key ?? against.form} in ${against.file}, which is not pooled: ${against.reason}`;
      }
    } else if (pooled.some(site => site.safety === 'unsafe')) for (const site of pooled) site.safety = 'unsafe';
  }
}
