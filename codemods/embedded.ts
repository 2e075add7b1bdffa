/** Files that a source writes or holds, each in its own format: a here-document, `echo … >> .env`, a cell of a notebook. */
import type { Entry, Part, RawSite, Role, Span, Use } from '../src/model/index.ts';
import { type MappedText, toSource } from '../src/text/mapped-text.ts';
import { dirOf, joinPath } from '../src/text/paths.ts';

export interface Embedded {
  /** As it is written: relative to the folder in which the source is run, which may be its own or the repository's. */
  path: string;
  text: MappedText;
  /** Of a text that is only shown and never written: what its sites are. */
  shown?: { role: Role; facts: string[] };
  /** Of a text that compose mounts: who gets it. */
  uses?: Use[];
}

/** Where the file may end up; `"$ROOT/.env"` counts as `.env`. */
export function placesOf({ path }: Embedded, source: string): string[] {
  const bare = path.replace(/^(?:\$\{?\w+\}?|%\w+%|~)[\\/]/, '').replace(/^\.[\\/]/, '');
  if (bare === '' || /[$%`*]/.test(bare) || bare.startsWith('/')) return [];
  return [...new Set([joinPath(dirOf(source), bare), joinPath('', bare)])];
}

/** A site of the embedded text with its places in the source; where one does not stand there verbatim it is not edited. */
export function placeSite(site: RawSite, text: MappedText): RawSite {
  let isExact = true;
  const place = ({ start, end }: Span): Span => {
    const found = toSource(text, start, end);
    isExact &&= found.exact;
    return found.span;
  };
  const placePart = (part: Part | null): Part | null => {
    if (!part) return null;
    const whole = toSource(text, part.span.start, part.span.end);
    const inner = toSource(text, part.inner.start, part.inner.end);
    return { ...part, span: whole.span, inner: inner.span, exact: part.exact && whole.exact && inner.exact };
  };
  const placed: RawSite = {
    ...site,
    span: place(site.span),
    host: placePart(site.host),
    port: placePart(site.port),
    portSlot: site.portSlot && {
      ...site.portSlot,
      at: place({ start: site.portSlot.at, end: site.portSlot.at }).start,
    },
  };
  const facts = isExact ? site.facts : [...site.facts, 'not-verbatim'];
  const entry: Entry | null = site.entry && {
    ...site.entry,
    span: place(site.entry.span),
    value: place(site.entry.value),
  };
  return {
    ...placed,
    facts,
    extent: site.extent && toSource(text, site.extent.start, site.extent.end).span,
    // Lines can only be added where the text stands in lines of its own.
    entry: isExact && text.runs.length === 1 && text.text.includes('\n') ? entry : null,
  };
}
