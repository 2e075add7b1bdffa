/** Connections that a program can be given for its migrations alone: by a setting of its own, or of a tool inside of it. */
import {
  addressVariables,
  connectSpringTool,
  isSpringSettings,
  readSpringSource,
  type SpringSource,
  type SpringTool,
  variableOf,
} from '../../codemods/spring-direct.ts';
import { MIGRATION_SETTINGS } from '../decide/index.ts';
import type { Process, Site, Way } from '../model/index.ts';
import { dirOf, isInside } from '../text/paths.ts';
import { withBase } from '../topology/index.ts';
import { findService, serviceTargets, takesEntry, type WayInput } from './way-targets.ts';

/** 1. A setting that the program itself has. */
export function settingWay(site: Site, process: Process, input: WayInput): Way | null {
  const { entry, file, format } = site;
  const service = process.service ?? site.service;
  if (!entry || service === null) return null;
  // Beside the entry itself, else in the environment of a service that shares it.
  const isBeside = format === 'compose' && service === site.service;
  const own = isBeside ? findService(file, service, input.topology) : null;
  const targets = isBeside ? (own ? [own] : []) : serviceTargets(site, service, input);
  const [target] = targets;
  if (!target) return null;
  const fits = (name: string) => isBeside || targets.every(one => takesEntry(one, name, input));
  const isThere = (name: string) =>
    isBeside
      ? entry.siblings.includes(name)
      : targets.some(one => one.service.environment.some(({ key }) => key === name));
  const spring = springOf(process, input);
  // `url: ${DB_URL}`: what Spring calls its URL, the repository calls so.
  const isUrl = spring !== null && variableOf(spring.source.url) === entry.key;
  const framework = MIGRATION_SETTINGS.find(
    ({ what, trigger }) =>
      (trigger.test(entry.key) || (isUrl && trigger.test('SPRING_DATASOURCE_URL'))) &&
      process.needs.length > 0 &&
      process.needs.every(need => need.kind === 'migrate' && need.what === what),
  );
  if (framework) {
    const { url, copies } = ownSetting(framework, entry.key, isUrl ? spring?.source : undefined);
    const values = copies
      .map(([name, from]) => [name, from] as const)
      .filter(([, from]) => entry.siblings.includes(from));
    // Without the user beside it, the setting's own connection would have none.
    if (values.length !== copies.length || !isBeside || isThere(url)) return null;
    return {
      kind: 'setting',
      file,
      service,
      entries: [[url, entry.key], ...values.map(([name, from]): [string, string] => [name, from])],
    };
  }
  const known = input.images(withBase(target.file, target.service, input.topology.composeFiles).image);
  const at = known?.settings?.url?.indexOf(entry.key) ?? -1;
  const name = at === -1 ? undefined : (known?.direct?.url?.[at] ?? known?.direct?.url?.[0]);
  const covers = process.needs.every(({ kind }) => known?.direct?.needs.includes(kind));
  // One that is the direct connection itself where another is given beside it has no other.
  if (name === undefined || name === entry.key || !covers || process.needs.length === 0) return null;
  if (isThere(name)) return { kind: 'apart' };
  return fits(name) ? { kind: 'setting', file: target.file.path, service, entries: [[name, entry.key]] } : null;
}

/** The setting with the names that the repository's own settings file has for Spring's. */
function ownSetting(
  { own }: (typeof MIGRATION_SETTINGS)[number],
  key: string,
  source: SpringSource | undefined,
): ReturnType<(typeof MIGRATION_SETTINGS)[number]['own']> {
  const { url, copies } = own(key);
  const named = (from: string) =>
    (source && (from.endsWith('_USERNAME') ? variableOf(source.username) : variableOf(source.password))) ?? from;
  return { url, copies: copies.map(([name, from]) => [name, named(from)]) };
}

/** The settings file of a Spring application, beside the build file that brings the tool, connects its migrations past the pooler. */
export function springWay(site: Site, process: Process, input: WayInput): Extract<Way, { kind: 'connection' }> | null {
  const found = process.isPublished ? null : springOf(process, input);
  if (!found || !(site.file === found.file || addressVariables(found.source).includes(site.key ?? ''))) return null;
  const edits = connectSpringTool(found.file, found.text, found.tool, input.config.direct.suffix);
  return edits && { kind: 'connection', file: found.file, edits };
}

/** Null where the process needs more than to migrate by Flyway or Liquibase alone, or it is not sure which settings it has. */
function springOf({ needs }: Process, { shelf }: WayInput) {
  const tool = needs[0]?.what.toLowerCase();
  if (tool !== 'flyway' && tool !== 'liquibase') return null;
  if (needs.some(({ kind, what }) => kind !== 'migrate' || what.toLowerCase() !== tool)) return null;
  // A settings file does not reach what another module brings.
  const [folder, ...others] = new Set(needs.map(({ place }) => dirOf(place.file)));
  if (folder === undefined || others.length > 0) return null;
  const all = shelf.paths.filter(
    path =>
      isSpringSettings(path) &&
      (folder === '' || isInside(folder, path)) &&
      !path.includes('src/test/') &&
      /\bdatasource\b/.test(shelf.text(path) ?? ''),
  );
  const [file] = all;
  // A profile may have a data source of its own, which the tool would have to follow.
  if (file === undefined || all.length > 1) return null;
  const text = shelf.text(file) ?? '';
  const source = readSpringSource(file, text);
  return source && { file, text, source, tool: tool as SpringTool };
}
