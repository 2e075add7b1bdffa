/** Migrations in the command of a service that became pooled get the direct variable: `DB_URL=$$DB_URL_DIRECT alembic …`. */

import { directNames } from '../../codemods/companion.ts';
import { placeCommands } from '../../codemods/compose-commands.ts';
import type { Site } from '../model/index.ts';
import type { EditState } from './state.ts';
export function insertDirectCommands(state: EditState): void {
  const prefixes = new Map<string, { file: string; at: number; names: string[]; site: Site }>();
  for (const site of state.pooled) {
    if (site.format !== 'compose' || site.role !== 'environment' || site.directUses.length === 0 || !site.entry)
      continue;
    const file = state.topology.composeFiles.find(candidate => candidate.path === site.file);
    for (const use of site.directUses) {
      const service = file?.services.find(candidate => candidate.name === use.service);
      if (!file || !service) continue;
      const placed = placeCommands(file, service).filter(command => command.words.join('\0') === use.words.join('\0'));
      for (const { at } of placed) {
        const id = `${site.file}\0${at}`;
        const known = prefixes.get(id) ?? { file: site.file, at, names: [], site };
        prefixes.set(id, known);
        if (!known.names.includes(site.entry.key)) known.names.push(site.entry.key);
      }
    }
  }
  const { suffix } = state.config.direct;
  for (const { file, at, names, site } of prefixes.values()) {
    const { siblings = [] } = site.entry ?? {};
    const assignments = names.map(
      name => `${name}=$$${directNames(name, suffix).find(known => siblings.includes(known)) ?? name + suffix} `,
    );
    state.edits.push({
      file,
      span: { start: at, end: at },
      text: assignments.join(''),
      unit: site.decision,
      safety: 'unsafe',
    });
  }
}
