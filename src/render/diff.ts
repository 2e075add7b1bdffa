/** Unified diffs that `git apply` accepts, and their table. */
import { formatPatch, type StructuredPatch, structuredPatch } from 'diff';
import type { Change } from '../model/index.ts';
import { escapeControls } from '../text/controls.ts';
import { maskSecrets } from './mask.ts';

/** In the order in which a person reads: what the repository has, then what is new. */
export const inReadingOrder = (changes: readonly Change[]): Change[] => [
  ...changes.filter(({ kind }) => kind === 'modify'),
  ...changes.filter(({ kind }) => kind === 'create'),
];

/** One change as a git patch, a new file under a line that says what it is. Masked, it is to be read; unmasked, it can be applied. */
export function renderPatch(change: Change, showSecrets: boolean): string {
  const isNew = change.kind === 'create';
  const patch = comparePatch(change, showSecrets ? text => text : maskSecrets);
  if (!patch) return `# ${change.file}: too many changes to show\n`;
  const mode = change.mode & 0o111 ? '100755' : '100644';
  const head = change.about === null ? '' : `# ${change.file} (new): ${change.about}\n`;
  return (
    head +
    formatPatch({
      ...patch,
      isGit: true,
      ...(isNew ? { isCreate: true, newMode: mode, oldFileName: '/dev/null' } : {}),
    })
  );
}

/** One line for each file: the lines that come and go, and what a new one is; then the sums. */
export function renderStat(changes: readonly Change[]): string {
  const rows = inReadingOrder(changes).map(change => {
    const file = escapeControls(change.file);
    const lines = (comparePatch(change, text => text)?.hunks ?? []).flatMap(hunk => hunk.lines);
    const count = (sign: string) => lines.filter(line => line.startsWith(sign)).length;
    return { ...change, file, added: count('+'), removed: count('-') };
  });
  const width = Math.max(0, ...rows.map(({ file }) => file.length));
  const sum = (key: 'added' | 'removed') => rows.reduce((total, row) => total + row[key], 0);
  const lines = rows.map(
    ({ file, added, removed, about }) =>
      `${file.padEnd(width)}  ${`+${added}`.padStart(5)} ${`-${removed}`.padStart(5)}${about === null ? '' : `  new: ${about}`}`,
  );
  const created = rows.filter(({ kind }) => kind === 'create');
  return `${[...lines, `${rows.length} files, ${created.length} of them new: +${sum('added')} -${sum('removed')} lines`].join('\n')}\n`;
}

const comparePatch = ({ file, before, after }: Change, show: (text: string) => string): StructuredPatch | undefined =>
  structuredPatch(`a/${file}`, `b/${file}`, show(before), show(after), undefined, undefined, {
    context: 3,
    timeout: 10_000,
  });
