/** How a command of this repository is run past the pooler: for the README, the runbook and comments. */
import { describeCommand } from '../config/rules.ts';
import type { Process, Site } from '../model/index.ts';
import { baseOf } from '../text/paths.ts';
import { type EditState, leadsTo } from './state.ts';
import type { Pool } from './target.ts';

export interface DirectRun {
  service: string;
  /** For a shell in the container, `$` as it stands there. */
  command: string;
}

/** Variables that became pooled, each with the one beside it that has the old value. */
export function companionsOf(own: readonly Site[], state: EditState): { pooled: string; direct: string }[] {
  const keys = own.filter(({ role, key }) => role === 'environment' && key !== null).map(({ key }) => key as string);
  return [...new Set(keys)].flatMap(pooled => {
    const direct = `${pooled}${state.config.direct.suffix}`;
    return isDefined(direct, state) ? [{ pooled, direct }] : [];
  });
}

/** In what this run adds, or in an env file or a compose file that has it; `${NAME:-…}` only reads it. */
function isDefined(name: string, { edits, extractions, topology }: EditState): boolean {
  const defines = new RegExp(`(?<![\\w\${])${name}["']?\\s*[:=]`);
  return (
    edits.some(({ text }) => text.includes(name) && defines.test(text)) ||
    [...extractions.values()].some(({ facts }) => facts.defines.includes(name)) ||
    topology.composeFiles.some(({ services }) => services.some(one => one.environment.some(({ key }) => key === name)))
  );
}

/** Null where no service is seen to get a pooled variable that has its old value beside it. */
export function directRun(pool: Pool, state: EditState): DirectRun | null {
  const all = state.pooled.filter(site => leadsTo(pool, site, state));
  const known = new Set(companionsOf(all, state).map(({ pooled }) => pooled));
  const own = all.filter(
    ({ role, form, key }) => role === 'environment' && (form === 'url' || form === 'host') && known.has(key ?? ''),
  );
  const { suffix } = state.config.direct;
  // A host goes with its port.
  const assignment = (site: Site) =>
    [
      ...new Set(
        state.pooled.filter(other => belongsTo(other, site)).flatMap(({ key, portVariable }) => [key, portVariable]),
      ),
    ]
      .filter(key => key !== null)
      .map(key => `${key}="$${key}${suffix}"`)
      .join(' ');
  for (const site of own) {
    for (const { process, way } of site.apart) {
      // A service with a value of its own needs no other command.
      if (way.kind === 'service') continue;
      const command = writtenCommand(process, state);
      if (process.service !== null && command !== '')
        return { service: process.service, command: `${assignment(site)} ${command}` };
    }
  }
  // The code itself keeps the server for the bypass.
  for (const { process, way } of all.flatMap(({ apart }) => apart)) {
    const command = way.kind === 'bypass' ? writtenCommand(process, state) : '';
    if (process.service !== null && command !== '')
      return { service: process.service, command: `${state.config.direct.bypass}=1 ${command}` };
  }
  const at = own.toSorted((a, b) => Number(b.form === 'url') - Number(a.form === 'url'));
  for (const site of at) {
    for (const [service, list] of servicesOf(site, state)) {
      const option = site.form === 'url' ? withOption(list, state) : null;
      if (option) return { service, command: `${option} "$${site.key}${suffix}"` };
    }
  }
  const [site] = at;
  const [service] = site ? (servicesOf(site, state)[0] ?? []) : [];
  return site && service !== undefined ? { service, command: `${assignment(site)} COMMAND` } : null;
}

/** As it stands in its file, wrappers included, where that is plain. */
export function writtenCommand({ step, words }: Process, { sources }: EditState): string {
  const written = step ? (sources.get(step.file)?.text ?? '').slice(step.at, step.end) : '';
  const shown = /^[\w./:-]+(?: [\w./:-]+)*$/.test(written) ? written : describeCommand(words);
  // A word that is left out could not be run.
  if (shown.includes('…')) return '';
  // A package script finds what is in node_modules/.bin; a shell does not.
  const isOfPackage = step !== null && baseOf(step.file) === 'package.json';
  return isOfPackage && !FOUND_BY_SHELL.test(shown) ? `npx ${shown}` : shown;
}

const FOUND_BY_SHELL = /^(?:node|npm|npx|pnpm|yarn|bun|bunx|deno|sh|bash|cd|docker|make|python3?|[^ ]*\/[^ ]*)(?: |$)/;

const belongsTo = (other: Site, site: Site): boolean =>
  other === site ||
  (site.form === 'host' &&
    other.decision === site.decision &&
    other.file === site.file &&
    other.entry?.block === site.entry?.block &&
    other.replacement !== other.text);

const servicesOf = (site: Site, { processes }: EditState): [string, Process[]][] =>
  [...new Set([site.service, ...site.uses.map(({ service }) => service)])]
    .filter(name => name !== null)
    .map(name => [name, [...processes.services].flatMap(([id, list]) => (id.endsWith(`\0${name}`) ? list : []))]);

/** A program of the repository that takes the URL as an option. */
function withOption(list: readonly Process[], { sources }: EditState): string | null {
  for (const { path, text } of sources.values()) {
    const option = /["'](--(?:db|database)-ur[li])["']/.exec(text)?.[1];
    if (option === undefined) continue;
    const names = [path, path.replace(/\.\w+$/, '').replace(/\//g, '.')];
    const found = list.find(({ words }) => words.some(word => names.includes(word)));
    const at = found?.words.findIndex(word => names.includes(word)) ?? -1;
    if (found) return `${found.words.slice(0, at + 1).join(' ')} … ${option}`;
  }
  return null;
}
