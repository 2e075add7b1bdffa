/**
 * The rooms, from left to right: each imports only from those before it, and from a stage only its index. What is loaded lazily is
 * named by its file, so that it stays small.
 */
const VOCABULARY = ['model', 'text', 'scan', 'images'];
const STAGES = [
  'discover',
  'rerun',
  'topology',
  'extract',
  'processes',
  'routes',
  'decide',
  'wire',
  'plan',
  'verify',
  'apply',
  'render',
  'size',
  'rollout',
  'run',
];
const ROOMS = [...VOCABULARY.map(inSource), '^codemods/', '^src/config/', ...STAGES.map(inSource), '^src/cli/'];

function inSource(room) {
  return `^src/${room}/`;
}

const rightwards = ROOMS.slice(0, -1).map((room, i) => ({
  name: `${room.replace(/\W/g, ' ').trim()} looks left only`,
  severity: 'error',
  from: { path: room },
  to: { path: ROOMS.slice(i + 1).join('|') },
}));

const contracts = STAGES.map(stage => ({
  name: `${stage} is its index`,
  severity: 'error',
  from: { path: '^src/', pathNot: [inSource(stage), '^src/index\\.ts$'] },
  to: { path: inSource(stage), pathNot: '/index\\.ts$', dependencyTypesNot: ['dynamic-import'] },
}));

export default {
  forbidden: [
    ...rightwards,
    ...contracts,
    { name: 'no circle', severity: 'error', from: {}, to: { circular: true, viaOnly: { pathNot: 'generated' } } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: '^(?:src|codemods|pgbouncer)/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts'] },
  },
};
