/** What a service needs because of its image, and of variables that ask for migrations. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import { readEnvLines } from '../../codemods/dotenv-lines.ts';
import { isEnvironmentFile } from '../../codemods/paths.ts';
import type { ImageLookup, KnownImage } from '../images/known.ts';
import { imageName, isServerImage } from '../images/names.ts';
import type { Need, Place, Process } from '../model/index.ts';
import { lineAt } from '../text/lines.ts';
import { dirOf } from '../text/paths.ts';
import { resolveText } from '../topology/index.ts';
import { type ProcessInput, processOf } from './process.ts';
import type { Receiver } from './receivers.ts';

/** The image may be named by a variable of the project's env file. */
export function withValues(service: ComposeService, file: ComposeFile, { sources }: ProcessInput): ComposeService {
  if (!service.image?.includes('$')) return service;
  const values = new Map<string, string>();
  for (const { path, text } of sources.values()) {
    if (dirOf(path) !== dirOf(file.path) || !isEnvironmentFile(path)) continue;
    for (const { key, value, commented } of readEnvLines(text))
      if (!commented && !values.has(key)) values.set(key, value.text);
  }
  return { ...service, image: resolveText(service.image, values) ?? service.image };
}

/** Without a program in its image, a service of a known image does what is known of that. */
export function withImage(own: Process[], service: ComposeService, file: ComposeFile, images: ImageLookup): Process[] {
  const known = service.build === null ? images(service.image) : null;
  const place = { file: file.path, line: service.line };
  const image = imageName(service.image) || null;
  const base =
    own.length > 0 ? own : [{ ...processOf({ words: [], service: service.name, image }, file.path, 'start'), place }];
  if (!known) return base;
  const main = base.findLast(({ kind }) => kind === 'start');
  return base.map(process => ({
    ...process,
    image,
    needs: [
      ...process.needs,
      ...(process === main ? imageNeeds(known, process, service, place) : askedOf(known, process)),
    ],
    reads: settingsGiven(known, service),
    imageRoute: isServerImage(image ?? '') ? null : wayPast(known, service),
  }));
}

/** An administration tool looks at the server itself, where its environment tells it which. */
function wayPast(known: KnownImage, service: ComposeService): Process['imageRoute'] {
  if (known.route !== 'leave') return known.route === 'direct' ? 'direct' : null;
  return known.needs.includes('admin') && settingsGiven(known, service) ? 'direct' : 'leave';
}

/** What the image takes its connection from, where the service gives it one of these. */
function settingsGiven({ settings, direct }: KnownImage, { environment }: ComposeService): string[] | null {
  const endpoints = [settings?.url, settings?.host, settings?.hostPort].flatMap(names => names ?? []);
  if (!environment.some(({ key }) => endpoints.includes(key))) return null;
  return [settings, direct]
    .flatMap(one => [one?.url, one?.host, one?.hostPort, one?.port])
    .flatMap(names => names ?? []);
}

/** What somebody runs in a service of a known image. */
export function asRun(process: Process, service: ComposeService, images: ImageLookup): Process {
  const known = service.build === null ? images(service.image) : null;
  return known ? { ...process, needs: [...process.needs, ...askedOf(known, process)] } : process;
}

/** Of a command beside the image's own program: what is known of it. */
const askedOf = (known: KnownImage, { words, place }: Process): Need[] =>
  needsOf(known, hardOf(commandOf(known, words)?.needs ?? []), place);

type KnownNeed = KnownImage['needs'][number];

/** What transaction pooling does not bear. */
const hardOf = (needs: readonly KnownNeed[]): Need['kind'][] =>
  needs.filter((kind): kind is Need['kind'] => kind !== 'plain' && kind !== 'prepared');

const needsOf = ({ name }: KnownImage, kinds: readonly Need['kind'][], place: Place): Need[] =>
  kinds.map(kind => ({ kind, what: name, place, reads: [] }));

const commandOf = (known: KnownImage, words: readonly string[]) =>
  known.commands?.find(one => one.words.some(phrase => ` ${words.join(' ')} `.includes(` ${phrase} `)));

/** Where upstream says that all of it goes through transaction pooling, nothing is needed. */
function imageNeeds(known: KnownImage, { words }: Process, service: ComposeService, place: Place): Need[] {
  const command = commandOf(known, words);
  // What a variable asks for is told by the variable.
  const asks = known.startsMigrating;
  const isAsked =
    asks !== undefined &&
    !ASKS_TO_MIGRATE.test(asks) &&
    service.environment.some(({ key, value }) => key === asks && /^(?:true|1|yes|on)$/i.test(value ?? ''));
  const hard = hardOf([
    ...(command ? command.needs : known.route === 'session' && asks === undefined ? known.needs : []),
    ...(isAsked ? (['migrate'] as const) : []),
  ]);
  // Upstream says no more than that.
  const isOnlySession = known.route === 'session' && hard.length === 0 && !known.commands && asks === undefined;
  return needsOf(known, isOnlySession ? ['session-state'] : hard, place);
}

/** `RUN_MIGRATIONS: "true"`: variables that tell an application to migrate when it starts. */
const ASKS_TO_MIGRATE =
  /^(?!.*(?:SKIP|DISABLE|NO_|WITHOUT)).*?(?:^|_)(?:AUTO_?)?MIGRAT(?:E|ION|IONS)(?:$|_)|^_AIRFLOW_DB_UPGRADE$/i;

/** libpq sends what PGOPTIONS holds when it connects. */
const isOptions = (name: string, value: string): boolean => name === 'PGOPTIONS' && /-c|--\w/.test(value);

const asksAtStart = (place: Place): Need => ({ kind: 'startup-parameter', what: 'PGOPTIONS', place, reads: [] });

/** What is exported before a program starts. */
export const sentAtStart = ({ assigns, place }: Pick<Process, 'assigns' | 'place'>): Need[] =>
  assigns.some(({ name, raw }) => isOptions(name, raw)) ? [asksAtStart(place)] : [];

export const flags = ({ environment, line }: ComposeService, file: ComposeFile): Need[] => [
  ...environment
    .filter(({ key, value }) => isOptions(key, value ?? ''))
    .map(() => asksAtStart({ file: file.path, line })),
  ...environment
    .filter(({ key, value }) => /^(?:true|1|yes|on)$/i.test(value ?? '') && ASKS_TO_MIGRATE.test(key))
    .map(({ key }): Need => ({ kind: 'migrate', what: key, place: { file: file.path, line }, reads: [] })),
];

/** The same in an env file that the service gets. */
export function askedByFile(
  path: string,
  key: string,
  { sources }: ProcessInput,
  receivers: ReadonlyMap<string, Receiver[]>,
  services: Map<string, Process[]>,
): void {
  if (!ASKS_TO_MIGRATE.test(key)) return;
  const text = sources.get(path)?.text ?? '';
  const line = readEnvLines(text).find(one => one.key === key && !one.commented);
  if (!line || !/^(?:true|1|yes|on)$/i.test(line.value.text)) return;
  for (const { file, service } of receivers.get(`${path}\0${key}`) ?? []) {
    const id = `${file}\0${service}`;
    services.set(
      id,
      addNeeds(services.get(id) ?? [], [
        { kind: 'migrate', what: key, place: { file: path, line: lineAt(text, line.start) }, reads: [] },
      ]),
    );
  }
}

/** The last of what starts is the program itself. */
export function addNeeds(own: Process[], needs: readonly Need[]): Process[] {
  const main = own.findLast(({ kind }) => kind === 'start');
  return needs.length === 0
    ? own
    : own.map(process => (process === main ? { ...process, needs: [...process.needs, ...needs] } : process));
}

/** An image with Django in it whose settings can't be seen: they take server-side cursors unless they say otherwise. */
export function pulledDjango(own: readonly Process[], file: ComposeFile, service: ComposeService): Need[] {
  const manages = own.find(({ words }) => words.some(word => /(?:^|\/)(?:manage\.py|django-admin)$/.test(word)));
  const isOff = service.environment.some(({ key }) => /DISABLE_SERVER_SIDE_CURSORS$/.test(key));
  return manages && !isOff
    ? [{ kind: 'cursor', what: 'Django', place: { file: file.path, line: service.line }, reads: [] }]
    : [];
}
