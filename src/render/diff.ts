/** Unified diffs that `git apply` accepts. */
import { formatPatch, structuredPatch } from 'diff';
import type { Change } from '../model/index.ts';
import { maskSecrets } from './mask.ts';

/** One change as a git patch. Masked, it is to be read; unmasked, it can be applied. */
export function renderPatch(change: Change, showSecrets: boolean): string {
  const show = showSecrets ? (text: string) => text : maskSecrets;
  const isNew = change.kind === 'create';
  const patch = structuredPatch(
    `a/${change.file}`,
    `b/${change.file}`,
    show(change.before),
    show(change.after),
    undefined,
    undefined,
    {
      context: 3,
      timeout: 10_000,
    },
  );
  if (!patch) return `# ${change.file}: too many changes to show\n`;
  const mode = change.mode & 0o111 ? '100755' : '100644';
  return formatPatch({
    ...patch,
    isGit: true,
    ...(isNew ? { isCreate: true, newMode: mode, oldFileName: '/dev/null' } : {}),
  });
}
