/** The computed sums in the runbook that a plan creates. */

import type { Plan } from '../plan/index.ts';
import { renderSizeTable } from './render-size.ts';
import { sizePoolers } from './size-poolers.ts';

/** Where the template takes the table, with the blank line after it. */
const PLACE = /<!-- sizing -->\n\n?/;

export function fillRunbook(plan: Plan): Plan {
  const generated = sizePoolers(plan).filter(({ pooler }) => pooler.isGenerated);
  const table = generated.map(renderSizeTable).join('\n\n');
  return {
    ...plan,
    changes: plan.changes.map(change =>
      change.file === plan.config.assets.runbook && change.kind === 'create'
        ? { ...change, after: change.after.replace(PLACE, () => (table === '' ? '' : `${table}\n\n`)) }
        : change,
    ),
  };
}
