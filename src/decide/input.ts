/** What decisions are taken from. */
import type { Config } from '../config/config.ts';
import type { CompiledRule } from '../config/rules.ts';
import type { PoolDecision, Process, Site, Way } from '../model/index.ts';
import type { Processes } from '../processes/index.ts';
import type { Topology } from '../topology/index.ts';
import type { FileSite } from './group-sites.ts';

export interface DecideInput {
  sites: FileSite[];
  /** Text of each file, for the site's own text. */
  texts: ReadonlyMap<string, string>;
  topology: Topology;
  config: Config;
  rules: readonly CompiledRule[];
  /** Who gets which value, and what is done with it. */
  processes: Processes;
  /** Env files that CI reads, with the variables that it sets itself. */
  ciFiles: ReadonlyMap<string, ReadonlySet<string>>;
  /** Settings that programs have for a connection past a pooler. */
  directSettings: ReadonlySet<string>;
  /** Files that can not be changed. */
  refused: ReadonlySet<string>;
  /** How a process gets a value of its own instead of the site's; null: there is no exact way. `whole`: all of its service has to. */
  wayOf(site: Site, process: Process, whole: boolean): Way | null;
}

export interface Decisions {
  sites: Site[];
  pools: PoolDecision[];
}
