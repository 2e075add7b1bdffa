/** Every process that uses a value, as far as can be seen. */
import type { Process, RawSite, Site, Use } from '../model/index.ts';
import { homeOf, processOf } from '../processes/index.ts';
import { expandsVariable, variablesFrom } from '../text/expansion.ts';
import { baseOf, dirOf, isInside, joinPath } from '../text/paths.ts';
import { hasWord } from '../text/words.ts';
import { serviceNames } from './derive-facts.ts';
import type { FileSite } from './group-sites.ts';
import type { DecideInput } from './input.ts';

interface Uses {
  uses: Process[];
  /** A value of an env file, of which every service that gets it has another one: it is never in force. */
  isOverridden: boolean;
  /** A pooler gets it, and nobody else. */
  isPoolers: boolean;
}

/** Every process that uses the value, as far as can be seen. */
export function usesOf(site: Site, raw: RawSite, input: DecideInput): Uses {
  const { file, format } = site;
  const { processes, topology } = input;
  const received = site.key === null ? undefined : processes.received.get(`${file}\0${site.key}`);
  const servers = serviceNames(topology, file);
  const followed =
    format === 'compose' && /^(?:environment|setting)$/.test(site.role)
      ? followUses(raw.uses, file, input)
      : raw.uses.map(
          use =>
            writtenAs(use, file, processes.hand) ??
            startedAs(use, file, processes.services) ??
            processOf(use, file, 'hand'),
        );
  const all = received ?? (site.section[0] === 'ConnectionStrings' ? dotnetUses(site, input) : null) ?? followed;
  const isOnlyServers =
    format === 'env' && (received?.every(({ service }) => servers.get(service ?? '') === 'postgres') ?? false);
  // A server or a pooler that shares an anchor with the application is no use of the value.
  const uses = all
    .filter(
      use =>
        use.service === null ||
        !servers.has(use.service) ||
        raw.uses.length === 1 ||
        isOnlyServers ||
        isServersTool(site, use, servers),
    )
    // What is assigned anew for the command is another value, unless it is this one.
    .filter(
      use =>
        !use.assigns.some(
          ({ name, raw: value }) => name === site.key && !expandsVariable(value, name) && !value.includes(site.text),
        ),
    )
    // Recipes of a Makefile are its uses because they expand it.
    .filter(
      use =>
        site.role !== 'environment' ||
        site.key === null ||
        format === 'makefile' ||
        canRead(use, site.key, use.step === null ? calledIn(use.service, site.key, topology) : []),
    );
  if (site.role === 'environment' && site.key !== null) {
    const others = [
      ...(uses.length === 0 ? byExpansion(site, input) : []),
      ...processes.dumpUses(site.key),
      ...byHand(site, input),
      ...byTool(site, input),
    ];
    // Beside these there is at least an application's default.
    if (others.length > 0) uses.push(...(uses.length === 0 ? [reader(file)] : []), ...others);
  }
  // What is built with the env file and names the variable reads it there, where compose does not give it.
  if (format === 'env' && site.role === 'environment' && received === undefined)
    uses.push(...namersOf(site, processes.builtInto(file), input).filter(use => !hasOwn(use, site, topology)));
  if (uses.length === 0 && site.role === 'setting')
    uses.push(...readersOf(site, processes.mounted(file), input).filter(readsFiles));
  // A program of its own, which no service loads, connects for itself.
  const isAlone = site.facts.includes('main') && ![...processes.loaded.values()].some(files => files?.has(file));
  // A service that gets the file has nothing of the port that is published: what runs on the machine has.
  const isMachines = format === 'env' && site.resolution.kind === 'published';
  if ((uses.length === 0 || isMachines) && isSetting(site.role)) {
    const isShared = site.role !== 'fallback' || /^(?:python|yaml)$/.test(format);
    uses.push(
      ...processes.codeUses(file, isShared, isAlone).filter(use => !(format === 'env' && hasOwn(use, site, topology))),
    );
  }
  if (uses.length === 0 && site.role === 'setting') uses.push(...namersOf(site, processes.builtInto(file), input));
  return {
    isPoolers: all.length > 0 && all.every(({ service }) => servers.get(service ?? '') === 'pooler'),
    uses: (site.role === 'fallback' ? ofDefault(site, uses, input) : uses).filter(
      use => (isOutsideOfFiles(site) || readsFiles(use)) && !goesPast(use, site, input),
    ),
    isOverridden: received === undefined && processes.overridden.has(`${file}\0${site.key}`),
  };
}

/** Its service has a value of its own for the variable, which comes before any file. */
const hasOwn = ({ service }: Process, { key }: Site, { composeFiles }: DecideInput['topology']): boolean =>
  composeFiles
    .flatMap(({ services }) => services.filter(({ name }) => name === service))
    .some(({ environment }) => environment.some(entry => entry.key === key && entry.value !== null));

/** psql, pg_isready and pg_dump inside the server's own container read libpq's variables: what they get there has to stay the server. */
export const isServersTool = (
  { key }: Pick<Site, 'key'>,
  { service }: Pick<Process, 'service'>,
  kinds: ReturnType<typeof serviceNames>,
): boolean => /^PG(?:HOST|HOSTADDR|PORT)$/.test(key ?? '') && kinds.get(service ?? '') === 'postgres';

/** A default is nothing to a service that is given the variable; where all are, what the file itself does is left to be asked. */
function ofDefault({ key, file }: Site, uses: readonly Process[], { sites, processes }: DecideInput): Process[] {
  const gives = ({ file: path, site }: FileSite, service: string) =>
    site.role === 'environment' &&
    site.key === key &&
    [...site.uses, ...(processes.received.get(`${path}\0${key}`) ?? [])].some(use => use.service === service);
  const isGiven = ({ service }: Process) => service !== null && sites.some(site => gives(site, service));
  const own = key === null ? [...uses] : uses.filter(use => !isGiven(use));
  if (own.length > 0 || uses.length === 0) return own;
  const needs = uses.flatMap(use => use.needs).filter(({ place }) => place.file === file);
  return [{ ...reader(file), needs: [...new Set(needs)] }];
}

/** Of those that get a settings file, the ones whose code names the key; where no code does, those of which there is none. */
function readersOf(site: Site, all: readonly Process[], input: DecideInput): Process[] {
  const readers = namersOf(site, all, input);
  if (readers.length === 0) return all.filter(process => codeOf(process, input).length === 0);
  return readers.map(process => ({
    ...process,
    needs: process.needs.filter(({ place }) => place.file === site.file || names(place.file, site, input)),
  }));
}

const namersOf = (site: Site, all: readonly Process[], input: DecideInput): Process[] =>
  all.filter(process => codeOf(process, input).some(path => names(path, site, input)));

const names = (path: string, { key }: Site, { texts }: DecideInput): boolean =>
  key !== null && hasWord(texts.get(path) ?? '', key);

const codeOf = ({ service }: Process, { processes: { loaded } }: DecideInput): string[] =>
  [...loaded].flatMap(([id, files]) => (id.endsWith(`\0${service}`) ? [...(files ?? [])] : []));

/** The command as it was found with its place. */
const writtenAs = ({ words }: Use, file: string, hand: DecideInput['processes']['hand']): Process | undefined =>
  words.length === 0
    ? undefined
    : hand.find(({ process }) => process.place.file === file && process.words.join('\0') === words.join('\0'))?.process;

/** The command as it is written, with what the program needs that it ends in. */
function startedAs({ words, service }: Use, file: string, services: DecideInput['processes']['services']) {
  const all = service === null || words.length === 0 ? [] : (services.get(`${file}\0${service}`) ?? []);
  const isEnd = (own: readonly string[]) => own.length > 0 && words.slice(-own.length).join('\0') === own.join('\0');
  const found = all.find(process => isEnd(process.words));
  return found && { ...found, words };
}

export const reader = (file: string): Process => processOf({ words: [], service: null, image: null }, file);

/** Commands on the machine itself whose words expand the variable. */
const byExpansion = (site: Site, { processes }: DecideInput): Process[] =>
  processes.hand
    .filter(
      ({ folder, process }) =>
        (site.format === 'makefile'
          ? [process.place, ...process.chain].some(({ file }) => file === site.file)
          : isBelow(site.file, folder)) &&
        process.words.some(word => expandsVariable(word, site.key ?? '')) &&
        !isAssignedAnew(site.key ?? '', process),
    )
    .map(({ process }) => process);

/** What somebody runs on the machine itself gets the values of the env file there, where they lead to the published port. */
function byHand(site: Site, { processes }: DecideInput): Process[] {
  if (site.format !== 'env' || site.resolution.kind !== 'published') return [];
  return processes.hand
    .filter(({ folder }) => isBelow(site.file, folder))
    .map(({ process }) => process)
    .filter(process => !isAssignedAnew(site.key ?? '', process) && canRead(process, site.key ?? ''));
}

/** In the environment, in a script, or in the words of a command. */
const isOutsideOfFiles = ({ role, format }: Site): boolean =>
  format === 'shell' || !/^(?:setting|fallback|argument)$/.test(role);

/** The code keeps another value for commands with the bypass. */
const goesPast = ({ assigns }: Process, { facts }: Site, { config }: DecideInput): boolean =>
  facts.includes('bypassed') && assigns.some(({ name }) => name === config.direct.bypass);

/** psql and the like know nothing of an address in code or in a file of settings. */
const readsFiles = ({ words }: Process): boolean => !BY_ARGUMENT.test(baseOf(words[0] ?? ''));

/** libpq's own programs and some migration tools: of the environment they read nothing but libpq's variables, and what runs elsewhere reads nothing. */
const BY_ARGUMENT =
  /^(?:psql|pg_\w+|createdb|dropdb|createuser|dropuser|vacuumdb|reindexdb|clusterdb|pgbench|pgloader|pgcli|docker|podman|kubectl|oc|ssh|scp|rsync)$/;

/** Names under which compose gives the value of a variable to an image's own program: `POSTGRES_HOST: ${DB_HOST}`. */
const calledIn = (service: string | null, variable: string, { composeFiles }: DecideInput['topology']): string[] =>
  composeFiles
    .flatMap(({ services }) => services.flatMap(({ name, environment }) => (name === service ? environment : [])))
    .flatMap(({ key, value }) => (value !== null && expandsVariable(value, variable) ? [key] : []));

/** `called`: other names that the value has there. */
function canRead({ words, assigns, kind, step, reads }: Process, key: string, called: readonly string[] = []): boolean {
  const names = [...variablesFrom(assigns, key)];
  const isExpanded = words.some(word => names.some(name => expandsVariable(word, name)) || /^\$[@*\d]$/.test(word));
  if (reads !== null && !isExpanded && ![...names, ...called].some(name => reads.includes(name))) return false;
  // The entry point of an image may hand on what it likes.
  if (kind !== 'hand' && step === null) return true;
  const [name = '', ...rest] = words;
  // golang-migrate; as the command of an image it may be a word of another program.
  const isMigrate =
    name === 'migrate' && (kind === 'hand' || rest.some(word => /^--?(?:database|path|source)\b/.test(word)));
  if (!(isMigrate || BY_ARGUMENT.test(baseOf(name))) || /^PG[A-Z]+$/.test(key)) return true;
  // `docker run -e NAME`
  return rest.includes(key) || isExpanded;
}

/** With a value that is another one. */
const isAssignedAnew = (key: string, { assigns }: Process): boolean =>
  assigns.some(({ name, raw }) => name === key && !expandsVariable(raw, name));

/** A migration tool that is set up here, though no command is seen to run it: it gets its own value where that is exact. */
function byTool(site: Site, input: DecideInput): Process[] {
  const { processes, wayOf } = input;
  return (
    processes.tools
      .filter(({ folder, process }) =>
        site.format === 'env' ? isBelow(site.file, folder) : isBuiltFrom(site, folder, process, input),
      )
      .map(({ process }) => process)
      .filter(process => canRead(process, site.key ?? ''))
      // Prisma's migrations fail behind transaction pooling, whoever runs them; others only should not.
      .filter(process => process.words[0] === 'prisma' || wayOf(site, process, false) !== null)
  );
}

/** Prisma's schema is built into the service: who migrates does it in there, with this value. */
function isBuiltFrom(site: Site, folder: string, { words }: Process, { topology, processes }: DecideInput): boolean {
  const file = site.format === 'compose' ? topology.composeFiles.find(({ path }) => path === site.file) : undefined;
  const service = file?.services.find(({ name }) => name === site.service);
  if (!file || !service || service.build === null || words[0] !== 'prisma') return false;
  const context = joinPath(dirOf(file.path), service.build);
  const isKnown = (processes.services.get(`${file.path}\0${service.name}`) ?? []).some(
    known => known.words[0] === 'prisma',
  );
  return !isKnown && (context === folder || isInside(context, `${folder}/`));
}

const isBelow = (file: string, folder: string): boolean =>
  homeOf(file) === folder || isInside(homeOf(file), `${folder}/`);

/** `ConnectionStrings: { Db: … }` of a settings file is the default of the variable `ConnectionStrings__Db`. */
function dotnetUses({ section, key, file }: Site, input: DecideInput): Process[] | null {
  const name = [...section, key].join('__').replace(/:/g, '__').toLowerCase();
  const twins = input.sites.filter(({ format, site }) => format === 'compose' && site.key?.toLowerCase() === name);
  const { loaded } = input.processes;
  const all = twins.flatMap(twin => twin.site.uses.map(use => ({ file: twin.file, use })));
  // Of several projects with such a setting, the one that the file belongs to.
  const near = all.filter(({ file: path, use }) => loaded.get(`${path}\0${use.service}`)?.has(file));
  const chosen = near.length > 0 ? near : all;
  return all.length === 0 ? null : chosen.flatMap(({ file: path, use }) => followUses([use], path, input));
}

const isSetting = (role: Site['role']): boolean =>
  role === 'setting' || role === 'fallback' || role === 'argument' || role === 'environment';

/** The processes of the services that have the value. */
function followUses(uses: readonly Use[], file: string, { processes: { services } }: DecideInput): Process[] {
  const names = [...new Set(uses.map(use => use.service))];
  return names.flatMap(
    name =>
      services.get(`${file}\0${name}`) ??
      uses.filter(use => use.service === name).map(use => processOf(use, file, 'start')),
  );
}
