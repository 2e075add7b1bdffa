/** The report as a schema, held to the type by the compiler. Loaded by `schema` and by tests only. */
import { z } from 'zod';
import type { Report } from '../render/index.ts';
import { checkIds, type VerifyReport } from '../rollout/index.ts';

const action = z.enum(['pooled', 'direct', 'leave', 'review']);
const severity = z.enum(['error', 'warning', 'note']);
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
  question: z
    .strictObject({
      text: z.string(),
      answers: z.array(z.strictObject({ id: z.string(), says: z.string(), config: z.string().nullable() })).min(1),
    })
    .optional(),
});

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
      modes: z.array(z.enum(['session', 'transaction', 'statement'])),
      message: z.string(),
      fix: z.string(),
    }),
  ),
  localEnv: z.array(z.strictObject({ file: z.string(), key: z.string(), action })),
  refused: z.array(z.strictObject({ file: z.string(), reason: z.string() })),
  errors: z.array(
    z.strictObject({ file: z.string().optional(), line: position.optional(), code: z.string(), message: z.string() }),
  ),
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
