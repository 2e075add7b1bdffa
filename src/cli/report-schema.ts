/** The report as a schema, held to the type by the compiler. Loaded by `schema` and by tests only. */
import { z } from 'zod';
import { hazardRulesSchema, needSchema, ruleSchema } from '../config/rule-schema.ts';
import { FINISHES, type Overview, type Report } from '../render/index.ts';
import { checkIds, type VerifyReport } from '../rollout/index.ts';
import type { ExplainReport } from './explain.ts';

const action = z.enum(['pooled', 'direct', 'leave', 'review']);
const severity = z.enum(['error', 'warning', 'note']);
const mode = z.enum(['session', 'transaction', 'statement']);
const count = z.int().min(0);
const position = z.int().min(1);

const server = z.strictObject({
  service: z.string(),
  file: z.string(),
  line: position,
  names: z.array(z.string()),
  port: count,
  published: z.array(z.string()),
  evidence: z.string(),
});

const question = z.strictObject({
  text: z.string(),
  answers: z.array(z.strictObject({ id: z.string(), says: z.string(), config: z.string().nullable() })).min(1),
});

const site = z.strictObject({
  id: z.string(),
  file: z.string(),
  line: position,
  column: position,
  endLine: position,
  endColumn: position,
  format: z.string(),
  form: z.enum(['url', 'keyword', 'host', 'port', 'host-port', 'argument']),
  text: z.string(),
  key: z.string().optional(),
  service: z.string().optional(),
  decision: z.string(),
  action,
  replacement: z.string().nullable(),
  rule: z.string(),
  reason: z.string(),
  safety: z.enum(['safe', 'unsafe']),
  question: question.optional(),
});

const refusal = z.strictObject({ file: z.string(), reason: z.string() });

export const reportSchema = z.strictObject({
  version: z.literal(1),
  tool: z.strictObject({ name: z.literal('pool-migrate'), version: z.string() }),
  root: z.literal('.'),
  summary: z.strictObject({
    filesScanned: count,
    sites: z.record(action, count),
    changes: count,
    hazards: z.record(severity, count),
    refused: count,
    errors: count,
  }),
  topology: z.strictObject({
    servers: z.array(server),
    poolers: z.array(server),
    variables: z.array(
      z.strictObject({
        name: z.string(),
        action,
        definedIn: z.array(z.string()),
        receivedBy: z.array(z.string()),
        readBy: z.array(z.string()),
      }),
    ),
  }),
  pools: z.array(z.strictObject({ server: z.string(), mode, port: position })),
  stacks: z
    .array(
      z.strictObject({
        folder: z.string(),
        servers: z.array(z.string()).min(1),
        pooler: z.string().nullable(),
        mode: z.enum(['session', 'transaction', 'statement']).nullable(),
        port: count.nullable(),
        published: count.nullable(),
        sites: z.strictObject({ pooled: count, direct: count, review: count }),
      }),
    )
    .min(1)
    .optional(),
  sites: z.array(site),
  changes: z.array(
    z.strictObject({ file: z.string(), kind: z.enum(['modify', 'create']), edits: count, mode: z.string().optional() }),
  ),
  hazards: z.array(
    z.strictObject({
      file: z.string(),
      line: position,
      column: position,
      rule: z.string(),
      severity,
      modes: z.array(mode),
      message: z.string(),
      fix: z.string(),
    }),
  ),
  localEnv: z.array(z.strictObject({ file: z.string(), key: z.string(), action })),
  refused: z.array(refusal),
  errors: z.array(
    z.strictObject({ file: z.string().optional(), line: position.optional(), code: z.string(), message: z.string() }),
  ),
});

/** What an overview is made of. Another version's report is read too: what it has beside this is passed over. */
export const mergedSchema = z.object({
  version: z.literal(1),
  tool: z.object({ name: z.literal('pool-migrate'), version: z.string() }),
  summary: z.object({ hazards: z.record(severity, count) }),
  topology: z.object({ servers: z.array(z.unknown()), poolers: z.array(z.unknown()) }),
  pools: z.array(z.object({ mode })),
  sites: z.array(site.pick({ action: true, safety: true, rule: true, reason: true, question: true }).strip()),
  changes: z.array(z.object({ edits: count })),
  refused: z.array(refusal.strip()),
  errors: z.array(z.unknown()),
});

/** Fails to compile where schema and type drift apart. */
type Same<A, B> = [A] extends [B] ? true : never;
export const reportIsSchema: Same<Report, z.input<typeof reportSchema>> = true;

export const planSchema = z.strictObject({
  version: z.literal(1),
  tool: z.strictObject({ name: z.literal('pool-migrate'), version: z.string() }),
  unsafe: z.boolean(),
  includeIgnoredEnv: z.boolean(),
  config: z.unknown(),
  changes: z.array(
    z.strictObject({
      file: z.string(),
      kind: z.enum(['modify', 'create']),
      /** SHA-256 of the content before (null for a new file) and after. */
      before: z.string().nullable(),
      after: z.string(),
      edits: count,
    }),
  ),
});

export const verifySchema = z.strictObject({
  version: z.literal(1),
  checks: z.array(
    z.strictObject({
      id: z.enum(checkIds),
      title: z.string(),
      status: z.enum(['passed', 'failed', 'warning', 'skipped']),
      evidence: z.string(),
      next: z.string().nullable(),
    }),
  ),
});

export const verifyIsSchema: Same<VerifyReport, z.input<typeof verifySchema>> = true;

const row = { name: z.string(), file: z.string() };
export const overviewSchema = z.strictObject({
  version: z.literal(1),
  tool: z.strictObject({ name: z.literal('pool-migrate'), version: z.string() }),
  /** The worst first. */
  repositories: z.array(
    z.discriminatedUnion('outcome', [
      z.strictObject({ ...row, outcome: z.literal('unreadable'), reason: z.string() }),
      z.strictObject({
        ...row,
        outcome: z.enum(FINISHES),
        modes: z.array(mode),
        questions: count,
        unsafe: count,
        hazards: z.record(severity, count),
        refused: z.array(refusal),
        errors: count,
        files: count,
        edits: count,
      }),
    ]),
  ),
});

export const overviewIsSchema: Same<Overview, z.input<typeof overviewSchema>> = true;

const need = z.strictObject({ kind: needSchema, what: z.string(), file: z.string(), line: position });
export const explainSchema = z.strictObject({
  version: z.literal(1),
  tool: z.strictObject({ name: z.literal('pool-migrate'), version: z.string() }),
  /** Some ids name a decision and a hazard. */
  explanations: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('rule'), rule: ruleSchema }),
      z.strictObject({ kind: z.literal('hazard'), hazard: hazardRulesSchema.element }),
      z.strictObject({ kind: z.literal('decision'), id: z.string(), reason: z.string() }),
      z.strictObject({
        kind: z.literal('place'),
        site,
        uses: z.array(
          z.strictObject({
            service: z.string().nullable(),
            command: z.string(),
            file: z.string(),
            line: position,
            needs: z.array(need),
            way: z.enum(['apart', 'setting', 'service', 'step', 'bypass', 'connection', 'file']).nullable(),
          }),
        ),
      }),
    ]),
  ),
});

/** A schema of rules also takes what is written shorter; what is printed is always of it. */
export const explainIsOfSchema = (report: ExplainReport): z.input<typeof explainSchema> => report;
