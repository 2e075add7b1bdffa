/** Routes each source to its codemod; one file's failure is its own. */

import type { ExtractContext } from '../../codemods/codemod.ts';
import { type Embedded, placeSite, placesOf } from '../../codemods/embedded.ts';
import { codemodFor } from '../../codemods/index.ts';
import { DUMPS, PSQL, startsServer } from '../../codemods/programs.ts';
import { residue } from '../../codemods/text.ts';
import { counters } from '../model/counters.ts';
import { PlanError } from '../model/errors.ts';
import { type Extraction, type Failure, noFacts, type Source } from '../model/index.ts';
import { isLocalName, type ScanContext } from '../scan/scan-value.ts';
import { isTooDeep } from '../text/depth-guard.ts';
import { isTemplateFor } from '../text/env-template.ts';
import { markedSections } from '../text/marked-sections.ts';
import { readCodeFacts } from './code-facts.ts';

export interface Extracted {
  format: string;
  extraction: Extraction;
  failure: Failure | null;
}

export async function extractSource(source: Source, scan: ScanContext): Promise<Extracted> {
  const { path, text } = source;
  const codemod = codemodFor(
    path,
    text,
    scan.environmentFiles?.some(named => isTemplateFor(path, named)),
  );
  const context: ExtractContext = { ...scan, path };
  counters.extracted[codemod.id] = (counters.extracted[codemod.id] ?? 0) + 1;
  try {
    if (codemod.id !== 'other' && !isData(codemod.id, text) && isTooDeep(text, 500))
      throw new PlanError('too-deep', 'nested too deeply to be read safely');
    const { embedded = [], ...extraction } = isData(codemod.id, text)
      ? { sites: [], facts: noFacts() }
      : (await codemod.load())(text, context);
    Object.assign(extraction.facts, readCodeFacts(path, text));
    for (const one of embedded) {
      const inner = await extractEmbedded(one, path, scan);
      extraction.sites.push(...inner.sites);
      extraction.facts.writes.push(...inner.facts.writes);
    }
    const sites = [...extraction.sites, ...residue(text, extraction.sites, { role: 'literal' }, context)];
    if (startsServer(extraction.facts.commands))
      for (const { host, facts } of sites) if (host?.value && isLocalName(host.value)) facts.push('starts-server');
    if (TUNNEL.test(text))
      for (const { host, facts } of sites) if (host?.value && isLocalName(host.value)) facts.push('tunnel');
    if (/"?connector\.class"?\s*[:=]\s*"?io\.debezium/.test(text))
      for (const { facts } of sites) facts.push('replication-connector');
    if (GENERATED.test(text.slice(0, 1000))) for (const { facts } of sites) facts.push('generated-file');
    const isCode = /^(?:python|javascript|strings)$/.test(codemod.id);
    if (isCode && DUMPS.test(text)) for (const { facts } of sites) facts.push('runs-dump');
    if (isCode && PSQL.test(text)) for (const { facts } of sites) facts.push('runs-psql');
    const marked = markedSections(text);
    const kept = sites
      .filter(site => !marked.some(([start, end]) => site.span.start >= start && site.span.end <= end))
      .sort((a, b) => a.span.start - b.span.start);
    return { format: codemod.id, extraction: { ...extraction, sites: withoutTwins(kept) }, failure: null };
  } catch (error) {
    const known = error instanceof PlanError;
    const failure: Failure = {
      file: path,
      ...(known && error.line !== undefined ? { line: error.line } : {}),
      code: known ? error.code : 'extraction',
      message: known ? error.message : `could not be analysed: ${(error as Error).message}`,
    };
    return { format: codemod.id, extraction: { sites: [], facts: noFacts() }, failure };
  }
}

/** The sites of a text that is a file of its own, with their places in the source; of its facts those that say what is defined. */
async function extractEmbedded(embedded: Embedded, source: string, scan: ScanContext): Promise<Extraction> {
  const { text } = embedded.text;
  const paths = placesOf(embedded, source);
  const codemod = codemodFor(embedded.path, text);
  if (paths.length === 0 || codemod.id === 'other') return { sites: [], facts: noFacts() };
  const { sites, facts } = (await codemod.load())(text, { ...scan, path: embedded.path });
  const defines = facts.defines.length > 0 ? [{ paths, defines: facts.defines }] : [];
  const stack = codemod.id === 'compose' ? ['compose-snippet'] : [];
  const { shown, uses } = embedded;
  const placed = sites.map(site => {
    const one = placeSite({ ...site, facts: [...site.facts, ...stack, ...(shown?.facts ?? [])] }, embedded.text);
    if (uses) return { ...one, uses, service: uses.length === 1 ? (uses[0]?.service ?? null) : null };
    return shown ? { ...one, role: shown.role, entry: null } : { ...one, written: { format: codemod.id, paths } };
  });
  return { sites: placed, facts: { ...noFacts(), writes: shown || uses ? [] : defines } };
}

/** What opens a way to a server elsewhere: localhost is then not the port that compose publishes. */
const TUNNEL =
  /cloud[-_ ]?sql[-_ ](?:auth[-_ ])?proxy|kubectl[^\n]{0,300}port-forward|\bssh\s[^\n]{0,300}-L\s|fly(?:ctl)? proxy|session-manager-plugin/i;

/** Headers of files that a program writes: an edit is lost with its next run. */
const GENERATED =
  /\b(?:this|the)\s+(?:file|code|document)\b[^\n]*\b(?:automatically|auto-?)\s*generated|^\W*(?:automatically|auto-?)\s*generated|@generated\b|generated (?:by|from)\b[^\n]*\bdo not edit|do not (?:edit|commit)[^\n]*generated|should not be (?:edited|committed)/im;

/** Generated or minified: parsing one would take longer than all other files together. Its URLs are still reported. */
const isData = (id: string, text: string): boolean =>
  id !== 'compose' &&
  id !== 'env' &&
  (text.length > 300_000 ||
    (/^(?:javascript|json)$/.test(id) && text.length > 20_000 && text.length / (text.split('\n').length + 1) > 500));

/** A place that two ways of reading found is one site: the first, which is the more specific. */
function withoutTwins(sites: Extraction['sites']): Extraction['sites'] {
  const out: Extraction['sites'] = [];
  for (const site of sites) {
    const last = out.at(-1);
    if (last && site.span.start < last.span.end) {
      // A URL put together from values with defaults of their own: those are the places that can change.
      const isTemplate = last.form === 'url' && !last.host?.value && !last.port?.value;
      if (!isTemplate) continue;
      out.pop();
    }
    out.push(site);
  }
  return out;
}
