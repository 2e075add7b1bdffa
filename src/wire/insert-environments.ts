/** The pooler's variables and tuning knobs at the end of the env template that belongs to the stack. */

import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { knobsOf } from '../../pgbouncer/index.ts';
import type { Server, Source } from '../model/index.ts';
import { isTemplateFor } from '../text/env-template.ts';
import { lineStartOf } from '../text/lines.ts';
import { joinPath } from '../text/paths.ts';
import { knobValue } from './features.ts';
import { unitOf } from './insert-poolers.ts';
import { type EditState, generatedPools, isShared } from './state.ts';
import { HOST_PORT_VARIABLE, type Pool } from './target.ts';
export function insertIntoEnvironments(state: EditState): void {
  const done = new Set<Source>();
  for (const pool of generatedPools(state)) {
    const template = templateOf(pool.servers[0] as Server, state);
    // What two poolers read from one file, they share.
    if (!template || done.has(template)) continue;
    done.add(template);
    notePoolSizes(template, pool, state);
    const block = renderBlock(template, pool, state);
    if (block === '') continue;
    const { newline, text, path } = template;
    const end = text.length;
    const lead = text === '' || text.endsWith('\n') ? newline : newline + newline;
    state.edits.push({
      file: path,
      span: { start: end, end },
      text: lead + block,
      unit: unitOf(pool),
      safety: 'safe',
    });
  }
}

/** A comment above each variable that sets how many connections a process keeps. */
function notePoolSizes({ path, text, newline }: Source, pool: Pool, state: EditState): void {
  const { annotations } = state.config;
  const keys = new Set(
    annotations ? [...state.extractions.values()].flatMap(({ facts }) => facts.poolSizes.map(({ key }) => key)) : [],
  );
  for (const { key, commented, start } of readEnvLines(text)) {
    const at = lineStartOf(text, start);
    const before = text.slice(lineStartOf(text, Math.max(0, at - 1)), at);
    if (commented || !keys.has(key) || before.includes('PgBouncer')) continue;
    state.edits.push({
      file: path,
      span: { start: at, end: at },
      text: `# Each process opens so many connections to PgBouncer, which multiplexes them: keep it low.${newline}`,
      unit: unitOf(pool),
      safety: 'safe',
    });
  }
}

/** The template of the file that compose itself interpolates from; an `env_file` of services says nothing to it. */
function templateOf(server: Server, state: EditState): Source | null {
  const candidates = [...state.sources.values()].filter(
    source =>
      isTemplateFor(source.path, joinPath(server.stack, '.env')) &&
      state.extractions.get(source.path)?.facts.defines.length &&
      !state.refused.has(source.path),
  );
  const score = (source: Source) =>
    state.pooled.filter(site => site.file === source.path).length * 10 +
    (state.extractions.get(source.path)?.facts.defines ?? []).filter(key => /^POSTGRES_|_PORT$/.test(key)).length;
  const [best] = candidates.sort((a, b) => score(b) - score(a) || a.path.localeCompare(b.path));
  return best && score(best) > 0 ? best : null;
}

function renderBlock(template: Source, pool: Pool, state: EditState): string {
  const { config } = state;
  const known = new Set(readEnvLines(template.text).map(line => line.key));
  const lines: string[] = [];
  // What the poolers of the stack have apart stands in the compose file alone.
  const add = (name: string, settingOf: (pool: Pool) => string, comment: string) => {
    if (!known.has(name) && isShared(pool, settingOf, state)) lines.push(`# ${comment}`, `${name}=${settingOf(pool)}`);
  };
  const engines = describeEngines(state);
  add('PGBOUNCER_HOST', ({ host }) => host, 'Where applications connect inside the compose network.');
  add(
    'PGBOUNCER_PORT',
    ({ port }) => String(port),
    'Port inside the compose network: a change has to reach what connects too.',
  );
  if (pool.published && pool.published.text !== String(pool.published.value))
    add(
      HOST_PORT_VARIABLE,
      ({ published }) => String(published?.value),
      'Port on the host. Postgres keeps its own for direct maintenance connections.',
    );
  for (const { name, value, comment } of knobsOf(config.pool.version))
    add(name, one => knobValue(name, value, one, state), `${comment[0]?.toUpperCase()}${comment.slice(1)}.`);
  if (lines.length === 0) return '';
  const head = [
    '# --- PgBouncer ---',
    `# Pooled connections serve web requests, workers and scripts. Use *${config.direct.suffix} for migrations, dumps${pool.mode === 'session' ? ' and bulk loads' : ', bulk loads and LISTEN'}.`,
    ...(pool.mode === 'session'
      ? [
          `# In session mode a client keeps its connection to Postgres until it leaves: client pools${engines} of all processes`,
          '# together must stay below PGBOUNCER_DEFAULT_POOL_SIZE, or the next client waits.',
        ]
      : [
          `# PgBouncer multiplexes, so client pools${engines} can stay small: every process opens`,
          `# its own pool, and ${engines.includes('SQLAlchemy') ? 'pool_size + max_overflow of all processes' : 'those of all processes'} together must stay below PGBOUNCER_MAX_CLIENT_CONN.`,
        ]),
  ];
  return [...head, ...lines, ''].join(template.newline);
}

const ENGINES = { sqlalchemy: 'SQLAlchemy', celery: 'Celery result backend' } as const;

/** Those that the code has: ` (SQLAlchemy, Celery result backend)`. */
function describeEngines({ extractions }: EditState): string {
  const kinds = new Set([...extractions.values()].flatMap(({ facts }) => facts.engines.map(({ kind }) => kind)));
  const names = Object.entries(ENGINES).flatMap(([kind, name]) =>
    kinds.has(kind as keyof typeof ENGINES) ? [name] : [],
  );
  return names.length === 0 ? '' : ` (${names.join(', ')})`;
}
