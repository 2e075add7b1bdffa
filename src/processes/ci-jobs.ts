/** Env files that CI jobs read against a server of their own, where no pooler is. */
import { isCiPath } from '../../codemods/paths.ts';
import type { PlacedCommand } from '../../codemods/placed-shell.ts';
import { placeWrittenCommands } from '../../codemods/written-commands.ts';
import { getNode, isMap, keyOf, readYaml } from '../../codemods/yaml-nodes.ts';
import type { Extraction, Source } from '../model/index.ts';
import { followCommands } from './follow.ts';
import { hostLayout } from './layout.ts';
import type { Shelf } from './shelf.ts';
import { namedServices } from './written-runs.ts';

/** `services: postgres`, a container, an action or the machine's own server. */
const OWN_SERVER =
  /\bimage:\s*["']?[\w./-]*(?:postg|pgvector|timescale)|\buses:\s*\S*postgres|\bdocker run\b[^\n]{0,300}(?:postg|pgvector|timescale)|\b(?:systemctl|service)\b[^\n]{0,300}\bpostgresql\b|\b(?:pg_ctl|pg_ctlcluster|initdb)\b|-\s*postgres(?:ql)?\s*$/im;

/**
 * `cp .env.example .env` in a workflow, with the variables that all such workflows set for all of their jobs: those come before the file's.
 * A job that starts the whole stack has its pooler too, and so has one that starts a server by its name (`servers`).
 */
export function filesOfJobs(
  jobs: readonly Source[],
  extractions: ReadonlyMap<string, Extraction>,
  shelf: Shelf,
  servers: readonly string[],
): Map<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const { path, text } of jobs) {
    if (!isCiPath(path)) continue;
    const commands = placeWrittenCommands(path, text);
    const ups = startedBy(commands, shelf).flatMap(words => {
      const named = namedServices(words);
      return named ? [named.names.map(i => words[i] ?? '')] : [];
    });
    const hasPooler = ups.some(names => names.length === 0 || names.some(name => servers.includes(name)));
    if (hasPooler || !(OWN_SERVER.test(text) || ups.length > 0)) continue;
    const own = keysOf(text);
    for (const [file, { facts }] of extractions) {
      if (facts.defines.length === 0 || !commands.some(command => takesFile(command, file))) continue;
      const known = found.get(file) ?? own;
      found.set(file, new Set([...own].filter(key => known.has(key))));
    }
  }
  return found;
}

/** `env:` of a GitHub workflow and `variables:` of GitLab's, at the top. */
const keysOf = (text: string): Set<string> =>
  new Set(
    readYaml(text, true).flatMap(({ document, contents }) =>
      ['env', 'variables'].flatMap(name => {
        const node = getNode(contents, name, document);
        return isMap(node) ? node.items.map(keyOf) : [];
      }),
    ),
  );

/** The commands, and what the scripts of packages and Makefiles among them run. */
const startedBy = (commands: readonly PlacedCommand[], shelf: Shelf): string[][] => [
  ...commands.map(({ words }) => words.map(word => word.text)),
  ...followCommands(
    commands.filter(({ words }) => /^(?:npm|pnpm|yarn|bun|make|just|task)$/.test(words[0]?.text ?? '')),
    { shelf, layout: hostLayout(''), cwd: '', chain: [] },
  ).map(({ words }) => words),
];

const takesFile = ({ words: [first, ...rest] }: PlacedCommand, file: string): boolean =>
  /^(?:cp|mv|source|\.|ln|cat|export|set|env|dotenv|docker)$/.test(first?.text ?? '') &&
  rest.some(({ text }) => text.replace(/^\.\//, '') === file);
