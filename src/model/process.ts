/** What runs, what it needs of its connection, and how it gets a value of its own. */
import type { Mend, Place, Span } from './places.ts';

/** One use of a value: the command's words with quotes removed (none where it is unknown), and the service that runs it. */
export interface Use {
  words: readonly string[];
  service: string | null;
  image: string | null;
}

/** What a connection is used for, beyond plain queries. */
export type NeedKind =
  | 'prepared' // statements that PgBouncer does not follow
  | 'session-state' // SET, temporary tables, what another client would then have
  | 'cursor' // one that outlives its transaction
  | 'listen'
  | 'session-lock'
  | 'migrate'
  | 'startup-parameter' // what PgBouncer refuses when the client connects
  | 'dump'
  | 'replicate'
  | 'admin'; // of the server itself, or a session that its owner asked for

/** `what`: the rule, the call or the library that shows it. `reads`: variables that the code around it takes its connection from. */
export interface Need {
  kind: NeedKind;
  what: string;
  place: Place;
  reads: readonly string[];
  /** Edits at the place after which it is none, and that change nothing else of what the program does. */
  mend?: Mend | undefined;
}

/** The way to Postgres: pooled for a transaction, pooled for a session, or past the pooler. */
export type Route = 'transaction' | 'session' | 'direct';

/**
 * How the text around a command is read, which decides how a variable is given to that command alone. `quoted`: between double quotes of
 * a shell script; `exec`: no shell reads it, so that it needs one around it.
 */
export type Syntax = 'compose' | 'shell' | 'quoted' | 'make' | 'json' | 'exec';

/** Where `NAME=value ` before a command holds for it alone. */
export interface Step {
  file: string;
  at: number;
  /** End of the command, for `exec`. */
  end: number;
  syntax: Syntax;
  /** `exec`: how the text around the command (`docker compose exec SERVICE command`) is read. */
  within: Exclude<Syntax, 'exec'>;
}

/** An assignment in effect where a program starts: the value as it is written, quotes included. */
export interface Assigned {
  name: string;
  raw: string;
}

/**
 * One program that the repository starts, and what it does with its connection.
 * - `start`: when its container starts; `run`: by hand or by a job, inside a service; `hand`: on the machine itself.
 */
export interface Process extends Use {
  kind: 'start' | 'run' | 'hand';
  place: Place;
  /** How it was found, from the service to the program. */
  chain: readonly Place[];
  step: Step | null;
  assigns: readonly Assigned[];
  needs: readonly Need[];
  /** What is known of its image as a whole, where that is no application's client. */
  imageRoute: 'direct' | 'leave' | null;
  /** All variables that its image or its tool takes the connection from; null: not known. */
  reads: readonly string[] | null;
  /** Its own source file, where that is in the repository. */
  program: string | null;
  /** It comes in an image that was published before: an edit of the files that it is built from is not in it. */
  isPublished: boolean;
}

/** How a process that must not share a value gets its own. */
export type Way =
  /** It has a variable of its own already. */
  | { kind: 'apart' }
  /** A setting that the program itself has for such a connection. `entries`: names, and the variables whose values they take. */
  | { kind: 'setting'; file: string; service: string; entries: readonly [name: string, from: string][] }
  /** An entry in the environment of the whole service. */
  | { kind: 'service'; service: string }
  /** An assignment before the command, and the setting of its tool where that has one. */
  | { kind: 'step'; step: Step; setting: FileEdits | null }
  /** The bypass before the command, for which the code keeps the old value. */
  | { kind: 'bypass'; step: Step; code: FileEdits }
  /** The program's settings file connects its migrations by themselves. */
  | ({ kind: 'connection' } & FileEdits)
  /** A file that only migrations read takes the direct variable first. */
  | ({ kind: 'file' } & FileEdits);

export interface FileEdits {
  file: string;
  edits: readonly { span: Span; text: string }[];
}
