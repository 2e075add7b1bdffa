/** What is left for a person, as a question with its possible answers. */
import type { Question, Site } from '../model/index.ts';
import type { Topology } from '../topology/index.ts';

/** Nothing that runs depends on these: tests, prompts, and servers of the machine itself stay as they are. */
const ASIDE =
  /^(?:unit-test|test-stack|test-command|test-section|test-variable|test-database|psql|psql-code|password-file|creates-databases|starts-server|tunnel|local-not-published|local-unproven|foreign-credentials|user-of-the-machine|documents-only|migration-heading|other-orchestrator|other-network|deployed-elsewhere|container-localhost)$/;

/** Null where no answer is needed: a document follows by itself, and nothing that runs depends on the place. */
export function questionFor(site: Site, { servers }: Topology): Question | null {
  if (site.action !== 'review' || /^(?:docs|prose|comment|healthcheck)$/.test(site.role) || ASIDE.test(site.rule))
    return null;
  // A page is read by people.
  if (site.rule === 'not-parsed' && /\.(?:html?|mdx?|markdown|rst|adoc)$/i.test(site.file)) return null;
  // A port that code falls back to: what brings the pooler's host brings its port.
  if (site.rule === 'lone-port' && site.role === 'fallback') return null;
  // Postgres is published as before: what runs on the machine itself finds it where it was.
  const isOnMachine = site.uses.every(({ service }) => service === null);
  if (site.rule === 'lone-port' && site.format === 'shell' && isOnMachine) return null;
  if (site.rule === 'not-parsed' && site.resolution.kind === 'published' && isOnMachine) return null;
  // On the machine itself the application goes to Postgres as before; only CI, which brings its own, stands against the pooler.
  if (site.rule === 'read-by-ci' && site.resolution.kind !== 'server') return null;
  if (site.question) return site.question;
  const what = site.key ?? site.text;
  if (site.rule === 'several-servers')
    return {
      text: `Which server does ${what} mean?`,
      answers: servers.map(({ service }) => ({
        id: service,
        says: `The one of service ${service}.`,
        config: `services: [${service}]`,
      })),
    };
  const record = (answer: string) => `answers: { ${site.id}: ${answer} }`;
  return {
    text: `${what}: through the pool, direct, or as it is?`,
    answers: [
      ...(canPool(site)
        ? [{ id: 'pooled', says: 'An application connects with it: pool it.', config: record('pooled') }]
        : []),
      { id: 'direct', says: 'It has to go past the pooler.', config: record('direct') },
      { id: 'leave', says: 'It is none of this: leave it as it is.', config: record('leave') },
    ],
  };
}

/** The place can be edited exactly. */
const canPool = ({ resolution, host, port, facts }: Site): boolean =>
  (resolution.kind === 'server' || resolution.kind === 'published') &&
  [host, port].every(part => part === null || part.exact) &&
  !facts.some(fact => /^(?:not-verbatim|several-hosts|ambiguous|template|unparsable|base64)$/.test(fact));
