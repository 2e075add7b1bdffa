/** The only place where text is put together. Overlaps are refused per unit, because magic-string would let one win. */
import MagicString from 'magic-string';
import type { Edit, Refusal } from '../model/index.ts';
import { groupBy } from '../text/group-by.ts';

/** Edits without those whose unit has an overlap, and what was refused. Two units that overlap are both refused. */
export function dropOverlaps(edits: Edit[]): { kept: Edit[]; refusals: Refusal[] } {
  const lost = new Set<string>();
  const refusals: Refusal[] = [];
  const byFile = groupBy(edits, ({ file }) => file);
  for (const [file, list] of byFile) {
    const sorted = [...list].sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
    let widest: Edit | null = null;
    for (const edit of sorted) {
      // Insertions at one place stand side by side; one inside a replaced span does not.
      if (widest && edit.span.start < widest.span.end && edit.span.end > widest.span.start) {
        for (const unit of [widest.unit, edit.unit]) lost.add(unit);
        refusals.push({ file, reason: `two edits overlap at offset ${edit.span.start}, so neither was made` });
      }
      if (!widest || edit.span.end > widest.span.end) widest = edit;
    }
  }
  return { kept: edits.filter(edit => !lost.has(edit.unit)), refusals };
}

/** Applies edits that don't overlap; insertions at one offset keep their order. */
export function splice(text: string, edits: readonly Edit[]): string {
  const out = new MagicString(text);
  for (const { span, text: replacement } of edits) {
    if (span.start === span.end) {
      if (span.start === text.length) out.append(replacement);
      else out.appendLeft(span.start, replacement);
    } else out.update(span.start, span.end, replacement);
  }
  return out.toString();
}
