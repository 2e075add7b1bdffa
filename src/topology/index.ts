/** Servers and poolers, and where an endpoint leads. */
export { baseFileOf, findBase, withBase } from './extends.ts';
export { initMounts } from './init-mounts.ts';
export { isManifest, readManifests } from './manifests.ts';
export { poolerFor } from './pooler-target.ts';
export { indentsSequences, type PostgresWorkload, readCluster, readPostgresWorkload } from './postgres-workload.ts';
export { readTopology } from './read-topology.ts';
export { type Endpoint, OTHER_ENGINES, resolveEndpoint } from './resolve.ts';
export { resolveText } from './resolve-text.ts';
export { buildTopology, isManifestServer, listEnvironmentFiles, type Topology } from './topology.ts';
