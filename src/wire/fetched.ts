/** Compose files that scripts and documents fetch by themselves: what is generated beside them is then missing. */
import type { Site } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';
import { type EditState, leadsTo } from './state.ts';
import type { Pool } from './target.ts';

interface Fetch {
  /** The compose file, and where it is fetched. */
  compose: string;
  file: string;
  line: number;
}

/** A script that fetches the file breaks what it installs, so the edit is unsafe; a document or a page is named in a note. */
export function noteFetches(state: EditState): void {
  for (const pool of new Set(state.pools.values())) {
    if (!pool.isGenerated) continue;
    for (const { compose, file, line } of fetchesOf(pool, state)) {
      const text = `${file}:${line} fetches ${compose} alone`;
      if (!/\.(?:sh|bash|ps1|bat)$/i.test(file)) {
        if (state.pooled.some(site => leadsTo(pool, site, state)))
          state.notes.push(
            `${text}, which now needs ${state.config.assets.directory}/ beside it: say so there, or publish the image.`,
          );
        continue;
      }
      for (const site of state.sites.filter(({ action }) => action === 'pooled'))
        if (leadsTo(pool, site, state))
          makeUnsafe(site, `${text}, so that ${state.config.assets.directory}/ would be missing there.`);
    }
  }
  if (!state.unsafe) state.pooled = state.pooled.filter(({ safety }) => safety === 'safe');
}

function makeUnsafe(site: Site, why: string): void {
  if (site.safety === 'unsafe') return;
  site.safety = 'unsafe';
  site.reason += ` ${why}`;
}

/** `curl -O https://…/main/data/compose.yaml`, `wget …/docker-compose.yml`: of this repository, or of one that is not named. */
function fetchesOf({ servers }: Pool, { texts, topology, repository }: EditState): Fetch[] {
  const files = servers.flatMap(({ definitions }) => definitions.map(({ file }) => file));
  const composed = [...new Set(files)].filter(file => topology.composeFiles.some(({ path }) => path === file));
  return [...texts].flatMap(([path, text]) =>
    composed.flatMap(compose => {
      const name = compose.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const raw = '(?:raw\\.githubusercontent\\.com|/raw|/releases/(?:latest/)?download)/\\S*/';
      const found = new RegExp(`\\b(?:curl|wget)\\b(?:[^\\n|;]|\\\\\\n)*${raw}${name}(?=["'\\s)]|$)`, 'm').exec(text);
      const [, other] =
        /(?:githubusercontent\.com|github\.com|gitlab\.com)\/([\w.-]+\/[\w.-]+)/.exec(found?.[0] ?? '') ?? [];
      const isOther = other !== undefined && repository !== null && other.toLowerCase() !== repository.toLowerCase();
      return found && !isOther ? [{ compose, file: path, line: lineAt(text, found.index) }] : [];
    }),
  );
}
