/** What the rules say of each use of a value, and the way that it has to go. */
import { isCiPath } from '../../codemods/paths.ts';
import { type CompiledRule, describeCommand, describeNeeds, fillReason } from '../config/rules.ts';
import { bears } from '../images/poolers.ts';
import type { Need, NeedKind, Process, Site, Way } from '../model/index.ts';
import { definesVariables, isToolFile } from '../processes/index.ts';
import { filesWithWord } from '../text/words.ts';
import { serviceNames } from './derive-facts.ts';
import type { FileSite } from './group-sites.ts';
import type { DecideInput } from './input.ts';
import { type RoutedUse, routeFor, type Verdict } from './routes.ts';
import { isSetApart } from './set-apart.ts';
import { isServersTool, reader } from './uses.ts';

/** What the rules say of each use, and the way that it has to go. */
export function judgeUses(site: Site, input: DecideInput): RoutedUse[] {
  const { rules } = input;
  const uses: (Process | null)[] = site.uses.length > 0 ? site.uses : [null];
  const kinds = serviceNames(input.topology, site.file);
  // What the code around the value itself sends when it connects, it sends for whoever runs it.
  const sent = isInCode(site)
    ? site.uses
        .flatMap(use => use.needs)
        .filter(({ kind, place }) => kind === 'startup-parameter' && place.file === site.file)
    : [];
  return uses.map((use): RoutedUse => {
    const process = use ?? reader(site.file);
    const needs = [...new Set([...process.needs, ...sent])].filter(
      need => appliesTo(need, site, input) && !bears(input.config.pool, need.kind),
    );
    const asked = use === null ? null : { ...process, needs };
    const verdict = applyRules(site, asked, rules, input);
    const own: Need[] = verdict.needs
      ? [{ kind: verdict.needs, what: describeCommand(process.words) || verdict.rule, place: process.place, reads: [] }]
      : [];
    const direct = (rule: string, reason: string, because: readonly Need[]): RoutedUse => ({
      ...verdict,
      action: 'direct',
      rule,
      reason,
      process,
      route: 'direct',
      because,
      mends: [],
      way: null,
    });
    if (verdict.action === 'direct') return direct(verdict.rule, verdict.reason, own);
    if (site.uses.length > 1 && isServersTool(site, process, kinds))
      return direct('server-tools', `psql, pg_isready and dumps inside ${process.service} read ${site.key}.`, own);
    const isPooled = verdict.action === 'pooled';
    if (isPooled && site.key !== null && input.directSettings.has(site.key))
      return direct(
        'migration-variable',
        `${site.key} is the program's own setting for a connection past the pooler.`,
        own,
      );
    if (isPooled && isToolVariable(site, input))
      return direct('migration-variable', `Only the settings of a migration tool read ${site.key}.`, own);
    const isMended = ({ mend, place }: Need) =>
      isPooled && mend !== undefined && !process.isPublished && !input.refused.has(place.file);
    const because =
      isPooled || verdict.rule === 'already-pooled' ? [...needs.filter(need => !isMended(need)), ...own] : [];
    const isApart =
      because.some(({ kind }) => DIRECT_ONLY.includes(kind)) ||
      // What is run once to migrate does nothing else.
      (process.kind !== 'start' && process.words.length > 0 && needs.some(({ kind }) => kind === 'migrate')) ||
      (because.length > 0 && isOwnVariable(because, site, input));
    if (isPooled && isApart)
      return direct(
        'code-with-session',
        `The code that runs with it needs a session of its own: ${describeNeeds(because)}.`,
        because,
      );
    const setting =
      because.length > 0 && verdict.needs === null ? settingOf(site, { ...process, needs: because }, input) : null;
    const left = setting ? [] : because;
    return {
      ...verdict,
      process,
      route: isPooled ? routeFor(left.map(({ kind }) => kind)) : 'transaction',
      because: left,
      mends: needs.filter(isMended),
      way: setting,
    };
  });
}

const isInCode = ({ role, format }: Site): boolean =>
  /^(?:setting|fallback|argument)$/.test(role) && /^(?:python|javascript|strings)$/.test(format);

/** A connection of its own that the program can be given for just these needs. */
function settingOf(site: Site, process: Process, { wayOf }: DecideInput): Way | null {
  const way = wayOf(site, process, false);
  return way?.kind === 'setting' || way?.kind === 'connection' || way?.kind === 'apart' ? way : null;
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
  // Names of other things that the code takes from its environment tell nothing, nor does what is commented out.
  const known = names.filter(
    name => name === key || sites.some(({ site: other }) => other.key === name && other.role !== 'comment'),
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
  return !filesWithWord(texts, key).some(path => !definesVariables(path) && !isCiPath(path) && !paths.has(path));
}

/** All that names the variable are settings of migration tools, beside the files that define it. */
function isToolVariable({ key, file, role }: Site, { texts }: DecideInput): boolean {
  if (key === null || !/^[A-Z][A-Z0-9_]+$/.test(key) || /^(?:docs|prose|comment|fallback)$/.test(role)) return false;
  const named = filesWithWord(texts, key).filter(path => path !== file && !definesVariables(path) && !isCiPath(path));
  return named.length > 0 && named.every(isToolFile) && !named.some(path => path.endsWith('.prisma'));
}

function applyRules(site: Site, use: Process | null, rules: readonly CompiledRule[], { config }: DecideInput): Verdict {
  for (const rule of rules) {
    if (!rule.matches(site, use)) continue;
    // A rule for a need that this pooler bears has nothing to say.
    if (rule.needs !== undefined && bears(config.pool, rule.needs)) continue;
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
