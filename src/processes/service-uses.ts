/** What a compose service does with its values: its commands, what they start, and what its code is seen to do. */

import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { imageName, isServerImage } from '../images/names.ts';
import type { CodeFact, Extraction, Source, Use } from '../model/index.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';

type Extractions = ReadonlyMap<string, Extraction>;

const TRIVIAL = new Set([
  'echo',
  'printf',
  'export',
  'set',
  'cd',
  'exit',
  'exec',
  'true',
  'false',
  'test',
  '[',
  '[[',
  ':',
  'sleep',
  'mkdir',
  'chmod',
  'chown',
  'source',
  '.',
  'shift',
  'return',
  'local',
  'unset',
  'trap',
  'wait',
  'cat',
  'rm',
  'cp',
  'mv',
  'sed',
  'grep',
  'awk',
  'ls',
]);

/** What a service runs: its command, what its image starts without one, and the commands of the scripts that it names. */
export function followCommands(
  file: ComposeFile,
  service: ComposeService,
  extractions: Extractions,
  sources: ReadonlyMap<string, Source>,
): Use[] {
  const own = extractions.get(file.path)?.facts.services.get(service.name) ?? [];
  const image = imageName(service.image) || null;
  const derive = (words: readonly string[]): Use => ({ words, service: service.name, image, derived: true });
  const isOwn = service.build === null && isOwnImage(service, sources);
  const context = service.build === null ? dirOf(file.path) : joinPath(dirOf(file.path), service.build);
  const dockerfile =
    service.build !== null ? joinPath(context, service.dockerfile ?? 'Dockerfile') : isOwn ? 'Dockerfile' : null;
  const starts = (dockerfile && extractions.get(dockerfile)?.facts.commands) || [];
  const hasCommand = own.some(use => use.words.length > 0);
  const commands = [...(hasCommand ? [] : starts), ...starts.filter(words => words.some(isScript)), ...flags(service)];
  const found: Use[] = [...own, ...commands.map(derive)];
  const seen = new Set<string>();
  for (let i = 0; i < found.length && found.length < 500; i++) {
    for (const word of found[i]?.words ?? []) {
      const path = isScript(word) ? findScript(word, context, extractions) : null;
      if (path === null || seen.has(path)) continue;
      seen.add(path);
      const inner = extractions.get(path)?.facts.commands ?? [];
      found.push(...inner.filter(words => !TRIVIAL.has(words[0] ?? '') || words.some(isScript)).map(derive));
    }
  }
  // Where a service of the same program migrates, the others need not do it at their start.
  const isMigrated = file.services.some(
    other => other !== service && isSameProgram(other, service) && /\bmigrat/i.test(other.command),
  );
  const coded = codeUses(file, service, context, extractions);
  return [...found, ...(isMigrated ? coded.filter(({ words }) => words[0] !== 'migrations-at-start') : coded)];
}

const isSameProgram = (a: ComposeService, b: ComposeService): boolean =>
  a.build === null && b.build === null ? a.image === b.image : a.build === b.build && a.dockerfile === b.dockerfile;

/**
 * What the code in the service's build context does at run time. A file that some service names in its command speaks for
 * that service; any other for every service that is built there.
 */
function codeUses(file: ComposeFile, service: ComposeService, context: string, extractions: Extractions): Use[] {
  if (service.build === null) {
    // An image of somebody's own: what the repository's code does, it can do too.
    const isOwn = service.image?.includes('/') && !isServerImage(imageName(service.image));
    return isOwn ? [...extractions].flatMap(([path, { facts }]) => factUses(path, facts.code, service, false)) : [];
  }
  const names = (candidate: ComposeService, path: string) => {
    const module = path.replace(/\.\w+$/, '').replace(/\//g, '.');
    const stem = baseOf(path).replace(/\.\w+$/, '');
    return candidate.command
      .split(/[\s"',]+/)
      .some(
        word =>
          (word.includes('.') && module.endsWith(word.replace(/:.*$/, ''))) ||
          baseOf(word).replace(/\.\w+$/, '') === stem,
      );
  };
  return [...extractions].flatMap(([path, { facts }]) => {
    if (facts.code.length === 0 || !isInside(context, path)) return [];
    const named = file.services.filter(candidate => candidate.command !== '' && names(candidate, path));
    if (named.length > 0 && !named.includes(service)) return [];
    return factUses(path, facts.code, service, named.length > 0);
  });
}

/** `isOwn`: the file is the program that the service runs. */
const factUses = (path: string, code: readonly CodeFact[], service: ComposeService, isOwn: boolean): Use[] =>
  code.filter(needsSession).map(fact => ({
    words: [fact, path],
    service: service.name,
    image: null,
    derived: true,
    own: isOwn && fact === 'needs-session',
  }));

/** Variables that tell an image to migrate, as words: `RUN_MIGRATIONS: "true"`. */
const flags = ({ environment }: ComposeService): string[][] =>
  environment.filter(({ value }) => /^(?:true|1|yes|on)$/i.test(value ?? '')).map(({ key }) => [key]);

export const needsSession = (fact: CodeFact): boolean => fact !== 'extra-float-digits';

const isScript = (word: string): boolean =>
  /(?:^|\/)[\w.-]+\.(?:sh|bash)$|(?:^|\/)(?:docker-)?(?:entrypoint|start|run|boot|prestart)$/.test(word);

/** An image from a registry that carries the repository's own name: its Dockerfile tells what it starts. */
function isOwnImage(service: ComposeService, sources: ReadonlyMap<string, Source>): boolean {
  const name = imageName(service.image);
  if (!service.image?.includes('/') || name.length < 3 || !sources.has('Dockerfile')) return false;
  const readme = [...sources.values()].find(source => /^readme/i.test(source.path));
  return new RegExp(`\\b${name.replace(/[^\w-]/g, '.')}\\b`, 'i').test(readme?.text.slice(0, 1500) ?? '');
}

/** The script in the repository that a path in the image most likely is: the same name, nearest to the build context. */
function findScript(word: string, context: string, extractions: Extractions): string | null {
  const name = baseOf(word);
  const found = [...extractions.keys()].filter(path => baseOf(path) === name && isInside(context, path));
  const exact = found.find(path => path === joinPath(context, word.replace(/^\/(?:\w+\/)?/, '')));
  return (
    exact ?? (found.length === 1 ? (found[0] ?? null) : (found.find(path => path === joinPath(context, name)) ?? null))
  );
}
