/** What comes beside a pooled variable: the old value as `*_DIRECT`, and a port that nothing sets. */

import { addEntry, directNames, enclosingVariables, makeCompanion, renameVariables } from '../../codemods/companion.ts';
import type { Entry, Site } from '../model/index.ts';
import { type EditState, serverOf } from './state.ts';
/** `*_DIRECT` beside each pooled variable of env files and compose environments. */
export function insertCompanions(state: EditState): void {
  const done = new Set<string>();
  const noted = new Set<string>();
  for (const site of companionSites(state)) {
    const { entry, file } = site;
    const source = state.sources.get(file);
    if (!entry || !source || (site.format !== 'env' && site.format !== 'compose')) continue;
    if (isPartOfSettings(site, entry, source.text)) continue;
    // `DB_HOST: ${DB_HOST}` only passes on: see insertPassThroughs.
    if (site.format === 'compose' && site.extent === null && !site.host?.value && !site.port?.value) continue;
    const id = `${file}\0${entry.span.start}`;
    if (done.has(id)) continue;
    done.add(id);
    const { suffix } = state.config.direct;
    const renamed = renamedVariables(site, entry, source.text, state);
    const companion = makeCompanion(source.text, entry, suffix, renamed, source.newline, site.format === 'compose');
    const isThere = directNames(entry.key, suffix).some(name => entry.siblings.includes(name));
    const isFirst = site.format === 'env' && !isThere && !noted.has(file);
    if (isFirst) noted.add(file);
    const note = isFirst
      ? `${source.newline}${entry.indent}# ${entry.key} goes through the pool; *${suffix} goes straight to Postgres (migrations, dumps${isSession(site, state) ? '' : ', LISTEN'}).`
      : '';
    const text = (isThere ? '' : note + companion.text) + portEntries(site, entry, source.text, state);
    if (text !== '') state.edits.push({ file, span: companion.span, text, unit: site.decision, safety: site.safety });
  }
}

/** A client of a session pool listens through it. */
function isSession(site: Site, { sites, pools }: EditState): boolean {
  const server = serverOf(site, sites);
  return server !== null && pools.get(server)?.mode === 'session';
}

/** `DB_PORT: "6432"` beside a host whose port is read from a variable that nothing sets, and its direct twin. */
function portEntries(site: Site, entry: Entry, text: string, state: EditState): string {
  const { portVariable: name } = site;
  const server = serverOf(site, state.sites);
  const pool = server && state.pools.get(server);
  if (name === null || !pool) return '';
  const add = (key: string, port: number) => {
    const value = entry.style === 'list' ? `${entry.key}=${port}` : entry.style === 'dotenv' ? `${port}` : `"${port}"`;
    return addEntry(text, entry, key, value, state.newlineOf(site.file)).text;
  };
  return add(name, pool.port) + add(`${name}${state.config.direct.suffix}`, server.port);
}

/** Variables that the value reads and that are pooled themselves. */
const renamedVariables = (site: Site, entry: Entry, text: string, state: EditState): Set<string> =>
  new Set(
    [
      ...enclosingVariables(text, entry.value, site.span),
      ...(site.host?.variables ?? []),
      ...(site.port?.variables ?? []).filter(name => !isPublishing(name, state)),
    ].filter(name => !staysAsItIs(name, site, state)),
  );

/** Defined in the same env file, else in the repository, and none of its definitions is pooled: there is no direct twin of it. */
export function staysAsItIs(name: string, { file, format }: Site, { sites, pooled }: EditState): boolean {
  const isBeside = (site: Site) => site.key === name && site.file === file && site.action !== 'review';
  const isKey = format === 'env' && sites.some(isBeside) ? isBeside : ({ key }: Site) => key === name;
  return sites.some(isKey) && !pooled.some(isKey) && !sites.some(site => isKey(site) && site.rule === 'no-literal');
}

/** `SPRING_APPLICATION_JSON: '{ "spring.datasource.url": "jdbc:…" }'`, `JAVA_OPTS: -Dspring.datasource.url=…`: nobody would read its twin. */
function isPartOfSettings({ form, extent, span }: Site, { value }: Entry, text: string): boolean {
  const before = text.slice(value.start, (extent ?? span).start);
  return form === 'url' && /(?:(?<!\$)\{|[,\s])\s*["']?[\w.-]+["']?\s*[:=]\s*["']?$|-D[\w.-]+=$/.test(before);
}

/** The value as it was, reading the direct twins of variables that are pooled. */
export function directValue(site: Site, state: EditState): string {
  const text = state.sources.get(site.file)?.text ?? '';
  const entry = site.entry as Entry;
  const value = text.slice(entry.value.start, entry.value.end);
  const names = renamedVariables(site, entry, text, state);
  const renamed = renameVariables(value, names, state.config.direct.suffix, site.format === 'compose');
  return entry.style === 'list' ? renamed.replace(/^(["']?)[^=]*=/, '$1') : renamed;
}

/** Pooled sites, and values that are put together from pooled variables. */
function companionSites(state: EditState): Site[] {
  const keys = new Set(state.pooled.filter(site => site.role === 'environment').map(site => site.key));
  const reads = (site: Site) =>
    [...(site.host?.variables ?? []), ...(site.port?.variables ?? [])].some(name => keys.has(name));
  return [...state.pooled, ...state.sites.filter(site => site.rule === 'no-literal' && site.entry && reads(site))];
}

const isPublishing = (name: string, { topology }: EditState): boolean =>
  topology.servers.some(server => server.published.some(port => port.variable === name));
