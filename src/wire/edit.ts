/** From decisions to edits: replacements at the sites, and all that has to come with them. */

import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { insertService } from '../../codemods/compose-service.ts';
import { isSwarmPath } from '../../codemods/paths.ts';
import type { Config } from '../config/config.ts';
import { poolerName } from '../config/pool-kind.ts';
import type { Newline, Server, Site } from '../model/index.ts';
import { isManifestServer } from '../topology/index.ts';
import { routingProblem } from './databases.ts';
import { composeImageOf } from './features.ts';
import { noteFetches } from './fetched.ts';
import { insertIntoCode } from './insert-code.ts';
import { insertCompanions, staysAsItIs } from './insert-companions.ts';
import { insertDocuments } from './insert-documents.ts';
import { insertIntoEnvironments } from './insert-environments.ts';
import { chooseManifestPool, insertManifests } from './insert-manifests.ts';
import { insertMends, mendNeeds, settleRefused } from './insert-mends.ts';
import { insertPassThroughs } from './insert-pass-throughs.ts';
import { createAssets, insertPoolers } from './insert-poolers.ts';
import { insertStarts } from './insert-starts.ts';
import { insertWays } from './insert-ways.ts';
import { type EditInput, type EditResult, type EditState, leadsTo, serverOf, toReview } from './state.ts';
import { isOutside, type Pool, poolFor, replacedText, replacementsFor } from './target.ts';
export function planEdits(input: EditInput): EditResult {
  const state: EditState = {
    ...input,
    edits: [],
    created: [],
    refusals: [],
    notes: [],
    pooled: [],
    pools: new Map(),
    connectQueries: new Map(),
    newlineOf: file => input.sources.get(file)?.newline ?? '\n',
  };
  keepRefusedGroups(state);
  choosePools(state);
  noteFetches(state);
  settleRefused(state);
  for (const site of state.pooled) replaceSite(site, state);
  mendNeeds(state);
  insertMends(state);
  if (state.pooled.length === 0) return state;
  insertWays(state);
  insertCompanions(state);
  insertPassThroughs(state);
  insertPoolers(state);
  insertManifests(state);
  insertIntoEnvironments(state);
  insertIntoCode(state);
  insertDocuments(state);
  insertStarts(state);
  createAssets(state);
  return state;
}

/** A group with a part in a refused file is not touched anywhere. */
function keepRefusedGroups({ sites, refused }: EditState): void {
  const lost = new Set(sites.filter(site => refused.has(site.file)).map(site => site.decision));
  for (const site of sites) {
    if (site.action === 'pooled' && lost.has(site.decision))
      toReview(site, 'file-refused', 'Its file, or that of a value that belongs to it, could not be changed safely.');
  }
}

/** The server and the others of its stack that became pooled: one pooler leads to all of them, by database. */
function neighboursOf(server: Server, { sites, topology }: EditState): Server[] {
  const pooled = new Set(sites.filter(site => site.action === 'pooled').map(site => serverOf(site, sites)));
  return topology.servers.filter(
    other => other === server || (topology.isConfigured && other.stack === server.stack && pooled.has(other)),
  );
}

/** A pooled site needs a pooler that can be put in front of its server. */
function choosePools(state: EditState): void {
  const { sites, topology, config } = state;
  const found: { site: Site; server: Server; pool: Pool }[] = [];
  for (const site of sites.filter(({ action }) => action === 'pooled')) {
    const server = serverOf(site, sites);
    if (!server) {
      toReview(site, 'undecided', 'The server behind this place could not be told.');
      continue;
    }
    const [pool, ...others] = [server, ...site.twins].map(one => {
      const known = state.pools.get(one) ?? poolFor(neighboursOf(one, state), topology, config, state.decisions);
      for (const own of known.servers) state.pools.set(own, known);
      return known;
    }) as [Pool, ...Pool[]];
    const address = ({ host, port, published }: Pool) =>
      site.resolution.kind === 'published' && published ? `localhost:${published.value}` : `${host}:${port}`;
    const other = others.find(one => address(one) !== address(pool));
    if (other)
      toReview(
        site,
        'several-poolers',
        `Services of several stacks get this value, and their poolers would be ${address(pool)} and ${address(other)}.`,
      );
    else found.push({ site, server, pool });
  }
  const places = new Map(
    [...state.pools].map(([server, pool]) => [server, pool.isGenerated ? problemOf(server, state) : null]),
  );
  // All are asked before any changes, because the databases of one server speak against those of another.
  const routes = found.map(({ site, pool }) => routingProblem(site, pool, state));
  for (const [i, { site, server, pool }] of found.entries()) {
    const problem = [server, ...site.twins].map(one => places.get(one)).find(Boolean) ?? routes[i];
    if (isOutside(pool)) {
      if (problem) toReview(site, 'no-place-for-pooler', `It stays, because ${problem}`);
    } else if (isManifestServer(server, state.topology)) {
      chooseManifestPool(site, server, pool, state);
    } else if (problem) {
      toReview(site, 'no-place-for-pooler', `The pooler could not be put beside ${server.service}: ${problem}`);
    } else if (site.resolution.kind === 'published' && pool.published === null) {
      toReview(
        site,
        'pooler-not-published',
        `The pooler ${pool.host} is not published on the host; publish its port first.`,
      );
    }
  }
  for (const site of sites.filter(site => site.action === 'pooled')) {
    const server = serverOf(site, sites) as Server;
    const pool = state.pools.get(server) as Pool;
    const text = state.sources.get(site.file)?.text ?? '';
    site.replacement = replacedText(site, text, replacementsFor(withServer(site, server), pool));
    if ((site.safety === 'safe' || state.unsafe) && (state.only?.has(site.decision) ?? true)) state.pooled.push(site);
  }
  leaveReaders(state);
  noteOutside(state);
  keepIdleDocuments(state);
}

/** Nothing of it is edited: where its variables lead, it follows. */
export const followsOnly = ({ host, port, replacement, text, portSlot }: Site): boolean =>
  !host?.value && !port?.value && replacement === text && portSlot === null;

/** What only reads variables that stay as they are goes where it went, with all that it asks for. */
function leaveReaders(state: EditState): void {
  const stays = (site: Site) =>
    followsOnly(site) &&
    (site.host?.variables.length ?? 0) > 0 &&
    site.host?.variables.every(name => staysAsItIs(name, site, state));
  for (const site of state.pooled.filter(stays))
    Object.assign(site, {
      action: 'leave',
      rule: 'no-literal',
      reason: 'Nothing here names a host; what decides is where the variable is defined.',
      safety: 'safe',
      replacement: null,
      apart: [],
    });
  state.pooled = state.pooled.filter(({ action }) => action === 'pooled');
}

/** That a pooler elsewhere leads to the server of the repository is not seen in it. */
function noteOutside({ pools, pooled, notes, config }: EditState): void {
  const outside = [...new Set(pools.values())].filter(isOutside);
  if (pooled.length === 0) return;
  for (const { host, port, servers } of outside)
    notes.push(
      `${poolerName(config.pool)} at ${host}:${port} is not in this repository: before the edits go out it has to lead to ${servers.map(({ service }) => service).join(', ')}, with the users, passwords and databases that stand in the places.`,
    );
}

/**
 * Documents, scripts and smoke tests follow the applications: where none of those goes through the pool yet, they would tell what
 * is not so, or reach a pooler that nothing else uses.
 */
function keepIdleDocuments(state: EditState): void {
  const isDocument = ({ role }: Site) => role === 'docs' || role === 'prose';
  // Settings that nothing which runs gets are for the machine itself.
  const isForMachine = ({ resolution, role, uses }: Site) =>
    resolution.kind === 'published' && role === 'setting' && uses.every(({ service }) => service === null);
  const isAside = (site: Site) =>
    isDocument(site) || site.format === 'shell' || site.facts.includes('smoke-test') || isForMachine(site);
  const keep = (site: Site) =>
    toReview(
      site,
      'documents-only',
      'No application goes through the pool that way yet (see the other places), so what only goes with them stays as it is.',
    );
  for (const pool of new Set(state.pools.values())) {
    const all = state.pooled.filter(site => leadsTo(pool, site, state));
    // What a document says of the machine's own port follows what runs there.
    const isOnMachine = ({ resolution }: Site) => resolution.kind === 'published';
    const hasMachine = all.some(site => !isDocument(site) && isOnMachine(site));
    const alone = hasMachine ? [] : all.filter(site => isDocument(site) && isOnMachine(site));
    for (const site of alone) keep(site);
    const own = all.filter(site => !alone.includes(site));
    state.pooled = state.pooled.filter(site => !alone.includes(site));
    // Applications that could go through the pool, and do not in this run, or go direct for what they need.
    const isLeftOut = (site: Site) =>
      site.action === 'pooled' ? !state.pooled.includes(site) : site.rule === 'code-with-session';
    const leftOut = state.sites.some(site => isLeftOut(site) && !isAside(site) && leadsTo(pool, site, state));
    if (own.some(site => (leftOut ? !isAside(site) : !isDocument(site)))) continue;
    for (const site of own) keep(site);
    state.pooled = state.pooled.filter(site => !own.includes(site));
  }
}

const withServer = (site: Site, server: Server): Site =>
  site.resolution.kind === 'published' ? site : { ...site, resolution: { kind: 'server', server } };

function problemOf(server: Server, { topology, refused, config, sources, pools }: EditState): string | null {
  const files = server.definitions.map(({ file }) => file);
  const composed = files.filter(file => topology.composeFiles.some(compose => compose.path === file));
  const lost = composed.find(file => refused.has(file) || !sources.has(file));
  if (lost) return `${lost} was refused.`;
  const swarm = composed.find(isSwarmPath);
  if (swarm) return `it is defined in ${swarm} too, and a swarm stack can't build the image or wait for a service.`;
  for (const file of topology.composeFiles.filter(compose => composed.includes(compose.path))) {
    const service = file.services.find(candidate => candidate.name === server.service);
    if (service?.networkMode) return `it uses network_mode: ${service.networkMode}.`;
    if (file.services.some(candidate => candidate.name === config.pool.host))
      return `${file.path} has a service ${config.pool.host} that is no pooler.`;
    const others = file.services.filter(({ name }) =>
      pools.get(server)?.servers.some(other => other !== server && other.service === name),
    );
    const newline = sources.get(file.path)?.newline ?? '\n';
    const reason = service ? placeProblem(file, service, others, newline, config) : null;
    if (reason) return `${file.path}: ${reason}.`;
    if (topology.others.some(other => other.service === server.service)) return 'several servers share its name.';
  }
  return null;
}

/** Why the service could not be inserted after the server's, told by trying. */
function placeProblem(
  file: ComposeFile,
  service: ComposeService,
  others: ComposeService[],
  newline: Newline,
  config: Config,
): string | null {
  const trial = {
    name: 'x',
    port: 1,
    portText: '1',
    published: null,
    address: null,
    buildContext: '.',
    upstreamPort: 1,
    documents: '',
  };
  try {
    insertService(
      file,
      service,
      {
        ...trial,
        profiles: [],
        others,
        routes: [],
        settings: [],
        mounts: [],
        healthCheck: '',
        image: composeImageOf({ config }),
      },
      newline,
    );
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function replaceSite(site: Site, state: EditState): void {
  const server = serverOf(site, state.sites) as Server;
  for (const { span, text } of replacementsFor(withServer(site, server), state.pools.get(server) as Pool)) {
    state.edits.push({ file: site.file, span, text, unit: site.decision, safety: site.safety });
  }
}
