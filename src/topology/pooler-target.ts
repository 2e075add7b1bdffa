/** Which pooler stands in front of which server. */
import type { Server } from '../model/index.ts';
import { isManifestServer, type Topology } from './topology.ts';

/** The pooler of the stack; of several, the one that names the server. In manifests it may lie in another folder. */
export function poolerFor(server: Server, topology: Topology): Server | null {
  const { poolers, servers } = topology;
  if (!isManifestServer(server, topology)) {
    const own = poolers.filter(pooler => pooler.stack === server.stack && !isManifestServer(pooler, topology));
    return (
      own.find(({ leadsTo }) => leadsTo === server.service) ?? own.find(({ leadsTo }) => leadsTo === undefined) ?? null
    );
  }
  const named = poolers.filter(({ leadsTo }) => leadsTo === server.service);
  const isAlone = servers.filter(({ stack }) => stack === server.stack).length === 1;
  return (
    named.find(({ stack }) => stack === server.stack) ??
    named[0] ??
    (isAlone ? poolers.find(({ stack, leadsTo }) => stack === server.stack && leadsTo === undefined) : null) ??
    null
  );
}
