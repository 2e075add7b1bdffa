/** Services that only pass a pooled variable on (`DATABASE_URL: ${DATABASE_URL}`) get its companion passed on too. */

import { directNames } from '../../codemods/companion.ts';
import type { ComposeFile, EnvironmentEntry } from '../../codemods/compose-file.ts';
import { endOf, isPair, type Pair, type Scalar, startOf } from '../../codemods/yaml-nodes.ts';
import { lineEndOf, lineStartOf } from '../text/lines.ts';
import { type EditState, goesApart } from './state.ts';
export function insertPassThroughs(state: EditState): void {
  const { suffix } = state.config.direct;
  for (const file of state.topology.composeFiles) {
    const source = state.sources.get(file.path);
    if (!source || state.refused.has(file.path)) continue;
    const pooled = pooledVariables(file, state);
    const done = new Set<EnvironmentEntry['node']>();
    for (const service of file.services) {
      const keys = service.environment.map(entry => entry.key);
      for (const entry of service.environment) {
        const variable = passedVariable(entry);
        const unit = variable === null ? undefined : pooled.get(variable);
        if (
          !unit ||
          isSplit(service.name, unit, state) ||
          done.has(entry.node) ||
          directNames(entry.key, suffix).some(name => keys.includes(name))
        )
          continue;
        done.add(entry.node);
        const insertion = render(file, entry, variable as string, suffix, source.newline);
        if (insertion) state.edits.push({ file: file.path, ...insertion, unit, safety: 'safe' });
      }
    }
  }
}

/** The service gets the direct value under the variable's own name. */
const isSplit = (service: string, unit: string, { pooled }: EditState): boolean =>
  pooled.some(site => site.decision === unit && goesApart(site, service));

/** Pooled variables of env files whose services stand in this file, with their unit. */
function pooledVariables(file: ComposeFile, state: EditState): Map<string, string> {
  const found = new Map<string, string>();
  for (const site of state.pooled) {
    if (site.format !== 'env' || site.key === null) continue;
    const receivers = state.processes.receivers.get(`${site.file}\0${site.key}`) ?? [];
    if (receivers.some(receiver => receiver.file === file.path)) found.set(site.key, site.decision);
  }
  return found;
}

/** The variable that an entry passes on unchanged, or null. */
export function passedVariable(entry: EnvironmentEntry): string | null {
  if (entry.value === null) return entry.key;
  return /^\$(?:\{(\w+)(?::?-|:?\?[^{}]*)?\}|(\w+))$/.exec(entry.value)?.slice(1).find(Boolean) ?? null;
}

function render(file: ComposeFile, entry: EnvironmentEntry, variable: string, suffix: string, newline: string) {
  const { text } = file;
  const start = isPair(entry.node) ? startOf((entry.node as Pair<Scalar>).key) : startOf(entry.node);
  const lead = text.slice(lineStartOf(text, start), start);
  // An env file of before has the direct value under the old name; an empty one would be taken for an address.
  const value = `\${${variable}${suffix}:-${entry.value ?? `\${${variable}}`}}`;
  if ((entry.owner as { flow?: boolean }).flow) return null;
  const at = (end: number, line: string) => ({
    span: { start: lineEndOf(text, end), end: lineEndOf(text, end) },
    text: newline + lead + line,
  });
  if (isPair(entry.node)) {
    const pair = entry.node as Pair<Scalar, Scalar | null>;
    if (!/^[ \t]*$/.test(lead)) return null;
    return at(endOf(pair.value ?? pair.key), `${entry.key}${suffix}: ${value}`);
  }
  const item = entry.value === null ? `${entry.key}${suffix}` : `${entry.key}${suffix}=${value}`;
  const quote = text[start] === '"' || text[start] === "'" ? text[start] : '';
  return at(endOf(entry.node), `${quote}${item}${quote}`);
}
