/** What public images do with Postgres: rules/images.yml, and lines of the user's own. */
import { images as ours } from '../../rules/images.generated.ts';
import type { NeedKind } from '../model/index.ts';
import { matchGlob } from '../text/glob.ts';

/** Variables from which an image takes its connection. `hostPort`: one that may hold both. */
export interface ImageSettings {
  url?: string[];
  host?: string[];
  hostPort?: string[];
  port?: string[];
}

export interface KnownImage {
  /** Repository names without registry and tag; `*` within a name. */
  image: string[];
  name: string;
  settings?: ImageSettings;
  needs: (NeedKind | 'plain')[];
  /** The highest way that works for the whole container; `leave`: no application's client. */
  route: 'transaction' | 'session' | 'direct' | 'leave';
  /** A setting of its own for a connection that has to be direct, and the needs that it takes over. */
  direct?: ImageSettings & { needs: NeedKind[] };
  /** What it does with other commands than its own. */
  commands?: { words: string[]; needs: (NeedKind | 'plain')[] }[];
  /** It migrates only where this variable is true. */
  startsMigrating?: string;
  /** What upstream says of PgBouncer. */
  upstream?: string;
  source: string;
  examples?: { environment: Record<string, string>; route: string }[];
}

export type ImageLookup = (image: string | null) => KnownImage | null;

/** The user's lines first. */
export function knownImages(own: readonly KnownImage[] = []): ImageLookup {
  const all = [...own, ...ours].map(known => ({
    known,
    globs: known.image.map(name => matchGlob(name.toLowerCase())),
  }));
  const cache = new Map<string, KnownImage | null>();
  return image => {
    if (image === null || image === '') return null;
    const cached = cache.get(image);
    if (cached !== undefined) return cached;
    const names = repositoryNames(image);
    const found = all.find(({ globs }) => globs.some(matches => names.some(matches)))?.known ?? null;
    cache.set(image, found);
    return found;
  };
}

/** Variables from which images take the host. */
export const hostSettings = (own: readonly KnownImage[] = []): ReadonlySet<string> =>
  new Set([...own, ...ours].flatMap(({ settings }) => settings?.host ?? []));

/** Settings that are there for a connection past a pooler, and for nothing else. */
export function directSettings(own: readonly KnownImage[] = []): ReadonlySet<string> {
  const all = [...own, ...ours];
  const namesOf = (one: ImageSettings | undefined) => [one?.url, one?.host, one?.hostPort, one?.port].flat();
  const shared = new Set(all.flatMap(({ settings }) => namesOf(settings)));
  return new Set(
    all.flatMap(({ direct }) => namesOf(direct)).filter(name => name !== undefined && !shared.has(name)),
  ) as ReadonlySet<string>;
}

/** `quay.io/keycloak/keycloak:24` → `quay.io/keycloak/keycloak`, `keycloak/keycloak`. */
function repositoryNames(image: string): string[] {
  const plain = image
    .replace(/\$\{[^}]*:?-([^}]*)\}/g, '$1')
    .replace(/@.*$/, '')
    .replace(/:[^/]*$/, '')
    .toLowerCase();
  const parts = plain.split('/');
  const isRegistry = parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '');
  const bare = isRegistry ? parts.slice(1) : parts;
  return [plain, bare.join('/'), ...(bare[0] === 'library' ? [bare.slice(1).join('/')] : [])];
}
