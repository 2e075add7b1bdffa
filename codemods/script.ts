/** Sites of shell scripts: the whole file is one script, so that a variable's uses are seen. */

import { type Extraction, noFacts, type RawSite, type Span } from '../src/model/index.ts';
import { composeMapped, type MappedText, mapEscaped, mapSlice } from '../src/text/mapped-text.ts';
import type { ExtractContext } from './codemod.ts';
import { readEnvLines } from './dotenv-lines.ts';
import { type Embedded, placesOf } from './embedded.ts';
import { scanShell } from './shell.ts';
import { readShell, type ShellCommand } from './shell-words.ts';

export function extractScript(text: string, context: ExtractContext): Extraction & { embedded: Embedded[] } {
  const result = scanShell(mapSlice(text, 0, text.length), { role: 'command' }, context);
  const commands = text.includes('>') || text.includes('tee ') ? readShell(text) : [];
  const assigned = new Map(
    commands.flatMap(({ assignments }) => assignments.map(({ name, value }) => [name, value.text])),
  );
  // `cat > "$CONFIG_FILE"`, which the script sets above.
  const expand = (path: string) => assigned.get(/^\$\{?(\w+)\}?$/.exec(path)?.[1] ?? '') ?? path;
  const embedded = commands.flatMap(writtenBy).map(one => ({ ...one, path: expand(one.path) }));
  const texts = embedded.flatMap(one => one.text.runs);
  const isWritten = ({ start }: Span) => texts.some(({ from, length }) => start >= from && start < from + length);
  return {
    sites: result.sites.filter(({ span }) => !isWritten(span)).map(site => asWritten(site, embedded, context.path)),
    facts: { ...noFacts(), reads: result.reads, commands: result.commands },
    embedded,
  };
}

/** `URL="postgres://…"` of which a file is written that says `DATABASE_URL=$URL`: the value of that variable. */
function asWritten(site: RawSite, embedded: readonly Embedded[], source: string): RawSite {
  for (const one of embedded) {
    const line = readEnvLines(one.text.text).find(
      ({ value }) => value.text === `$${site.key}` || value.text === `\${${site.key}}`,
    );
    const paths = line && site.key !== null ? placesOf(one, source) : [];
    if (!line || paths.length === 0) continue;
    return { ...site, key: line.key, role: 'environment', uses: [], written: { format: 'env', paths } };
  }
  return site;
}

/** `cat > .env <<EOF`, `tee .env <<EOF`, `echo "KEY=value" >> .env`, `printf 'A=1\n' > .env`. */
function writtenBy({ words, heredocs, output }: ShellCommand): Embedded[] {
  const [name = '', ...rest] = words.map(({ value }) => value.text).filter((word, i) => i > 0 || word !== 'sudo');
  const path = name === 'tee' ? (rest.find(word => !word.startsWith('-')) ?? null) : output;
  if (path === null || path.startsWith('/dev/')) return [];
  if (/^(?:cat|tee)$/.test(name)) return heredocs.map(({ value }) => ({ path, text: value }));
  const said = words.slice(1).filter(({ value }) => !/^-[neE]+$/.test(value.text));
  if (name === 'echo') return said.map(({ value }) => ({ path, text: value }));
  return name === 'printf' ? said.slice(0, 1).map(({ value }) => ({ path, text: unescaped(value) })) : [];
}

const unescaped = (value: MappedText): MappedText => composeMapped(value, mapEscaped(value.text, 0, value.text.length));
