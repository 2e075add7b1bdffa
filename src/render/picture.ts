/** The stack before and after: who reaches which server, and by which way. As data, as an SVG and as a list. */
import type { Route, Site } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { poolerFor } from '../topology/index.ts';
import { toHtml } from './escape-html.ts';

/** `pooler`: through one that is there already; `open`: a question is left. */
export type Line = Route | 'pooler' | 'open';

export interface Stack {
  /** E.g.: `db:5432` */
  server: string;
  /** The file that defines the server. */
  file: string;
  /** E.g.: `pgbouncer:6432`; null: none, before or after. */
  poolerBefore: string | null;
  poolerAfter: string | null;
  clients: { name: string; before: 'direct' | 'pooler'; after: Line[] }[];
}

/** What is not a service of the stack: a process that somebody starts on the machine itself. */
const MACHINE = 'on the machine';

/** One for each server that somebody reaches. */
export function readStacks(plan: Plan): Stack[] {
  const servers = new Set(plan.topology.servers.map(({ service }) => service));
  const poolers = new Set(plan.topology.poolers.map(({ service }) => service));
  return plan.topology.servers.flatMap((server): Stack[] => {
    const pool = plan.pools.find(one => one.server === server);
    const clients = new Map<string, Set<Line>>();
    const throughPooler = new Set<string>();
    for (const site of plan.sites) {
      const line = lineOf(site);
      if (line === null || !leadsTo(site, server.stack, server.service)) continue;
      for (const name of namesOf(site)) {
        if (servers.has(name) || poolers.has(name)) continue;
        const lines = clients.get(name) ?? new Set();
        clients.set(name, lines);
        const isWhole = site.apart.some(({ process, way }) => way.kind === 'service' && process.service === name);
        const isPartly = site.apart.some(
          ({ process, way }) => way.kind !== 'apart' && (process.service ?? MACHINE) === name,
        );
        if (line === 'pooled') {
          if (!isWhole) lines.add(pool?.mode === 'session' ? 'session' : 'transaction');
          if (isWhole || isPartly) lines.add('direct');
        } else lines.add(line);
        if (line === 'pooler') throughPooler.add(name);
      }
    }
    if (clients.size === 0) return [];
    const isPooled = [...clients.values()].some(lines => lines.has('transaction') || lines.has('session'));
    const existing = poolerFor(server, plan.topology);
    const there = existing ? `${existing.service}:${existing.port}` : null;
    return [
      {
        server: `${server.service}:${server.port}`,
        file: server.definitions[0]?.file ?? '',
        poolerBefore: there,
        poolerAfter: there ?? (isPooled ? `${plan.config.pool.host}:${pool?.port ?? server.port}` : null),
        clients: [...clients]
          .map(([name, after]) => ({
            name,
            before: throughPooler.has(name) ? ('pooler' as const) : ('direct' as const),
            after: ORDER.filter(line => after.has(line)),
          }))
          .sort(
            (a, b) =>
              ORDER.indexOf(a.after[0] as Line) - ORDER.indexOf(b.after[0] as Line) || (a.name < b.name ? -1 : 1),
          ),
      },
    ];
  });
}

const ORDER: readonly Line[] = ['transaction', 'session', 'pooler', 'direct', 'open'];

/** What a place says of the lines; null: nothing. */
function lineOf({ action, role, rule, resolution, question }: Site): 'pooled' | Line | null {
  if (/^(?:docs|prose|comment|healthcheck)$/.test(role)) return null;
  if (action === 'pooled') return 'pooled';
  if (action === 'direct') return rule === 'direct-variable' ? null : 'direct';
  // What nobody has to decide stays where it leads.
  if (action === 'review') return question ? 'open' : 'direct';
  return resolution.kind === 'pooler' && rule === 'already-pooled' ? 'pooler' : null;
}

const leadsTo = ({ resolution }: Site, stack: string | null, service: string): boolean =>
  (resolution.kind === 'server' || resolution.kind === 'published') && resolution.server
    ? resolution.server.stack === stack && resolution.server.service === service
    : resolution.kind === 'pooler' && resolution.server?.stack === stack;

const namesOf = ({ uses, service, resolution }: Site): string[] => {
  const names = uses.flatMap(use => (use.kind === 'hand' && use.service === null ? [] : [use.service ?? MACHINE]));
  const all = names.length > 0 ? names : [service ?? (resolution.kind === 'published' ? MACHINE : '')];
  return [...new Set(all)].filter(Boolean);
};

export const SAYS: Record<Line, string> = {
  transaction: 'transaction pooling',
  session: 'session pooling',
  pooler: 'the pooler that is there',
  direct: 'direct',
  open: 'a question is left',
};

/** Both pictures, and the same in words. */
export function renderStack(stack: Stack): string {
  const rows = stack.clients.map(
    ({ name, after }) =>
      `<li><b>${toHtml(name)}</b>: ${after.map(line => `<span class="way ${line}">${SAYS[line]}</span>`).join(', ')}</li>`,
  );
  const before = stack.clients.map(({ name, before: line }) => ({ name, lines: [line] as Line[] }));
  const after = stack.clients.map(({ name, after: lines }) => ({ name, lines }));
  return `<section class="stack"><h3><code>${toHtml(stack.server)}</code> <small>${toHtml(stack.file)}</small></h3>
<div class="pictures">
<figure><figcaption>Before</figcaption>${draw(before, stack.poolerBefore, stack.server)}</figure>
<figure><figcaption>After</figcaption>${draw(after, stack.poolerAfter, stack.server)}</figure>
</div>
<ul class="ways">${rows.join('')}</ul></section>
`;
}

const WIDTH = 360;
const BOX = 112;
const SMALL = 92;
const STEP = 30;

/** Lengths are CSS pixels of a drawing 360 wide. */
function draw(
  clients: readonly { name: string; lines: readonly Line[] }[],
  pooler: string | null,
  server: string,
): string {
  // A line each for the clients, and a lane below for what goes past the pooler.
  const height = Math.max(2, clients.length) * STEP + 26;
  const middle = (height - 26) / 2;
  const lane = height - 8;
  const poolAt = 142;
  const serverAt = WIDTH - SMALL;
  const lines = clients.flatMap(({ lines: own }, i) => {
    const y = i * STEP + STEP / 2;
    return own.map(line => {
      const isPast = pooler !== null && (line === 'direct' || line === 'open');
      const path = isPast
        ? `M${BOX},${y} C${BOX + 24},${y} ${BOX + 4},${lane} ${poolAt + 20},${lane} L${poolAt + SMALL - 8},${lane} C${serverAt},${lane} ${serverAt - 30},${middle + 8} ${serverAt},${middle + 8}`
        : pooler === null
          ? `M${BOX},${y} C${poolAt + 40},${y} ${poolAt + 60},${middle} ${serverAt},${middle}`
          : `M${BOX},${y} C${BOX + 16},${y} ${poolAt - 16},${middle} ${poolAt},${middle}`;
      return `<path class="line ${line}" d="${path}"/>`;
    });
  });
  const toServer = clients.some(({ lines: own }) => own.some(line => line !== 'direct' && line !== 'open'));
  const trunk =
    pooler !== null && toServer
      ? `<path class="line trunk" d="M${poolAt + SMALL},${middle} L${serverAt},${middle}"/>`
      : '';
  const boxes = clients.map(({ name }, i) => box(0, i * STEP + STEP / 2, BOX, name, 'client'));
  const label = clients.map(({ name, lines: own }) => `${name}: ${own.map(line => SAYS[line]).join(', ')}`).join('; ');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${toHtml(label)}">${lines.join('')}${trunk}${boxes.join('')}${
    pooler === null ? '' : box(poolAt, middle, SMALL, pooler, 'pooler')
  }${box(serverAt, middle, SMALL, server, 'server')}</svg>`;
}

const box = (x: number, y: number, width: number, text: string, kind: string): string => {
  const room = Math.floor((width - 8) / 5.8);
  const short = text.length > room ? `${text.slice(0, room - 1)}…` : text;
  return `<g class="box ${kind}"><title>${toHtml(text)}</title><rect x="${x + 0.5}" y="${y - 12}" width="${width - 1}" height="24" rx="4"/><text x="${x + width / 2}" y="${y + 4}">${toHtml(short)}</text></g>`;
};
