/** The edits that give every process its route, beside the pooled value. */
import { addEntry, directNames, renameVariables } from '../../codemods/companion.ts';
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { type Override, overrideEnvironment } from '../../codemods/compose-override.ts';
import type { FileEdits, Process, Site, Step, Way } from '../model/index.ts';
import { expandsVariable, readExpansions } from '../text/expansion.ts';
import { directValue } from './insert-companions.ts';
import type { EditState } from './state.ts';
import { directFirst, inlined, readsInStep, type StepRead } from './step-reads.ts';
import { commandReads, isInterpolated, serviceTargets } from './way-targets.ts';
import { assignedText, isAssigned } from './ways.ts';

export function insertWays(state: EditState): void {
  const steps = new Map<string, { step: Step; process: Process; sites: Site[] }>();
  const overrides = new Map<ComposeService, { file: ComposeFile; site: Site; entries: Override[] }>();
  const edited = new Set<string>();
  for (const site of state.pooled) {
    for (const { process, way } of site.apart) {
      if (way.kind === 'service') addOverride(site, way.service, overrides, state);
      else if (way.kind === 'setting' && isBeside(site, way)) insertSettings(site, way, state);
      else if (way.kind === 'setting')
        for (const [name] of way.entries) addOverride(site, way.service, overrides, state, name);
      else if (way.kind === 'step' || way.kind === 'bypass') {
        const id = `${way.step.file}\0${way.step.at}`;
        const known = steps.get(id) ?? { step: way.step, process, sites: [] };
        steps.set(id, known);
        if (!known.sites.includes(site)) known.sites.push(site);
        const edits = way.kind === 'step' ? way.setting : way.code;
        if (edits) insertFile(site, edits, edited, state);
      } else if (way.kind === 'file' || way.kind === 'connection') insertFile(site, way, edited, state);
    }
  }
  for (const [service, { file, site, entries }] of overrides)
    for (const edit of overrideEnvironment(file, service, entries, state.newlineOf(file.path)) ?? [])
      state.edits.push({ file: file.path, ...edit, unit: site.decision, safety: site.safety });
  for (const { step, process, sites } of steps.values()) insertStep(step, process, sites, state);
}

function insertFile(site: Site, { file, edits }: FileEdits, edited: Set<string>, state: EditState): void {
  for (const { span, text } of edits) {
    const id = `${file}\0${span.start}\0${text}`;
    if (!edited.has(id)) state.edits.push({ file, span, text, unit: site.decision, safety: site.safety });
    edited.add(id);
  }
}

/** `as`: the name of the variable that the service gets with the old value. */
function addOverride(
  site: Site,
  name: string,
  overrides: Map<ComposeService, { file: ComposeFile; site: Site; entries: Override[] }>,
  state: EditState,
  as = site.entry?.key ?? '',
): void {
  const key = site.entry?.key ?? '';
  if (changesNothing(site)) return;
  for (const { file, service } of serviceTargets(site, name, state)) {
    const reads = as === key ? (commandReads(site, { file, service }, state.topology) ?? []) : [];
    for (const span of reads) {
      const text = `\${${key}${state.config.direct.suffix}:-${file.text.slice(span.start, span.end)}}`;
      replaceOnce({ file: file.path, span, text, unit: site.decision, safety: site.safety }, state);
    }
    // Compose puts it into other entries of the service.
    const others =
      as === key && site.format === 'env' && isInterpolated(site, file, state.topology)
        ? service.environment.filter(entry => entry.key !== key && expandsVariable(entry.value ?? '', key))
        : [];
    const known = overrides.get(service) ?? { file, site, entries: [] };
    const add = (name: string, value: string) => {
      overrides.set(service, known);
      if (!known.entries.some(([other]) => other === name)) known.entries.push([name, value]);
    };
    for (const entry of others) add(entry.key, direct(entry.value ?? '', site, state));
    // Nothing else of the service has it.
    const isGiven = service.envFiles.length > 0 || service.environment.some(entry => entry.key === key);
    if (reads.length + others.length > 0 && !isGiven) continue;
    const own = service.environment.find(entry => entry.key === key)?.value;
    // The service's own expression, with the pooled variables made direct; else what the env file has.
    const value =
      site.format === 'compose'
        ? directValue(site, state)
        : own
          ? direct(own, site, state)
          : `\${${key}${state.config.direct.suffix}:-\${${key}}}`;
    add(as, isInterpolated(site, file, state.topology) ? value : quoted(oldText(site, state)));
  }
}

/** With all variables of the env file that are pooled: host and port can stand in one value. */
const direct = (text: string, site: Site, { config, pooled }: EditState): string =>
  renameVariables(
    text,
    new Set(pooled.flatMap(({ file, key }) => (file === site.file && key !== null ? [key] : []))),
    config.direct.suffix,
    true,
  );

/** The value as it stands in the env file. */
const oldText = (site: Site, { sources }: EditState): string =>
  (sources.get(site.file)?.text ?? '').slice(site.entry?.value.start ?? 0, site.entry?.value.end ?? 0);

const quoted = (text: string): string =>
  /^["']/.test(text) || /^[\w./:@%?=&-]+$/.test(text) ? text : JSON.stringify(text);

/** The setting's service is the one whose environment has the value. */
const isBeside = ({ format, service }: Site, way: Extract<Way, { kind: 'setting' }>): boolean =>
  format === 'compose' && service === way.service;

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

/**
 * `X="$X_DIRECT" command`, in the syntax around it; what a container runs gets a shell of its own. What the command's own words expand
 * reads the direct variable there.
 */
function insertStep(step: Step, process: Process, sites: readonly Site[], state: EditState): void {
  const assignments = new Map<string, string>();
  const guards: string[] = [];
  const expanded: { read: StepRead; text: string }[] = [];
  const source = state.sources.get(step.file)?.text ?? '';
  const readsOf = (name: string) => readsInStep(step, source, name) ?? [];
  const replace = (name: string, own: string) => {
    const reads = readsOf(name);
    expanded.push(...reads.map(read => ({ read, text: directFirst(read, own, step) })));
    return reads.length > 0;
  };
  for (const site of sites) {
    const key = site.entry?.key ?? site.key ?? '';
    if (changesNothing(site)) continue;
    if (isAssigned(site)) {
      assignments.set(key, assignedText(site, state.sources.get(site.file)?.text ?? ''));
      continue;
    }
    const { suffix, bypass } = state.config.direct;
    if (site.role !== 'environment') {
      assignments.set(bypass, '1');
      continue;
    }
    const own = directNames(key, suffix).find(name => site.entry?.siblings.includes(name)) ?? `${key}${suffix}`;
    const isExpanded = replace(key, own);
    const isUnread = process.kind === 'hand' && !isExported(key, process, source);
    const set = (name: string, from: string, old: string | null) => {
      if (isUnread && old !== null) assignments.set(name, old);
      else if (isUnread && step.syntax !== 'quoted') guards.push(guarded(from, name, step));
      else assignments.set(name, reference(from, name, step, site));
    };
    if (!isExpanded) set(key, own, plainText(site));
    const { portVariable } = site;
    if (portVariable && !replace(portVariable, `${portVariable}${suffix}`))
      set(portVariable, `${portVariable}${suffix}`, portBehind(site));
    // Variables that are put together from it before.
    for (const { name, raw } of isExpanded ? [] : process.assigns) {
      const before = assignments.get(name) ?? raw;
      const after = name === key ? before : replaceReads(before, key, `\${${own}:-$${key}}`);
      if (after !== before) assignments.set(name, after);
    }
  }
  for (const [name, value] of assignments) {
    const reads = readsOf(name);
    expanded.push(...reads.map(read => ({ read, text: inlined(step, value, read, source) ?? read.text })));
    if (reads.length === 0) continue;
    assignments.delete(name);
    // What went into it is in the words now.
    for (const key of assignments.keys())
      if (replaceReads(value, `${key}${state.config.direct.suffix}`, '') !== value) assignments.delete(key);
  }
  const { decision: unit, safety } = sites[0] as Site;
  for (const { read, text } of expanded)
    replaceOnce({ file: step.file, span: { start: read.start, end: read.end }, text, unit, safety }, state);
  if (assignments.size + guards.length === 0) return;
  const insert = (at: number, text: string) =>
    state.edits.push({ file: step.file, span: { start: at, end: at }, text, unit, safety });
  const guard = guards.length > 0 ? `env ${[...new Set(guards)].join(' ')} ` : '';
  const lead = [...assignments].map(([name, value]) => `${name}=${value} `).join('') + guard;
  if (step.syntax !== 'exec') {
    insert(step.at, lead);
    return;
  }
  insert(step.at, `sh -c '${lead}`);
  insert(step.end, "'");
}

/** Host and port of one value, or two templates of one variable, ask for the same edit of a command. */
function replaceOnce(edit: EditState['edits'][number], { edits }: EditState): void {
  const { file, span } = edit;
  if (!edits.some(one => one.file === file && one.span.start === span.start && one.span.end === span.end))
    edits.push(edit);
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

/**
 * On the machine itself a program may read the env file by itself: the shell knows nothing of it, unless the text around the command
 * brings it in.
 */
const isExported = (key: string, { assigns }: Process, text: string): boolean =>
  assigns.some(({ name }) => name === key) ||
  new RegExp(`\\bexport\\s+${key}\\b`).test(text) ||
  /(?:^|[\s;&(`])(?:source|\.)\s+\S*env\b|\bset -a\b|\ballexport\b|\bexport\s+\$\(|\bdirenv\b|--env-file|^-?include\s+\S*env\b/m.test(
    text,
  );

/** A host or a port as it stands, which needs no variable; null: it is more than that. */
const plainText = ({ form, text, host, port }: Site): string | null =>
  /^(?:host|port)$/.test(form) && (host ?? port)?.kind === 'literal' ? text : null;

/** The port on which the server itself answers there. */
function portBehind({ resolution }: Site): string | null {
  if (resolution.kind === 'server') return String(resolution.server.port);
  return resolution.kind === 'published' ? String(resolution.server.published[0]?.value ?? '') || null : null;
}

/** Nothing, where the direct variable is not set: an empty one would come before what the env file says. */
function guarded(own: string, key: string, { syntax, within }: Step): string {
  const dollar = syntax === 'make' || (syntax === 'exec' && within === 'make') ? '$$' : '$';
  return `${dollar}{${own}:+${key}="${dollar}${own}"}`;
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
