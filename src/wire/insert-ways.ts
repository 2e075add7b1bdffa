/** The edits that give every process its route, beside the pooled value. */
import { addEntry, directNames, renameVariables } from '../../codemods/companion.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { type Override, overrideEnvironment } from '../../codemods/compose-override.ts';
import type { FileEdits, Process, Site, Span, Step, Way } from '../model/index.ts';
import { readExpansions } from '../text/expansion.ts';
import { directValue } from './insert-companions.ts';
import type { EditState } from './state.ts';
import { isAssigned, isInterpolated, serviceTargets } from './ways.ts';

export function insertWays(state: EditState): void {
  const steps = new Map<string, { step: Step; process: Process; sites: Site[] }>();
  const overrides = new Map<ComposeService, { file: ComposeFile; site: Site; entries: Override[] }>();
  const edited = new Set<string>();
  for (const site of state.pooled) {
    for (const { process, way } of site.apart) {
      if (way.kind === 'service') addOverride(site, way.service, overrides, state);
      else if (way.kind === 'setting') insertSettings(site, way, state);
      else if (way.kind === 'step') {
        const id = `${way.step.file}\0${way.step.at}`;
        const known = steps.get(id) ?? { step: way.step, process, sites: [] };
        steps.set(id, known);
        known.sites.push(site);
        if (way.setting) insertFile(site, way.setting, edited, state);
      } else if (way.kind === 'file') insertFile(site, way, edited, state);
    }
  }
  for (const [service, { file, site, entries }] of overrides)
    for (const edit of overrideEnvironment(file, service, entries, state.newlineOf(file.path)) ?? [])
      state.edits.push({ file: file.path, ...edit, unit: site.decision, safety: site.safety });
  for (const { step, process, sites } of steps.values()) insertStep(step, process, sites, state);
}

function insertFile(site: Site, { file, edits }: FileEdits, edited: Set<string>, state: EditState): void {
  const id = `${file}\0${site.key}`;
  if (edited.has(id)) return;
  edited.add(id);
  for (const { span, text } of edits) state.edits.push({ file, span, text, unit: site.decision, safety: site.safety });
}

function addOverride(
  site: Site,
  name: string,
  overrides: Map<ComposeService, { file: ComposeFile; site: Site; entries: Override[] }>,
  state: EditState,
): void {
  const key = site.entry?.key ?? '';
  if (changesNothing(site)) return;
  for (const { file, service } of serviceTargets(site, name, state)) {
    const known = overrides.get(service) ?? { file, site, entries: [] };
    overrides.set(service, known);
    if (known.entries.some(([other]) => other === key)) continue;
    const own = service.environment.find(entry => entry.key === key)?.value;
    // The service's own expression, with the pooled variables made direct; else what the env file has.
    const value =
      site.format === 'compose'
        ? directValue(site, state)
        : own
          ? direct(own, site, state)
          : `\${${key}${state.config.direct.suffix}:-\${${key}}}`;
    known.entries.push([key, isInterpolated(site, file) ? value : quoted(oldText(site, state))]);
  }
}

const direct = (text: string, site: Site, { config }: EditState): string =>
  renameVariables(text, new Set([site.key ?? '']), config.direct.suffix);

/** The value as it stands in the env file. */
const oldText = (site: Site, { sources }: EditState): string =>
  (sources.get(site.file)?.text ?? '').slice(site.entry?.value.start ?? 0, site.entry?.value.end ?? 0);

const quoted = (text: string): string =>
  /^["']/.test(text) || /^[\w./:@%?=&-]+$/.test(text) ? text : JSON.stringify(text);

/** The port that stays as it is. */
const changesNothing = (site: Site): boolean => site.form === 'port' && site.replacement === site.text;

function insertSettings(site: Site, { entries }: Extract<Way, { kind: 'setting' }>, state: EditState): void {
  const { entry, file } = site;
  const source = state.sources.get(file);
  const service = state.topology.composeFiles
    .find(({ path }) => path === file)
    ?.services.find(({ name }) => name === site.service);
  if (!entry || !source || !service) return;
  for (const [name, key] of entries) {
    const other = service.environment.find(one => one.key === key);
    const value = key === entry.key ? directValue(site, state) : rawValue(other?.node, source.text, entry.style);
    if (value === null) continue;
    const text = entry.style === 'list' ? `${entry.key}=${value}` : value;
    const { span, text: added } = addEntry(source.text, entry, name, text, source.newline);
    state.edits.push({ file, span, text: added, unit: site.decision, safety: site.safety });
  }
}

/** The text of an entry's value, as it is written. */
function rawValue(node: unknown, text: string, style: string): string | null {
  const pair = node as { value?: { range?: number[] }; range?: number[] } | undefined;
  const [start, end] = (style === 'list' || !pair?.value ? pair?.range : pair.value.range) ?? [];
  if (start === undefined || end === undefined) return null;
  const raw = text.slice(start, end);
  return style === 'list' ? raw.replace(/^["']|["']$/g, '').replace(/^[^=]*=/, '') : raw;
}

/** `X="$X_DIRECT" command`, in the syntax around it; what a container runs gets a shell of its own. */
function insertStep(step: Step, process: Process, sites: readonly Site[], state: EditState): void {
  const assignments = new Map<string, string>();
  for (const site of sites) {
    const key = site.entry?.key ?? site.key ?? '';
    if (changesNothing(site)) continue;
    if (isAssigned(site)) {
      assignments.set(key, assignedText(site, state));
      continue;
    }
    const { suffix } = state.config.direct;
    const own = directNames(key, suffix).find(name => site.entry?.siblings.includes(name)) ?? `${key}${suffix}`;
    assignments.set(key, reference(own, key, step, site));
    if (site.portVariable)
      assignments.set(site.portVariable, reference(`${site.portVariable}${suffix}`, site.portVariable, step, site));
    // Variables that are put together from it before.
    for (const { name, raw } of process.assigns) {
      const before = assignments.get(name) ?? raw;
      const after = name === key ? before : replaceReads(before, key, `\${${own}:-$${key}}`);
      if (after !== before) assignments.set(name, after);
    }
  }
  if (assignments.size === 0) return;
  const lead = [...assignments].map(([name, value]) => `${name}=${value} `).join('');
  const [site] = sites as [Site];
  const push = (at: number, text: string) =>
    state.edits.push({ file: step.file, span: { start: at, end: at }, text, unit: site.decision, safety: site.safety });
  if (step.syntax !== 'exec') {
    push(step.at, lead);
    return;
  }
  push(step.at, `sh -c '${lead}`);
  push(step.end, "'");
}

/** The assigned value as it is written, quotes included. */
function assignedText({ file, extent }: Site, { sources }: EditState): string {
  const text = sources.get(file)?.text ?? '';
  const { start, end } = extent as Span;
  const quote = text[start - 1];
  return (quote === '"' || quote === "'") && text[end] === quote
    ? text.slice(start - 1, end + 1)
    : text.slice(start, end);
}

/** Every expansion of the variable gets the text instead. */
function replaceReads(value: string, key: string, text: string): string {
  let out = '';
  let at = 0;
  for (const { start, end, variable } of readExpansions(value, 0, value.length)) {
    if (variable !== key) continue;
    out += value.slice(at, start) + text;
    at = end;
  }
  return out + value.slice(at);
}

/** Where the companion is sure to be there, it alone; else the shared value where there is none. */
function reference(own: string, key: string, step: Step, site: Site): string {
  const dollar =
    step.syntax === 'quoted'
      ? '\\$'
      : step.syntax === 'compose' || step.syntax === 'make' || (step.syntax === 'exec' && step.within === 'make')
        ? '$$'
        : '$';
  const isSure = step.syntax === 'compose' && site.format === 'compose';
  const text = isSure ? `${dollar}${own}` : `${dollar}{${own}:-${dollar}${key}}`;
  return step.syntax === 'shell' || step.syntax === 'exec' ? `"${text}"` : text;
}
