/** The data that the stages pass on. Offsets are UTF-16 units into the raw text, a byte order mark included. */
import type { Place, Span } from './places.ts';
import type { Need, Process, Use, Way } from './process.ts';

export type * from './places.ts';
export type * from './process.ts';

export type Action = 'pooled' | 'direct' | 'leave' | 'review';
export type Safety = 'safe' | 'unsafe';
export type Severity = 'error' | 'warning' | 'note';
export type Form = 'url' | 'keyword' | 'host' | 'port' | 'host-port' | 'argument';
export type Newline = '\n' | '\r\n';

/** One text file of the scanned repository. `mode` is the permission bits, `digest` the SHA-256 of the bytes on disk. */
export interface Source {
  path: string;
  text: string;
  newline: Newline;
  mode: number;
  digest: string;
}

/**
 * A host or a port as it is written.
 * - `literal`: the text is the value.
 * - `default`: `${VAR:-value}`; `span` is the whole expression, `inner` the value that an edit may replace.
 * - `variable`: an expansion without a literal (`${DB_HOST}`, `$DB_HOST`).
 * - `hole`: a placeholder of a template (`{host}`, `%s`, `<host>`), or a mixture that has no one value.
 */
export interface Part {
  span: Span;
  inner: Span;
  value: string | null;
  kind: 'literal' | 'default' | 'variable' | 'hole';
  /** Variables that the text reads, outermost first. */
  variables: string[];
  /** False when the source text of the part is not its value (escapes, a string split over lines). */
  exact: boolean;
}

/** Where a value lives: what a rule needs to know of the surroundings. */
export type Role =
  | 'environment' // a variable given to a process: compose, env files, Dockerfile ENV, Kubernetes
  | 'setting' // a key of a configuration file or a constant in code
  | 'fallback' // the default of an environment read in code
  | 'argument' // an argument of a call in code
  | 'literal' // any other string in code
  | 'command' // a word of a command line
  | 'healthcheck'
  | 'docs' // code in a document
  | 'comment'
  | 'prose';

/** The entry (key and value) that holds a site, for formats where a companion can stand after it. */
export interface Entry {
  style: 'map' | 'flow' | 'list' | 'dotenv';
  key: string;
  /** The entry from its first to its last character, without indentation and line end. */
  span: Span;
  value: Span;
  indent: string;
  /** Keys of the same block. */
  siblings: readonly string[];
  /** Identifies the block: sites of one block can pair host and port. */
  block: string;
}

/** A place for a port, and what has to stand around the number. E.g.: `, port=` after the host of a call. */
export interface PortSlot {
  at: number;
  before: string;
  after: string;
}

/** A site as a codemod finds it. Sites with one `group` live or die together. */
export interface RawSite {
  form: Form;
  /** host[:port] as it stands in the file. */
  span: Span;
  /** The whole connection string, where the site is part of one. */
  extent: Span | null;
  host: Part | null;
  port: Part | null;
  /** URL scheme as written, without `://`; '' when there is none. */
  scheme: string;
  user: string | null;
  database: string | null;
  /** Query parameters and keyword settings, as `name=value` in lower case. Never passwords. */
  params: string[];
  role: Role;
  key: string | null;
  service: string | null;
  call: string | null;
  /** Names above the key in a nested file: keys of YAML and JSON, the section of an INI file. */
  section: readonly string[];
  uses: Use[];
  facts: string[];
  entry: Entry | null;
  group: string | null;
  /** For a port: the variable from which the code takes the host that goes with it. */
  hostVariable: string | null;
  /** Name of the variable that the code assigns it to, for templates that are put together from it. */
  local: string | null;
  /** For a host: where a port can be given that nothing gives yet. */
  portSlot: PortSlot | null;
  /** Of a text that its source writes into another file: the format, and where that file may be. */
  written: { format: string; paths: readonly string[] } | null;
}

/** What the code around the sites shows, for insertions and for the flow of variables. */
export interface Facts {
  /** Variables that the file reads from its environment. */
  reads: string[];
  /** Keys that the file defines, for dotenv files. */
  defines: string[];
  /** Env files that the source writes: where they may be, and their keys. */
  writes: { paths: readonly string[]; defines: readonly string[] }[];
  /** Places where an SQLAlchemy or Celery engine is built from a variable: the start of the statement. */
  engines: { at: number; indent: string; kind: 'sqlalchemy' | 'celery' }[];
  /** `"pool_size": int(os.getenv("KEY", …))` among the options of an engine: the start of its line. */
  poolSizes: { at: number; indent: string; key: string }[];
  /** Simple assignments `NAME = os.getenv(KEY, default)` that can take a bypass after them. */
  bypasses: { key: string; target: string; at: number; indent: string; site: number; fallback: Span }[];
  /** Words of the commands that each compose service runs, as far as the compose file says. */
  services: Map<string, Use[]>;
  /** Kubernetes: ConfigMaps and Secrets that the file defines, and the containers that get entries of such. */
  configs: { name: string; keys: string[] }[];
  references: { config: string; key: string | null; uses: Use[] }[];
  /** What the code does that not every pool bears. */
  needs: Need[];
  /** Drivers that ask for a setting of the pooler's. */
  drivers: 'extra-float-digits'[];
  /** Variables whose host some call connects to without any port; `*`: which one can't be seen. */
  portless: string[];
  /** Words of the commands of a script; for a Dockerfile, of what its image starts. */
  commands: string[][];
}

export const noFacts = (): Facts => ({
  reads: [],
  defines: [],
  writes: [],
  engines: [],
  poolSizes: [],
  bypasses: [],
  services: new Map(),
  configs: [],
  references: [],
  needs: [],
  drivers: [],
  portless: [],
  commands: [],
});

export interface Extraction {
  sites: RawSite[];
  facts: Facts;
}

/** A site with its place, its endpoint and its decision. */
export interface Site extends Omit<RawSite, 'uses'> {
  /** Who uses the value. */
  uses: Process[];
  id: string;
  file: string;
  format: string;
  /** Exact slice of the file at `span`. */
  text: string;
  decision: string;
  resolution: Resolution;
  /** Servers of the same name in other stacks, whose services get the value too. */
  twins: Server[];
  action: Action;
  rule: string;
  reason: string;
  safety: Safety;
  replacement: string | null;
  /** Processes that must not share the pooled value, each with the way that it gets its own. */
  apart: { process: Process; way: Way }[];
  /** Needs of those that share the pooled value which are mended with it. */
  mends: readonly Need[];
  /** Where a person has to say: what can be answered. */
  question: Question | null;
  /** A variable that has to be set beside this one, since the port is read from it. */
  portVariable: string | null;
}

/** What is left for a person, with the answers to choose from. `config`: the line of pool-migrate.yml that records an answer. */
export interface Question {
  text: string;
  answers: { id: string; says: string; config: string | null }[];
}

/** Where an endpoint leads, by topology. */
export type Resolution =
  | { kind: 'server'; server: Server } // a name of the server inside its network
  | { kind: 'published'; server: Server } // localhost with the port that the server publishes
  | { kind: 'pooler'; server: Server | null } // the pooler, inside or published
  | { kind: 'other-port'; server: Server } // the server's name with a port that is not its own
  | { kind: 'container-localhost' } // localhost, in a container where it is the container itself
  | { kind: 'local' } // localhost with a port that nothing publishes
  | { kind: 'other-engine' }
  | { kind: 'several' } // more than one server could be meant
  | { kind: 'other-network' } // Kubernetes names a server that only compose has
  | { kind: 'unknown' } // a host that topology does not know
  | { kind: 'placeholder' }
  | { kind: 'none' }; // no literal host

/** A server or a pooler of this repository. */
export interface Server {
  kind: 'postgres' | 'pooler' | 'other-engine';
  stack: string;
  service: string;
  /** Where it is defined with an image or a build, the first one first. */
  definitions: { file: string; line: number }[];
  /** Names that it answers to inside its network. */
  names: string[];
  /** Port inside the network. */
  port: number;
  published: Published[];
  /** Variables with a second job: the port that the server itself listens on, inside. */
  ownVariables?: string[];
  evidence: string;
  user: string | null;
  database: string | null;
  major: number | null;
  profiles: string[];
  /** Of a pooler. */
  pooler?: PoolerSettings;
  /** Kubernetes: what runs it, where it is no plain workload. */
  operator?: 'cloudnative-pg';
  /** Of a pooler: the server that it leads to, where that can be seen to be one. */
  leadsTo?: string;
}

/** What can be seen of a pooler that is there; null: nothing tells. */
export interface PoolerSettings {
  mode: 'session' | 'transaction' | 'statement' | null;
  /** PgBouncer's, e.g. `1.21.0`. */
  version: string | null;
  /** It is the one that this tool generates, of the configured version. */
  isGenerated: boolean;
  /** 0: prepared statements of clients are not kept apart. */
  maxPreparedStatements: number | null;
  /** Startup parameters that it takes and drops. */
  ignored: readonly string[];
  /** Settings by PgBouncer's names, and where each is said. */
  values: Readonly<Record<string, string>>;
  places: Readonly<Record<string, Place>>;
}

/** A port on the host: the text as written, the variable that can change it, and its value without one. */
export interface Published {
  raw: string;
  variable: string | null;
  value: number | null;
  address: string | null;
}

/** What a pooler is set up as, and who stands between its stack and transaction mode. */
export interface PoolDecision {
  server: Server;
  mode: 'session' | 'transaction' | 'statement';
  /** Inside the network. */
  port: number;
  /** Somebody said so, or a pooler is there. */
  isGiven: boolean;
  /** Services that transaction mode is right for. */
  ready: string[];
  /** Services that need more, with what they need. */
  others: { service: string; needs: readonly Need[] }[];
  /** Commands that could not be given a value of their own. */
  unwired: readonly Process[];
  /** Why the port is not 6432. */
  portReason: string | null;
}

/** One replacement. `text` replaces `span`; an insertion has an empty span. Edits of one `unit` live or die whole. */
export interface Edit {
  file: string;
  span: Span;
  text: string;
  unit: string;
  safety: Safety;
}

export interface Change {
  file: string;
  kind: 'modify' | 'create';
  /** What a generated file is for; null for one of the repository's own. */
  about: string | null;
  before: string;
  after: string;
  /** Number of edits, 1 for a new file. */
  edits: number;
  /** Permission bits of the written file. */
  mode: number;
  /** SHA-256 of the bytes that were read; null for a new file. */
  digest: string | null;
}

export interface Hazard {
  file: string;
  line: number;
  column: number;
  rule: string;
  severity: Severity;
  modes: ('session' | 'transaction' | 'statement')[];
  message: string;
  fix: string;
}

export interface Refusal {
  file: string;
  reason: string;
}

export interface Failure {
  file?: string;
  line?: number;
  code: string;
  message: string;
}

/** A variable that carries an endpoint: where it is defined, who receives it, who reads it. */
export interface Variable {
  name: string;
  action: Action;
  definedIn: string[];
  receivedBy: string[];
  readBy: string[];
}

/** All that was read from disk. */
export interface World {
  sources: Map<string, Source>;
  /** Git-ignored env files: looked at, not part of the plan. */
  local: Map<string, Source>;
  /** Files that only the audit looks at. */
  audited: Map<string, Source>;
  /** Those of them that matter only if they call a function of the repository that migrates. */
  callers: ReadonlySet<string>;
  failures: Failure[];
  filesScanned: number;
  filesSkipped: number;
  /** Files with commands for people and jobs, and no endpoint. */
  written: Map<string, Source>;
  /** Any other file of the repository, for what is followed by name; null: there is none, or it is no text. */
  read(path: string): Source | null;
  /** All files that are looked at. */
  paths: readonly string[];
}
