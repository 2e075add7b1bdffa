/** What the generator of the assets is told in tests of the assets. */
import type { AssetInput } from '../../pgbouncer/index.ts';

export const assetInput: AssetInput = {
  directory: 'pgbouncer',
  statusScript: 'scripts/pgbouncer_status.sh',
  runbook: 'docs/pgbouncer.md',
  base: 'alpine',
  poolService: 'pgbouncer',
  poolPort: 6432,
  publishedPort: 6432,
  hostPortVariable: 'HOST_PGBOUNCER_PORT',
  server: { service: 'postgres', port: 5432, publishedPort: '5432', major: 15 },
  users: ['app'],
  databases: ['app'],
  directRun: { service: 'web', command: 'DATABASE_URL="$DATABASE_URL_DIRECT" ./migrate' },
  migrations: ['./migrate'],
  variables: [{ pooled: 'DATABASE_URL', direct: 'DATABASE_URL_DIRECT' }],
  valueFiles: ['docker-compose.yml'],
  envFiles: [],
  bypass: null,
  version: '1.25',
  features: new Set(),
  poolSize: 20,
  composeFile: 'docker-compose.yml',
  isRouted: false,
  poolMode: 'transaction',
  celery: false,
};
