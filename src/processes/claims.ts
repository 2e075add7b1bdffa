/** Files that count for programs whose imports can't be followed, or that a framework loads by itself. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { isAsidePath } from '../../codemods/paths.ts';
import { onlyByName } from '../extract/index.ts';
import type { ImageLookup } from '../images/known.ts';
import type { Need, Process } from '../model/index.ts';
import { baseOf, isInside } from '../text/paths.ts';
import type { Shelf } from './shelf.ts';
import type { Start } from './start.ts';

/** Of what is built into a program without imports to follow: a file that is called `migrate` is part of it as any other. */
export const isOnlyAside = (path: string): boolean =>
  isAsidePath(path.replace(/(?:migrat\w*|seeds?)(?=\.[a-z]+$)/i, 'x'));

/**
 * False for what a framework loads only when it is told to: migrations, and management commands that are not the one that starts. Who
 * migrates is known by its command.
 */
export function isLoaded(path: string, starts: readonly Start[], shelf: Shelf): boolean {
  if (!path.endsWith('.py')) return true;
  const [, command] = /(?:^|\/)management\/commands\/(\w+)\.py$/.exec(path) ?? [];
  if (command !== undefined) return starts.some(({ words }) => words.includes(command));
  return !/^class Migration\((?:\w+\.)*Migration\)|^down_revision\b/m.test(shelf.text(path) ?? '');
}

/** False for a migration in a function that is there, and that nothing calls. */
export function isCalled(need: Need, shelf: Shelf): boolean {
  const { file } = need.place;
  const name = onlyByName(need, shelf.text(file) ?? '');
  if (name === null) return true;
  const ending = file.slice(file.lastIndexOf('.'));
  const count = (path: string) => (shelf.text(path) ?? '').split(name).length - 1;
  return count(file) > 1 || shelf.paths.some(path => path !== file && path.endsWith(ending) && count(path) > 0);
}

type Started = {
  file: ComposeFile;
  service: ComposeService;
  id: string;
  starts: Start[];
  context: string | null;
  workspaces: string[];
};

/**
 * What is built in a service's folder and belongs to no program that is known counts for the service whose program is unknown.
 * An image that is built elsewhere can do all that the repository's code does, and so can people in a container that waits for them;
 * what they dump or administrate there they direct themselves.
 */
export function claimTheRest(
  started: readonly Started[],
  services: Map<string, Process[]>,
  loaded: ReadonlyMap<string, ReadonlySet<string> | null>,
  telling: readonly string[],
  needsOf: (path: string) => readonly Need[],
  shelf: Shelf,
  images: ImageLookup,
  isServer: (file: ComposeFile, service: ComposeService) => boolean,
): void {
  for (const { file, service, id, context, workspaces, starts } of started) {
    if (isServer(file, service)) continue;
    if (loaded.get(id) || (starts.length > 0 && starts.every(({ words }) => isOtherServer(words)))) continue;
    const isWorkspace = workspaces.length > 0;
    const image = context ?? (isOwnImage(service, images) ? '' : null);
    const scopes = isWorkspace || image === null ? workspaces : [image];
    if (scopes.length === 0) continue;
    // The program of another service is none of this one.
    const claimed = started
      .filter(other => !isWorkspace && other.id !== id && other.context === context)
      .flatMap(other => (services.get(other.id) ?? []).map(({ program }) => program));
    const paths = telling.filter(
      path =>
        scopes.some(scope => isInside(scope, path)) &&
        !isOnlyAside(path) &&
        !claimed.includes(path) &&
        isLoaded(path, starts, shelf),
    );
    const needs = paths.flatMap(needsOf).filter(({ kind }) => !isWorkspace || !BY_HAND.has(kind));
    const own = services.get(id) ?? [];
    const main = own.findLast(process => process.kind === 'start' && process.words.length !== 1) ?? own.at(-1);
    if (needs.length === 0 || !main) continue;
    // Where a service of the same program migrates, the others need not do it at their start.
    const isMigrated = started.some(
      other => other.id !== id && isSameProgram(other.service, service) && /\bmigrat/i.test(other.service.command),
    );
    const kept = isMigrated ? needs.filter(({ kind }) => kind !== 'migrate') : needs;
    services.set(
      id,
      own.map(process => (process === main ? { ...process, needs: [...process.needs, ...kept] } : process)),
    );
  }
}

/** Programs that know nothing of Postgres, whatever is built beside them. */
export const isOtherServer = ([first = '']: readonly string[]): boolean =>
  /^(?:nginx|openresty|caddy|httpd|httpd-foreground|haproxy|traefik|envoy|varnishd|redis-server|memcached)$/.test(
    baseOf(first),
  );

const BY_HAND: ReadonlySet<Need['kind']> = new Set(['dump', 'replicate', 'admin']);

const isSameProgram = (a: ComposeService, b: ComposeService): boolean =>
  a.build === null && b.build === null ? a.image === b.image : a.build === b.build && a.dockerfile === b.dockerfile;

/** An image of somebody's own: from a registry, and none that is known. */
const isOwnImage = ({ image }: ComposeService, images: ImageLookup): boolean =>
  (image?.includes('/') ?? false) && images(image) === null;
