/** What is known of everything that runs, and what that is read from. */
import type { ComposeFile, ComposeService } from '../../codemods/compose-file.ts';
import type { ImageLookup } from '../images/known.ts';
import type { Extraction, Need, Process, Source, Use } from '../model/index.ts';
import type { Topology } from '../topology/index.ts';
import type { Receiver } from './receivers.ts';
import type { Shelf } from './shelf.ts';
import type { Start } from './start.ts';
import type { NamedStart } from './written-runs.ts';

export interface Processes {
  /** By `file\0key` of an env file: the services that get the variable. */
  receivers: Map<string, Receiver[]>;
  /** Services that would receive it, had they no value of their own. */
  overridden: Map<string, Receiver[]>;
  /** By `file\0key` of an env file or a ConfigMap: all that use the value. */
  received: Map<string, Process[]>;
  /** By `file\0service` of a compose file: what starts in it, and what is run in it. */
  services: Map<string, Process[]>;
  /** What people run on the machine itself, with the folder of the file that says so. */
  hand: readonly { folder: string; process: Process }[];
  /** Commands for people and jobs that start some services by their names. */
  named: readonly NamedStart[];
  /** Migration tools that are set up, with the folder of their project: somebody runs them. */
  tools: readonly { folder: string; process: Process }[];
  /** Files that each service loads, by `file\0service`; null: that can't be told. */
  loaded: Map<string, ReadonlySet<string> | null>;
  /** What the services do that a file is mounted into. */
  mounted(file: string): Process[];
  /** What the services do whose images have the file. */
  builtInto(file: string): Process[];
  /** What the services do that the file is built into, or that file itself. `isShared`: all that runs there reads it. `isAlone`: the file only. */
  codeUses(file: string, isShared: boolean, isAlone: boolean): Process[];
  /** True where the code near the file takes the host from the variable, and no port from the one beside it. */
  isPortless(file: string, key: string, siblings: readonly string[], services: readonly string[]): boolean;
  /** The variable from which programs take the port that goes with a host, where nothing sets it; null: there is none. */
  portVariable(key: string, format: string, image: string | null): string | null;
  /** The variable from which an image takes the port, beside that of the host `key`. */
  imagePort(key: string, image: string | null): string | null;
  /** What programs that run pg_dump do with a variable. */
  dumpUses(key: string): Process[];
  /** Every command that a compose service runs, as one text each. */
  commands: string[];
}

export interface ProcessInput {
  topology: Topology;
  extractions: ReadonlyMap<string, Extraction>;
  /** Those that can hold a site. */
  sources: ReadonlyMap<string, Source>;
  /** Text of those that hold commands for people and jobs. */
  texts: ReadonlyMap<string, string>;
  shelf: Shelf;
  images: ImageLookup;
  /** What the name of a variable ends with that leads past the pooler. E.g.: `_DIRECT` */
  directSuffix: string;
}

export const NOBODY: Use = { words: [], service: null, image: null };

/** A use that a codemod found, as a process of which no more is known. */
export const processOf = (
  use: Use,
  file: string,
  kind: Process['kind'] = 'hand',
  needs: readonly Need[] = [],
): Process => ({
  ...use,
  kind,
  place: { file, line: 1 },
  chain: [],
  step: null,
  assigns: [],
  needs,
  imageRoute: null,
  reads: null,
  program: null,
  isPublished: false,
});

export const toProcess = (
  start: Start,
  service: string | null,
  image: string | null,
  kind: Process['kind'],
  reads: Process['reads'],
): Process => ({
  words: start.words,
  service,
  image,
  kind,
  place: start.place,
  chain: start.chain,
  step: start.step,
  assigns: start.assigns,
  needs: [],
  imageRoute: null,
  reads,
  program: null,
  isPublished: false,
});

export const idOf = (file: ComposeFile, service: ComposeService): string => `${file.path}\0${service.name}`;
