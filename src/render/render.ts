/** The reporters by name, the same ones for plan and audit. Options: `--reporter NAME[=FILE]`, repeatable, and `--json`. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../model/errors.ts';
import type { Change } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { escapeControls } from '../text/controls.ts';
import { wantsColor } from './color.ts';
import { toReport } from './report.ts';
import type { Result } from './results.ts';
import { VERSION } from './version.ts';

export const REPORTERS = ['text', 'diff', 'stat', 'json', 'sarif', 'github', 'markdown', 'html'] as const;
export type ReporterName = (typeof REPORTERS)[number];

export interface Reporter {
  name: ReporterName;
  /** null: stdout. */
  file: string | null;
}

/** What the command line says of reports. */
export interface ReportOptions {
  values: { reporter?: string[]; json?: boolean; stat?: boolean; 'show-secrets'?: boolean; color?: string };
}

/** Throws a UsageError for a name that is none. */
export function readReporters({ values }: ReportOptions, otherwise: ReporterName | null): Reporter[] {
  const named = (values.reporter ?? []).map((text): Reporter => {
    const [name = '', file] = text.split(/=(.*)/s);
    const known = REPORTERS.find(candidate => candidate === name);
    if (!known) throw new UsageError(`Unknown reporter ${name}; there are ${REPORTERS.join(', ')}.`);
    return { name: known, file: file ?? null };
  });
  if (values.json) named.push({ name: 'json', file: null });
  if (values.stat) named.push({ name: 'stat', file: null });
  if (named.length === 0 && otherwise !== null) named.push({ name: otherwise, file: null });
  if (named.filter(({ file }) => file === null).length > 1)
    throw new UsageError('Only one reporter can write to stdout; give the others a file: --reporter NAME=FILE.');
  return named;
}

/** What a command reports. */
export interface Reported {
  plan: Plan;
  title: string;
  isAudit: boolean;
  results: readonly Result[];
  /** The `text` reporter is the command's own. */
  text(): string;
}

export async function report(
  reporters: readonly Reporter[],
  reported: Reported,
  { values }: ReportOptions,
): Promise<void> {
  for (const { name, file } of reporters) {
    const text = await render(name, reported, values['show-secrets'] ?? false);
    if (file !== null) writeOutput(resolve(file), text, 0o644);
    else {
      const shown = process.stdout.isTTY ? escapeControls(text) : text;
      const isColored = name === 'diff' && wantsColor(values.color, process.stdout);
      await print(isColored ? (await import('./color.ts')).colorDiff(shown) : shown);
    }
  }
}

async function render(
  name: ReporterName,
  { plan, title, isAudit, results, text }: Reported,
  showSecrets: boolean,
): Promise<string> {
  switch (name) {
    case 'text':
      return escapeControls(text());
    case 'json':
      return `${JSON.stringify(toReport(plan, VERSION), null, 2)}\n`;
    case 'sarif':
      return `${JSON.stringify((await import('./sarif.ts')).toSarif(results, plan.texts), null, 2)}\n`;
    case 'github': {
      const { toAnnotation } = await import('./github.ts');
      return results.map(toAnnotation).join('');
    }
    case 'markdown':
      return (await import('./markdown.ts')).renderMarkdown(title, plan, results, isAudit);
    case 'diff':
      return renderDiff(plan, showSecrets);
    case 'stat':
      return plan.changes.length === 0 ? '' : (await import('./diff.ts')).renderStat(plan.changes);
    case 'html':
      return (await import('./html.ts')).renderHtml(plan, await patchesOf(plan, showSecrets), title);
  }
}

const renderDiff = async (plan: Plan, showSecrets: boolean): Promise<string> =>
  (await patchesOf(plan, showSecrets)).map(({ patch }) => patch).join('');

async function patchesOf({ changes }: Plan, showSecrets: boolean): Promise<{ change: Change; patch: string }[]> {
  if (changes.length === 0) return [];
  const { inReadingOrder, renderPatch } = await import('./diff.ts');
  return inReadingOrder(changes).map(change => ({ change, patch: renderPatch(change, showSecrets) }));
}

export function writeOutput(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { mode });
  } catch (error) {
    throw new UsageError(`${path} can't be written: ${(error as NodeJS.ErrnoException).code}. Nothing was changed.`);
  }
}

/** Waits for a slow reader, so that nothing is lost when the process ends. */
export const print = (text: string): Promise<void> => new Promise(done => process.stdout.write(text, () => done()));
