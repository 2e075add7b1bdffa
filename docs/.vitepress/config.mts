import { defineConfig } from 'vitepress';

const guides: [text: string, link: string][] = [
  ['From npx to a merged pull request', 'pull-request'],
  ['Monorepos', 'monorepo'],
  ['Many repositories', 'fleet'],
  ['Kubernetes', 'kubernetes'],
  ['A pooler that is there already', 'existing-pooler'],
  ['Managed servers', 'managed-postgres'],
  ['Session mode', 'session-mode'],
  ['Roll back', 'roll-back'],
  ['For programs and agents', 'agents'],
];

const reference: [text: string, link: string][] = [
  ['Rules for places', 'rules/'],
  ['Hazards', 'hazard/'],
  ['What was seen of each hazard', 'hazards'],
  ['Drivers', 'drivers'],
  ['Verify', 'verify'],
  ['In CI', 'ci'],
  ['Safety', 'safety'],
  ['From a program', 'api'],
];

const project: [text: string, link: string][] = [
  ['Architecture', 'architecture'],
  ['Releasing', 'releasing'],
  ['Accuracy', 'accuracy'],
  ['Performance', 'performance'],
  ['Performance of the pool', 'pool-performance'],
  ['Plan of the first user', 'integration-plan'],
];

const listed = (items: [text: string, link: string][], folder = '') =>
  items.map(([text, link]) => ({ text, link: `/${folder}${link}` }));

export default defineConfig({
  title: 'pool-migrate',
  description: 'Put PgBouncer between a repository and its Postgres.',
  cleanUrls: true,
  // Files of the repository beside the documents.
  ignoreDeadLinks: [/\.\.\/\.\.|^\.?\/?(?:\.\.\/)+|hazards\.json|examples\//],
  themeConfig: {
    search: { provider: 'local' },
    sidebar: [
      { text: 'How-tos', items: listed(guides, 'guides/') },
      { text: 'Reference', items: listed(reference) },
      { text: 'The project', items: listed(project) },
    ],
  },
});
