/** The JSON report. Contract: version 1. */

import type {
  Action,
  Change,
  Failure,
  Form,
  Hazard,
  PoolDecision,
  Question,
  Refusal,
  Safety,
  Severity,
  Site,
  Variable,
} from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { lineStarts, positionAt } from '../text/lines.ts';
import { type StackSummary, summarizeStacks } from './stacks.ts';
import { VERSION } from './version.ts';

export interface ReportSite {
  id: string;
  file: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  format: string;
  form: Form;
  text: string;
  key?: string;
  service?: string;
  decision: string;
  action: Action;
  replacement: string | null;
  rule: string;
  reason: string;
  safety: Safety;
  /** Where a person has to say: what can be answered. */
  question?: Question;
}

export interface ReportServer {
  service: string;
  file: string;
  line: number;
  names: string[];
  port: number;
  published: string[];
  evidence: string;
}

export interface Report {
  version: 1;
  tool: { name: 'pool-migrate'; version: string };
  root: '.';
  summary: {
    filesScanned: number;
    sites: Record<Action, number>;
    changes: number;
    hazards: Record<Severity, number>;
    refused: number;
    errors: number;
  };
  topology: { servers: ReportServer[]; poolers: ReportServer[]; variables: Variable[] };
  /** The pool in front of each server: that which is there, or which the plan would make. */
  pools: { server: string; mode: PoolDecision['mode']; port: number }[];
  /** Only where there are several. */
  stacks?: StackSummary[];
  sites: ReportSite[];
  changes: { file: string; kind: Change['kind']; edits: number; mode?: string }[];
  hazards: Hazard[];
  localEnv: { file: string; key: string; action: Action }[];
  refused: Refusal[];
  errors: Failure[];
}

/**
 * What `--json` prints: version 1 of the contract, sorted, and the same from run to run. Passwords are in none of it.
 * @example
 * const report = toReport(await planMigration({ cwd: '.' }));
 * console.log(JSON.stringify(report, null, 2));
 */
export function toReport(plan: Plan, version = VERSION): Report {
  const starts = new Map<string, number[]>();
  const place = (file: string, offset: number) => {
    const known = starts.get(file) ?? lineStarts(plan.texts.get(file) ?? '');
    starts.set(file, known);
    return positionAt(known, offset);
  };
  const count = (action: Action) => plan.sites.filter(site => site.action === action).length;
  const severity = (level: Severity) => plan.hazards.filter(hazard => hazard.severity === level).length;
  const stacks = summarizeStacks(plan);
  return {
    version: 1,
    tool: { name: 'pool-migrate', version },
    root: '.',
    summary: {
      filesScanned: plan.filesScanned,
      sites: { pooled: count('pooled'), direct: count('direct'), leave: count('leave'), review: count('review') },
      changes: plan.changes.length,
      hazards: { error: severity('error'), warning: severity('warning'), note: severity('note') },
      refused: plan.refused.length,
      errors: plan.errors.length,
    },
    topology: {
      servers: plan.topology.servers.map(toServer),
      poolers: plan.topology.poolers.map(toServer),
      variables: plan.variables,
    },
    pools: plan.pools.map(({ server, mode, port }) => ({ server: server.service, mode, port })),
    ...(stacks.length > 0 ? { stacks } : {}),
    sites: plan.sites.map(site => toSite(site, place)),
    changes: plan.changes.map(({ file, kind, edits, mode }) => ({
      file,
      kind,
      edits,
      mode: mode.toString(8).padStart(4, '0'),
    })),
    hazards: plan.hazards.map(toHazard),
    localEnv: plan.localEnv,
    refused: plan.refused,
    errors: plan.errors,
  };
}

const toHazard = ({ file, line, column, rule, severity, modes, message, fix }: Hazard): Hazard => ({
  file,
  line,
  column,
  rule,
  severity,
  modes,
  message,
  fix,
});

function toServer(server: Plan['topology']['servers'][number]): ReportServer {
  const { service, definitions, names, port, published, evidence } = server;
  return {
    service,
    file: definitions[0]?.file ?? '',
    line: definitions[0]?.line ?? 1,
    names,
    port,
    published: published.map(({ raw }) => raw),
    evidence,
  };
}

function toSite(site: Site, place: (file: string, offset: number) => { line: number; column: number }): ReportSite {
  const start = place(site.file, site.span.start);
  const end = place(site.file, site.span.end);
  return {
    id: site.id,
    file: site.file,
    ...start,
    endLine: end.line,
    endColumn: end.column,
    format: site.format,
    form: site.form,
    text: site.text,
    ...(site.key === null ? {} : { key: site.key }),
    ...(site.service === null ? {} : { service: site.service }),
    decision: site.decision,
    action: site.action,
    replacement: site.replacement,
    rule: site.rule,
    reason: site.reason,
    safety: site.safety,
    ...(site.question ? { question: site.question } : {}),
  };
}
