/**
 * Sites of PowerShell scripts: `$env:NAME = "…"`, files that strings and here-strings are written to, and command lines.
 * Source: learn.microsoft.com/powershell, about_Quoting_Rules.
 */
import { type Extraction, noFacts, type RawSite } from '../src/model/index.ts';
import { type Setting, scanBlock } from '../src/scan/scan-block.ts';
import { type MappedText, mapSlice } from '../src/text/mapped-text.ts';
import { commandsAfter } from './batch.ts';
import type { ExtractContext } from './codemod.ts';
import type { Embedded } from './embedded.ts';
import { scanShell } from './shell.ts';
import { isCandidate } from './text.ts';

export function extract(text: string, context: ExtractContext): Extraction & { embedded: Embedded[] } {
  const settings: Setting[] = [];
  const embedded: Embedded[] = [];
  const sites: RawSite[] = [];
  const statements = readStatements(text);
  for (const { start, end, strings } of statements) {
    const statement = text.slice(start, end);
    const key = /^\$env:(\w+)\s*=\s*["'@]/i.exec(statement)?.[1];
    const [value] = strings;
    const path = key ? null : writtenFile(statement);
    if (key && value) {
      const uses = commandsAfter(
        text,
        statements.map(one => [one.start, one.end]),
        end,
      );
      settings.push({ key, value, scope: { role: 'environment', uses } });
    } else if (path !== null) {
      for (const one of strings) if (one.text !== path) embedded.push({ path, text: one });
    } else if (isCandidate(statement, context)) {
      sites.push(...scanShell(mapSlice(text, start, end), { role: 'command' }, context).sites);
    }
  }
  return { sites: [...scanBlock(settings, 'file', context), ...sites], facts: noFacts(), embedded };
}

interface Statement {
  start: number;
  end: number;
  strings: MappedText[];
}

/** A comment, a here-string, a string, or the end of a statement. */
const PIECE =
  /<#[\s\S]*?#>|#[^\n]*|@(["'])\r?\n([\s\S]*?)\r?\n\1@|"((?:[^"`]|`[\s\S]|"")*)"|'((?:[^']|'')*)'|(?<![|,`])\r?\n|;/g;

function readStatements(text: string): Statement[] {
  const found: Statement[] = [];
  let start = 0;
  let strings: MappedText[] = [];
  const close = (end: number, next: number) => {
    const from = start + (/^\s*/.exec(text.slice(start, end))?.[0].length ?? 0);
    if (end > from) found.push({ start: from, end, strings });
    strings = [];
    start = next;
  };
  for (const match of text.matchAll(PIECE)) {
    const [whole, , here, double, single] = match;
    const inner = here ?? double ?? single;
    const at = match.index;
    if (inner !== undefined) {
      const from = here === undefined ? at + 1 : at + whole.indexOf('\n') + 1;
      strings.push(mapSlice(text, from, from + inner.length));
    } else close(at, at + whole.length);
  }
  close(text.length, text.length);
  return found;
}

/** `Set-Content .env …`, `… | Out-File -FilePath ".env"`, `… > .env`. */
function writtenFile(statement: string): string | null {
  const cmdlet =
    /\b(?:Set-Content|Add-Content|Out-File)\b(?:\s+-(?!(?:Path|FilePath|LiteralPath)\b)\w+(?:\s+\w+)?)*(?:\s+-(?:Path|FilePath|LiteralPath))?\s+(["']?)([^\s"']+)\1/i;
  return cmdlet.exec(statement)?.[2] ?? /\s>>?\s*(["']?)([^\s"']+)\1\s*$/.exec(statement)?.[2] ?? null;
}
