/** Sites of Markdown: code blocks by their language, inline code, prose. The parser is @lezer/markdown. */
import { type Extraction, noFacts, type RawSite, type Use } from '../src/model/index.ts';
import { isHostKey, isPortKey, scanBlock } from '../src/scan/scan-block.ts';
import { emptySite, isLocalName, type Scope, scanHostPort, scanUrls, scanValue } from '../src/scan/scan-value.ts';
import { composeMapped, concatMapped, mapSlice } from '../src/text/mapped-text.ts';
import { classifyPart } from '../src/text/part.ts';
import type { ExtractContext } from './codemod.ts';
import { readEnvLines } from './dotenv-lines.ts';
import type { Embedded } from './embedded.ts';
import { headingsOf } from './headings.ts';
import { markdownTree } from './markdown-tree.ts';
import { startsServer } from './programs.ts';
import { scanShell } from './shell.ts';
import { isCandidate, logicalLines } from './text.ts';

export function extract(text: string, context: ExtractContext): Extraction & { embedded: Embedded[] } {
  const embedded: Embedded[] = [];
  const sites: RawSite[] = [];
  const code: [number, number][] = [];
  const facts = noFacts();
  markdownTree(context.path, text).iterate({
    enter(node) {
      if (node.name === 'FencedCode' || node.name === 'CodeBlock') {
        const info = node.node.getChild('CodeInfo');
        const language = info
          ? (text
              .slice(info.from, info.to)
              .trim()
              .split(/[\s{,]/)[0]
              ?.toLowerCase() ?? '')
          : '';
        const lines = node.node.getChildren('CodeText');
        const first = lines[0];
        const last = lines.at(-1);
        const ending = ENDINGS[language];
        if (ending && lines.some(({ from, to }) => isCandidate(text.slice(from, to), context))) {
          const shown = { role: 'docs' as const, facts: ['code-block', `language:${language}`] };
          const body = concatMapped(lines.map(({ from, to }) => mapSlice(text, from, to)));
          embedded.push({ path: `snippet.${ending}`, text: body, shown });
        } else if (first && last) {
          sites.push(...scanCode(text, first.from, last.to, language, context));
          if (SHELL.test(language)) facts.commands.push(...tellingCommands(text.slice(first.from, last.to)));
        }
        code.push([node.from, node.to]);
        return false;
      }
      if (node.name === 'InlineCode') {
        sites.push(...scanInline(text, node.from, node.to, context));
        code.push([node.from, node.to]);
        return false;
      }
      if (node.name === 'CommentBlock' || node.name === 'HTMLBlock') code.push([node.from, node.to]);
      return undefined;
    },
  });
  const prose = scanProse(text, code, context);
  const headings = headingsOf(context.path, text);
  const isAside = (at: number) => ASIDE.test(headings.findLast(({ start }) => start < at)?.text ?? '');
  // A pair in inline code, such as `Host=db, Port=5432`, was read as prose and as code.
  const rest = sites.filter(
    site => !prose.some(other => other.span.start < site.span.end && site.span.start < other.span.end),
  );
  const all = [...prose, ...rest];
  for (const site of all) if (isAside(site.span.start)) site.facts = [...site.facts, 'aside-heading'];
  return { sites: all, facts, embedded };
}

/** Sections whose commands mostly have to go direct. */
const ASIDE = /\b(?:migrat\w+|alembic|backups?|back(?:ing)? up|restor(?:e|ing)|pg_dump|disaster|recovery)\b/i;

const SHELL = /^(?:|sh|bash|shell|zsh|console|shellsession|terminal|text|txt|plain|plaintext|cmd|powershell|ps1)$/;
/** Languages that have a codemod of their own, with the ending of their files. */
const ENDINGS: Partial<Record<string, string>> = {
  python: 'py',
  py: 'py',
  python3: 'py',
  javascript: 'js',
  js: 'js',
  jsx: 'jsx',
  typescript: 'ts',
  ts: 'ts',
  tsx: 'tsx',
  go: 'go',
  golang: 'go',
  java: 'java',
  kotlin: 'kt',
  ruby: 'rb',
  rb: 'rb',
  php: 'php',
  csharp: 'cs',
  cs: 'cs',
  elixir: 'ex',
  rust: 'rs',
  json: 'json',
};
const ASSIGNMENTS = /^(?:env|dotenv|ini|properties|toml|conf|cfg)$/;

function scanCode(text: string, start: number, end: number, language: string, context: ExtractContext): RawSite[] {
  const body = text.slice(start, end);
  // A workflow in a document is CI, as much as one in its own place.
  const ci = /^\s*(?:runs-on:|- uses:|stages:|image: .*\n\s*services:)/m.test(body) ? ['ci'] : [];
  // A compose file in a document brings servers of its own.
  const stack = /^[ \t]*services:[ \t]*$/m.test(body) ? ['compose-snippet'] : [];
  if (/^[ \t]*apiVersion:\s/m.test(body) && /^[ \t]*kind:\s/m.test(body)) stack.push('manifest-snippet');
  const scope: Scope = { role: 'docs', facts: ['code-block', `language:${language || 'none'}`, ...ci, ...stack] };
  if (ASSIGNMENTS.test(language) || (SHELL.test(language) && isAssignments(body))) {
    const settings = readEnvLines(body).map(line => ({
      key: line.key,
      value: composeMapped(mapSlice(text, start, end), line.value),
      scope: line.commented ? { ...scope, role: 'comment' as const, facts: ['commented'] } : scope,
    }));
    return scanBlock(settings, `code@${start}`, context);
  }
  if (/^ya?ml$/.test(language)) return scanYaml(text, start, end, scope, context);
  if (!SHELL.test(language)) return scanOther(text, start, end, scope, context);
  // Line by line, so that an apostrophe in a comment can't swallow the lines after it.
  const lines = logicalLines(body).map(([from, to]) => {
    const prompt = /^\s*(?:[$>%]\s+)?/.exec(body.slice(from, to))?.[0].length ?? 0;
    return mapSlice(text, start + from + prompt, start + to);
  });
  const results = lines.map(line =>
    /^\s*#/.test(line.text)
      ? null
      : { line, ...scanShell(line, scope, context), isCandidate: isCandidate(line.text, context) },
  );
  const facts = startsServer(results.flatMap(result => result?.commands ?? [])) ? ['starts-server'] : [];
  return results.flatMap((result, i) => {
    if (!result?.isCandidate) return [];
    const later = results
      .slice(i + 1)
      .flatMap(other => other?.commands.map(words => ({ words, text: other.line.text })) ?? []);
    return result.sites.map(site => {
      const uses = site.uses.length > 0 || site.key === null ? site.uses : usesAfter(site.key, result.line.text, later);
      const isLocal = site.host?.value ? isLocalName(site.host.value) : false;
      return { ...site, uses, facts: isLocal ? [...site.facts, ...facts] : site.facts };
    });
  });
}

/** Commands on the lines after an assignment: for an exported variable all of them. */
function usesAfter(key: string, line: string, later: readonly { words: string[]; text: string }[]): Use[] {
  const isExported = /^\s*(?:export|set)\s/.test(line);
  const reads = new RegExp(`\\$\\{?${key.replace(/\W/g, '')}\\b`);
  return later
    .filter(
      ({ words, text }) => (isExported || reads.test(text)) && !/^(?:export|echo|cd|source|set)$/.test(words[0] ?? ''),
    )
    .map(({ words }) => ({ words, service: null, image: null }));
}

/** Commands that tell what values are used for: runs in a service, and migrations. */
const tellingCommands = (body: string): string[][] =>
  body
    .split('\n')
    .filter(line =>
      /\bdocker[- ]compose\b.{0,300}\b(?:run|exec)\b|^\s*[$>]?\s*\w.{0,300}(?:migrat|alembic|prisma|ecto\.|db:)/.test(
        line,
      ),
    )
    .map(line =>
      line
        .trim()
        .replace(/^[$>]\s+/, '')
        .split(/\s+/),
    );

/** A value in quotes may hold anything; one without may go on in pairs: `DSN=host=db port=5432`. A command behind it is none. */
const isAssignments = (body: string): boolean =>
  body
    .split('\n')
    .every(line =>
      /^\s*(?:#.*|(?:export\s+)?[A-Z_][A-Z0-9_]*=(?:"[^"]*"|'[^']*'|\S*(?:\s+[a-z_]+=\S*)*)(?:\s+#.*)?|"[A-Z_][A-Z0-9_]*=.*")?\r?$/.test(
        line,
      ),
    );

/** Code of another language in a document: connection strings only. */
function scanOther(text: string, start: number, end: number, scope: Scope, context: ExtractContext): RawSite[] {
  return scanUrls(mapSlice(text, start, end), scope, context);
}

/** A part of a compose file or of settings, which need not be a whole one: URLs, and hosts and ports by their keys. */
function scanYaml(text: string, start: number, end: number, scope: Scope, context: ExtractContext): RawSite[] {
  const body = mapSlice(text, start, end);
  // `- KEY=value` of a list reads as `KEY=value`.
  const lines = readEnvLines(body.text.replace(/^(\s*)-(?=\s+["']?[A-Z])/gm, '$1 '));
  const settings = lines
    .filter(({ key, commented }) => !commented && (isHostKey(key) || isPortKey(key)))
    .map(({ key, value }) => ({ key, value: composeMapped(body, value), scope }));
  const split = scanBlock(settings, `code@${start}`, context).filter(({ form }) => form === 'host' || form === 'port');
  return [...scanUrls(body, scope, context), ...split];
}

function scanInline(text: string, start: number, end: number, context: ExtractContext): RawSite[] {
  const ticks = /^`+/.exec(text.slice(start, end))?.[0].length ?? 1;
  const mapped = mapSlice(text, start + ticks, end - ticks);
  const scope: Scope = { role: 'docs', facts: ['inline-code'] };
  const assignment = /^\s*([A-Za-z_]\w*)=/.exec(mapped.text);
  const whole = scanValue(mapped, { ...scope, key: assignment?.[1] ?? null }, context);
  if (whole.some(site => site.form !== 'host-port')) return whole;
  if (whole.length > 0) return whole.map(site => ({ ...site, role: 'prose' as const }));
  return /\s-h|--host/.test(mapped.text) ? scanShell(mapped, scope, context).sites : [];
}

const PAIR =
  /\bhost(?:name)?(?: name\/address)?["'*_`]*\s*[:=]\s*["'*_`]*([\w.-]+)["'*_`]*[\s,;|/&]+(?:(?:and|-)\s+)?[*_`]*port["'*_`]*\s*[:=]\s*["'*_`]*(\d{2,5})\b/gi;
const PORT = /\bport\b[^\w\n.]{0,12}(?:is |on |number )?[`*]*(\d{4,5})\b/gi;
const LOOSE = /(?<![\w.@/-])([A-Za-z][\w.-]*):(\d{4,5})\b/g;

/** URLs, full pairs such as `Host=db, Port=5432`, and mere mentions of `db:5432`. */
function scanProse(text: string, code: [number, number][], context: ExtractContext): RawSite[] {
  const isCode = (at: number) => code.some(([start, end]) => at >= start && at < end);
  const mapped = mapSlice(text, 0, text.length);
  const found = scanUrls(mapped, { role: 'prose' }, context).filter(site => !isCode(site.span.start));
  // A pair may stand in inline code as a whole or in parts: `Host=db`, `Port=5432`.
  for (const match of text.matchAll(PAIR)) {
    const [whole, host = '', port = ''] = match;
    const hostAt = match.index + whole.indexOf(host, whole.search(/[:=]/));
    const portAt = match.index + whole.length - port.length;
    const at = (start: number, length: number) => classifyPart(mapped, { start, end: start + length });
    const pair = { ...emptySite({ role: 'prose' as const, facts: ['pair'] }), group: `pair@${match.index}` };
    if (!isEndpoint(host, port, context)) continue;
    found.push({ ...pair, form: 'host', span: at(hostAt, host.length).span, host: at(hostAt, host.length) });
    found.push({ ...pair, form: 'port', span: at(portAt, port.length).span, port: at(portAt, port.length) });
  }
  for (const match of text.matchAll(LOOSE)) {
    // A document with so many endpoints is data.
    if (found.length > 1000) break;
    if (isCode(match.index)) continue;
    const end = match.index + match[0].length;
    if (found.some(site => site.span.start < end && match.index < site.span.end)) continue;
    const site = scanHostPort(mapped, match.index, end, { role: 'prose', facts: ['mention'] }, context);
    if (site) found.push(site);
  }
  for (const match of text.matchAll(PORT)) {
    const port = match[1] ?? '';
    const start = match.index + match[0].length - port.length;
    if (!context.ports.has(port) || isCode(match.index)) continue;
    if (found.some(site => site.span.start < start + port.length && start < site.span.end)) continue;
    const part = classifyPart(mapped, { start, end: start + port.length });
    found.push({ ...emptySite({ role: 'prose', facts: ['mention'] }), form: 'port', span: part.span, port: part });
  }
  return found;
}

const isEndpoint = (host: string, port: string, context: ExtractContext): boolean =>
  context.names.has(host.toLowerCase()) || (/^(?:localhost|127\.0\.0\.1)$/i.test(host) && context.ports.has(port));
