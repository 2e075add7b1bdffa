/** The edits that mend a finding, where a rule says how and the place can be seen. None: a person has to do it. */
import type { Mend, RawSite, Span } from '../model/index.ts';
import type { HazardEdit, Item } from './hazard-rules.ts';
import { isRefusedAtStart } from './startup-parameters.ts';

/** `sites`: the connection string that a parameter belongs to; for all else those of the file. */
export function mend(edit: HazardEdit, item: Item, sites: readonly RawSite[], text: string): Mend | null {
  if ('argument' in edit) return item.kind === 'call' ? insert(item.slot, edit.argument) : null;
  if ('entry' in edit)
    return item.kind === 'setting' && !hasEntry(item, edit.entry)
      ? insert(item.slot, quotedAs(edit.entry, item.at, text))
      : null;
  if ('around' in edit)
    return item.kind === 'setting'
      ? surround(
          item.extent,
          edit.around.map(one => quotedAs(one, item.at, text)),
        )
      : null;
  if ('setLocal' in edit) return item.kind === 'fact' ? makeLocal(item.fact.at, text) : null;
  if (sites.some(({ facts }) => facts.includes('not-verbatim'))) return null;
  if ('parameter' in edit) return together(sites.map(site => addParameter(site, edit.parameter, text)));
  const [site] = sites;
  if (!site || item.kind !== 'parameter') return null;
  return 'value' in edit ? replaceValue(site, item.name, edit.value, text) : moveOptions(site, text);
}

/** An entry of that name is there already, with another value. */
function hasEntry({ siblings }: Extract<Item, { kind: 'setting' }>, entry: string): boolean {
  const name = /\w+/.exec(entry)?.[0];
  return siblings().some(sibling => sibling.startsWith(`${name}=`));
}

/** All or nothing. */
function together(all: (Mend | null)[]): Mend | null {
  const edits = all.flatMap(one => one?.edits ?? []);
  return edits.length > 0 && all.every(one => one !== null) ? { edits } : null;
}

const insert = (slot: { at: number; lead: string } | null, added: string): Mend | null =>
  slot && { edits: [{ span: { start: slot.at, end: slot.at }, text: slot.lead + added }] };

/** In the quotes of the key that was found. */
const quotedAs = (added: string, at: number, text: string): string =>
  /["']/.exec(text.slice(at, at + 200))?.[0] === '"' && !added.includes('"') ? added.replaceAll("'", '"') : added;

const surround = (extent: Span | undefined, [before = '', after = '']: readonly string[]): Mend | null =>
  extent
    ? {
        edits: [
          { span: { start: extent.start, end: extent.start }, text: before },
          { span: { start: extent.end, end: extent.end }, text: after },
        ],
      }
    : null;

/** Null where the SQL does not stand in the file as it is, so that the place of its words is not known. */
function makeLocal(at: number, text: string): Mend | null {
  const words = /^SET(?:\s+SESSION)?(?=\s+(?!LOCAL\b))/i.exec(text.slice(at, at + 200))?.[0];
  return words ? { edits: [{ span: { start: at, end: at + words.length }, text: 'SET LOCAL' }] } : null;
}

function addParameter(site: RawSite, parameter: string, text: string): Mend | null {
  if (site.form === 'url' && site.extent) {
    const { start, end } = site.extent;
    const url = text.slice(start, end);
    if (url.includes('#')) return null;
    const lead = !url.includes('?') ? '?' : /[?&]$/.test(url) ? '' : '&';
    return { edits: [{ span: { start: end, end }, text: lead + parameter }] };
  }
  if (site.form !== 'keyword' || !site.host) return null;
  const { end } = site.span;
  // A quote around the value would have to be passed first.
  if (/^["']./.test(text.slice(end, end + 2)) && /["']/.test(text[site.span.start - 1] ?? '')) return null;
  return { edits: [{ span: { start: end, end }, text: `${isAdo(site, text) ? ';' : ' '}${parameter}` }] };
}

/** `Host=db;Port=5432` of .NET, against `host=db port=5432` of libpq. */
export const isAdo = ({ span }: RawSite, text: string): boolean =>
  (text[span.end] === ';' && !/pgsql:[^;]*$/.test(text.slice(Math.max(0, span.start - 20), span.start))) ||
  /(?:Host|Server)\s*=\s*["']?$/.test(text.slice(Math.max(0, span.start - 12), span.start));

interface Parameter {
  start: number;
  end: number;
  name: string;
  value: string;
}

/** The parameters of a URL, with their places in the file. */
function parametersOf({ extent }: RawSite, text: string): Parameter[] {
  if (!extent) return [];
  const found: Parameter[] = [];
  let at = text.indexOf('?', extent.start) + 1;
  for (const part of at > 0 && at < extent.end ? text.slice(at, extent.end).split('&') : []) {
    const [name = '', value = ''] = part.split(/=(.*)/s);
    found.push({ start: at, end: at + part.length, name: name.toLowerCase(), value });
    at += part.length + 1;
  }
  return found;
}

function replaceValue(site: RawSite, parameter: string, value: string, text: string): Mend | null {
  const [name] = parameter.split('=');
  const found = parametersOf(site, text).find(one => one.name === name);
  return found ? { edits: [{ span: { start: found.end - found.value.length, end: found.end }, text: value }] } : null;
}

/** What a startup parameter may hold for its move to be certain: it ends up in SQL, in an INI file and in YAML. */
const PLAIN = /^[\w., -]+$/;
/** Names that drivers have for it. */
const SEARCH_PATH = new Set(['search_path', 'searchpath', 'currentschema']);
const isMoved = (name: string): boolean => name === 'options' || SEARCH_PATH.has(name) || isRefusedAtStart(name);

/**
 * `?options=-c search_path=app` → nothing, and `SELECT set_config('search_path', 'app', false)` when the pooler connects:
 * PostgreSQL reads a startup parameter as `set_config` does.
 */
function moveOptions(site: RawSite, text: string): Mend | null {
  const all = parametersOf(site, text);
  const moved = all.filter(({ name }) => isMoved(name));
  const settings: [string, string][] = [];
  for (const { name, value } of moved) {
    const plain = decode(value);
    const read =
      plain === null
        ? null
        : name === 'options'
          ? readOptions(plain)
          : [[SEARCH_PATH.has(name) ? 'search_path' : name, plain] as [string, string]];
    if (!read?.every(([key, one]) => /^[\w.]+$/.test(key) && PLAIN.test(one))) return null;
    settings.push(...read);
  }
  if (settings.length === 0) return null;
  const edits = moved.map(({ start, end }) => {
    const isLast = end === all.at(-1)?.end;
    // The sign before it goes too, unless others follow: then the one behind it.
    const kept = all.filter(one => !moved.includes(one));
    if (kept.length === 0) return { span: { start: start - 1, end }, text: '' };
    const leads = kept.some(one => one.start < start);
    return { span: leads ? { start: start - 1, end } : { start, end: isLast ? end : end + 1 }, text: '' };
  });
  const query = settings.map(([key, value]) => `set_config('${key}', '${value}', false)`).join(', ');
  return { edits, connectQuery: `SELECT ${query}` };
}

function decode(value: string): string | null {
  try {
    return decodeURIComponent(value.replace(/\+/g, ' '));
  } catch {
    return null;
  }
}

/** `-c a=1 -cb=2 --c=3` as pairs; null where there is anything else. */
function readOptions(text: string): [string, string][] | null {
  const words = text.trim().replace(/-c\s+/g, '-c').split(/\s+/);
  const pairs = words.map(word => /^(?:-c|--)([\w.-]+)=(\S+)$/.exec(word));
  return pairs.every(pair => pair !== null)
    ? pairs.map(([, name = '', value = '']) => [name.replace(/-/g, '_'), value])
    : null;
}
