/** The PgBouncer section of the README and of onboarding documents, between markers. */

import { headingsOf } from '../../codemods/headings.ts';
import type { Server, Source } from '../model/index.ts';
import { directRun } from './direct-run.ts';
import { type EditState, generatedPools } from './state.ts';
import type { Pool } from './target.ts';

const README = /^readme(?:\.(?:md|markdown|rst))?$/i;
const ONBOARDING = /^(?:CLAUDE|AGENTS|CONTRIBUTING)\.md$/i;

export function insertDocuments(state: EditState): void {
  if (!state.config.assets.readme) return;
  const pools = generatedPools(state);
  if (pools.length === 0) return;
  for (const source of state.sources.values()) {
    const isReadme = README.test(source.path);
    if (!isReadme && !(ONBOARDING.test(source.path) && /postgres/i.test(source.text))) continue;
    if (source.text.includes('pool-migrate:start') || state.refused.has(source.path)) continue;
    insertSection(source, pools, state);
  }
}

/** A README of the repository itself has the section, or gets it in this run. */
export const hasReadme = (state: EditState): boolean =>
  [...state.sources.values()].some(
    ({ path, text }) =>
      README.test(path) &&
      (text.includes('pool-migrate:start') || (state.config.assets.readme && !state.refused.has(path))),
  );

function insertSection(source: Source, pools: Pool[], state: EditState): void {
  const isRst = /\.rst$/i.test(source.path);
  const { at, level } = isRst ? { at: source.text.length, level: 2 } : placeFor(source.path, source.text);
  const body = renderSection(pools, state);
  const lines = isRst
    ? ['.. pool-migrate:start', '', 'PgBouncer', '---------', '', ...body.rst, '', '.. pool-migrate:end', '']
    : [
        '<!-- pool-migrate:start -->',
        `${'#'.repeat(level)} PgBouncer`,
        '',
        ...body.markdown,
        '<!-- pool-migrate:end -->',
        '',
      ];
  const { newline, text, path } = source;
  const before = text.slice(0, at);
  const lead =
    before === '' || before.endsWith(`${newline}${newline}`) ? '' : before.endsWith('\n') ? newline : newline + newline;
  const tail = at < text.length ? newline : '';
  state.edits.push({
    file: path,
    span: { start: at, end: at },
    text: lead + lines.join(newline) + tail,
    unit: `readme:${path}`,
    safety: 'safe',
  });
}

/** After the first section that describes the services or Postgres, else at the end; one level below the title. */
function placeFor(path: string, text: string): { at: number; level: number } {
  const headings = headingsOf(path, text);
  const title = headings[0];
  const level = Math.min(6, (title?.level ?? 1) + 1);
  const sections = headings.filter((heading, i) => i > 0 || heading.level > 1);
  const describes = sections.find(heading => {
    const next = headings.find(other => other.start > heading.start && other.level <= heading.level);
    const section = text.slice(heading.start, next?.start ?? text.length);
    return (
      heading.level <= level &&
      (/services|stack|architecture|postgres|database/i.test(heading.text) || /postgres/i.test(section))
    );
  });
  if (!describes) return { at: text.length, level };
  const next = headings.find(other => other.start > describes.start && other.level <= Math.max(level, describes.level));
  return { at: next?.start ?? text.length, level };
}

/** Scripts of the repository can be sent past the pooler by the variable. */
export const hasBypass = ({ edits, sources, config }: EditState): boolean =>
  [...edits, ...sources.values()].some(({ text }) => text.includes(config.direct.bypass));

/** With this repository's own command, else in words. */
function describeDirectRun(pool: Pool, server: Server, state: EditState): string {
  const run = directRun(pool, state);
  const endpoint = `${server.service}:${server.port}`;
  return run ? `\`docker compose run --rm ${run.service} sh -c '${run.command}'\`` : `give them \`${endpoint}\``;
}

function renderSection(all: Pool[], state: EditState): { markdown: string[]; rst: string[] } {
  const { config } = state;
  const stackOf = ({ servers }: Pool) => servers[0]?.stack ?? '';
  // The stack of the repository's root first.
  const pools = all.toSorted((a, b) => stackOf(a).length - stackOf(b).length);
  const [pool] = pools as [Pool];
  const server = pool.servers[0] as Server;
  const runbook = config.assets.runbook;
  const status = config.assets.statusScript;
  const example = describeDirectRun(pool, server, state);
  const isAlone = pools.length === 1 && pool.servers.length === 1;
  const stacks = new Set(pools.map(stackOf));
  const nameOf = ({ service, stack }: Server) =>
    stacks.size > 1 ? `${service} in ${stack || 'the root folder'}` : service;
  const modes = new Set(pools.map(({ mode }) => mode));
  const rows = pools.flatMap(({ host, port, mode, published, servers }) => [
    [
      pools.length > 1
        ? `pooled (${servers.map(nameOf).join(', ')}${modes.size > 1 ? `; ${mode} mode` : ''})`
        : 'pooled (PgBouncer)',
      `${host}:${port}`,
      published ? `localhost:${published.text}` : 'not published',
    ],
    ...servers.map(one => [
      isAlone ? 'direct (Postgres)' : `direct (${nameOf(one)})`,
      `${one.service}:${one.port}`,
      one.published[0] ? `localhost:${one.published[0].raw}` : 'not published',
    ]),
  ]);
  const scripts = hasBypass(state) ? ` Scripts that support it go direct with \`${config.direct.bypass}=1\`.` : '';
  const hasEnv = state.pooled.some(({ format }) => format === 'env');
  const more = hasEnv
    ? 'Existing `.env` files keep their old values, which override the new defaults'
    : 'Sizing, failures and rollback';
  return {
    markdown: [
      `Applications reach Postgres through PgBouncer${modes.size > 1 ? '' : ` (${pool.mode} pooling)`}. Ports:`,
      '',
      '| | compose network | host |',
      '|---|---|---|',
      ...rows.map(
        ([name, inside, host]) => `| ${name} | \`${inside}\` | ${host === 'not published' ? host : `\`${host}\``} |`,
      ),
      '',
      `- pgAdmin and other tools that show data may use \`${pool.host}:${pool.port}\`; for maintenance, and to see the server itself, use \`${server.service}:${server.port}\`.`,
      `- Migrations, dumps${pool.mode === 'session' ? ' and bulk loads' : ', bulk loads and `LISTEN`'} go direct: ${example}.${scripts}`,
      `- Monitoring: \`${status}\` shows pools, clients and waiting times.`,
      `- ${more}: see [the runbook](${runbook}).`,
      '',
    ],
    rst: [
      `Applications reach Postgres through PgBouncer${modes.size > 1 ? '' : ` (${pool.mode} pooling)`}.`,
      '',
      ...rows.map(
        ([name, inside, host]) => `- ${name}: \`\`${inside}\`\` in the compose network, \`\`${host}\`\` on the host`,
      ),
      `- Migrations, dumps${pool.mode === 'session' ? ' and bulk loads' : ', bulk loads and LISTEN'} go direct: ${example.replaceAll('`', '``')}`,
      `- Monitoring: \`\`${status}\`\``,
      `- ${more.replaceAll('`', '``')}: see \`\`${runbook}\`\``,
    ],
  };
}
