/** What decisions are taken from. */

import type { Config } from '../config/config.ts';
import type { CompiledRule } from '../config/rules.ts';
import type { Safety, Site } from '../model/index.ts';
import type { Flow } from '../processes/index.ts';
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
  flow: Flow;
  /** Env files that CI reads. */
  ciFiles: ReadonlySet<string>;
  /** How safe it is to give each of these services a value of its own instead of the site's; null: impossible. */
  splitSafety(site: Site, services: readonly string[]): Safety | null;
}
