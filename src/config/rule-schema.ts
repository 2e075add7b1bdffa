/** The format of rules and of the configuration, as zod schemas. Loaded only where a file of theirs is read. */
import { z } from 'zod';
import { FEATURES } from '../../pgbouncer/asset-input.ts';
import { findPublicImage, PUBLIC_FEATURES, publicImages } from '../../pgbouncer/public-images.ts';
import { FEATURES as POOLER_FEATURES, type PoolerId, poolers } from '../images/poolers.ts';
import { faultOfGlob } from '../text/glob.ts';
import { kindProblem, type PoolSettings } from './pool-kind.ts';
import { ATTRIBUTES } from './rules.ts';

const texts = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform(value => (Array.isArray(value) ? value : [value]));
const attributes = Object.fromEntries(ATTRIBUTES.map(name => [name, texts.optional()])) as Record<
  (typeof ATTRIBUTES)[number],
  z.ZodOptional<typeof texts>
>;

export const conditionSchema = z.strictObject({
  ...attributes,
  command: z.strictObject({ word: texts, with: texts.optional() }).optional(),
});

const exampleSchema = z.union([z.string(), z.strictObject({ text: z.string(), file: z.string().optional() })]);

export const needSchema = z.enum([
  'prepared',
  'session-state',
  'cursor',
  'listen',
  'session-lock',
  'migrate',
  'startup-parameter',
  'dump',
  'replicate',
  'admin',
]);

export const ruleSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case words joined by hyphens'),
  when: conditionSchema,
  not: conditionSchema.optional(),
  then: z.enum(['pooled', 'direct', 'leave', 'review']),
  safety: z.enum(['safe', 'unsafe']).optional(),
  needs: needSchema.optional(),
  reason: z.string().min(10),
  source: z.url().optional(),
  examples: z
    .array(z.strictObject({ match: exampleSchema.optional(), noMatch: exampleSchema.optional() }))
    .min(1)
    .refine(items => items.some(item => item.match !== undefined), 'at least one `match` example')
    .refine(items => items.some(item => item.noMatch !== undefined), 'at least one `noMatch` example'),
});

export const rulesSchema = z.array(ruleSchema);

const words = z.union([z.string(), z.array(z.string()).min(1)]);
const hazardConditionSchema = z.strictObject({
  sql: words.optional(),
  detail: words.optional(),
  call: words.optional(),
  argument: z.record(z.string(), words).optional(),
  setting: words.optional(),
  value: words.optional(),
  within: words.optional(),
  import: words.optional(),
  parameter: words.optional(),
  startup: z.union([z.literal('refused'), z.array(z.literal('refused'))]).optional(),
  need: words.optional(),
  command: words.optional(),
  sibling: words.optional(),
  file: words.optional(),
});
const hazardEditSchema = z.union([
  z.strictObject({ argument: z.string() }),
  z.strictObject({ entry: z.string() }),
  z.strictObject({ around: z.tuple([z.string(), z.string()]) }),
  z.strictObject({ parameter: z.string() }),
  z.strictObject({ value: z.string() }),
  z.strictObject({ setLocal: z.literal(true) }),
  z.strictObject({ connectQuery: z.literal(true) }),
]);
const severitySchema = z.enum(['error', 'warning', 'note']);
const placedExampleSchema = z.strictObject({ file: z.string(), text: z.string() });

const pgbouncerVersion = z.string().regex(/^\d+\.\d+(?:\.\d+)?$/);

export const hazardRulesSchema = z.array(
  z.strictObject({
    id: ruleSchema.shape.id,
    when: hazardConditionSchema,
    not: hazardConditionSchema.optional(),
    imports: z.array(z.string()).optional(),
    severity: z.strictObject({
      transaction: severitySchema.optional(),
      statement: severitySchema.optional(),
      session: severitySchema.optional(),
    }),
    since: pgbouncerVersion.optional(),
    fixedIn: pgbouncerVersion.optional(),
    need: needSchema.optional(),
    feature: z.enum([...POOLER_FEATURES, 'none', 'own-settings']).optional(),
    message: z.string().min(20),
    why: z.string().min(10),
    fix: z.string().min(10),
    edit: hazardEditSchema.optional(),
    goesWithPool: z.literal(true).optional(),
    settledBy: z.string().optional(),
    needsServer: z.literal(true).optional(),
    once: z.literal(true).optional(),
    source: z.url(),
    examples: z.array(z.strictObject({ bad: placedExampleSchema, good: placedExampleSchema })).min(1),
  }),
);

const variables = z.array(z.string().regex(/^[A-Za-z_][\w*.]*$/, 'a variable name'));
const imageSettingsSchema = z.strictObject({
  url: variables.optional(),
  host: variables.optional(),
  hostPort: variables.optional(),
  port: variables.optional(),
});
const imageNeed = z.union([needSchema, z.literal('plain')]);
export const imageSchema = z.strictObject({
  image: z.array(z.string().min(1)).min(1),
  name: z.string().min(1),
  settings: imageSettingsSchema.optional(),
  needs: z.array(imageNeed).default([]),
  route: z.enum(['transaction', 'session', 'direct', 'leave']),
  direct: z.strictObject({ ...imageSettingsSchema.shape, needs: z.array(needSchema) }).optional(),
  commands: z.array(z.strictObject({ words: z.array(z.string()).min(1), needs: z.array(imageNeed) })).optional(),
  startsMigrating: z.string().optional(),
  upstream: z.string().optional(),
  source: z.url().optional(),
  examples: z.array(z.strictObject({ environment: z.record(z.string(), z.string()), route: z.string() })).optional(),
});
/** Ours: each fact has a source, and an example that runs as a test. */
export const imagesSchema = z.array(imageSchema.required({ source: true, examples: true }));

const supportSchema = z.union([
  z.enum(['yes', 'no', 'pins']),
  z.strictObject({ setting: z.string().min(1), gives: z.enum(['yes', 'pins']) }),
]);
const parameterNames = z.array(z.string().regex(/^[a-z][a-z_]*$/, 'a parameter in lower case'));
const usualPort = z.int().min(1).max(65535).nullable();
export const poolersSchema = z.array(
  z.strictObject({
    id: ruleSchema.shape.id,
    name: z.string().min(1),
    image: z.array(z.string().min(1)).min(1).optional(),
    ports: z
      .strictObject({
        transaction: usualPort.optional(),
        session: usualPort.optional(),
        statement: usualPort.optional(),
      })
      .refine(ports => Object.keys(ports).length > 0, 'at least one mode'),
    supports: z.partialRecord(z.enum(POOLER_FEATURES), supportSchema),
    startup: z
      .strictObject({
        otherwise: z.enum(['refuses', 'ignores', 'applies']),
        applies: parameterNames.optional(),
        ignores: parameterNames.optional(),
      })
      .optional(),
    notes: z.string().min(10),
    source: z.array(z.url()).min(1),
  }),
);

const port = z.int().min(1).max(65535);
const insidePath = z
  .string()
  .min(1)
  .refine(path => !/^(?:\/|[A-Za-z]:|\\)|(?:^|[\\/])\.\.(?:[\\/]|$)|\0/.test(path), 'a path inside the repository')
  .refine(path => !/(?:^|[\\/])\.git(?:[\\/]|$)/i.test(path), 'a path outside .git');
const pathGlob = z.string().superRefine((glob, context) => {
  const message = faultOfGlob(glob);
  if (message !== null) context.addIssue({ code: 'custom', message });
});
const assetPath = insidePath.refine(path => /^[\w.][\w./-]*$/.test(path), 'a path of letters, digits and ._-/');
const hostName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a host name');
const variablePart = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name');

const poolMode = z.enum(['auto', 'session', 'transaction', 'statement']);
const answersMap = z.record(
  z.string().regex(/^[0-9a-f]{12}$/, 'the id of a place'),
  z.enum(['pooled', 'direct', 'leave']),
);

/** What answers the questions of a plan: the lines that they offer. */
export const answersSchema = z.strictObject({
  answers: answersMap.optional(),
  services: z.array(z.string()).optional(),
  keepDirect: z.array(z.string()).optional(),
  pool: z.strictObject({ mode: poolMode }).optional(),
});

const folderSchema = z.strictObject({
  pool: z
    .strictObject({
      port: z.union([port, z.literal('auto')]).optional(),
      publishedPort: port.optional(),
      mode: poolMode.optional(),
    })
    .optional(),
  keepDirect: z.array(z.string()).optional(),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  pool: z
    .strictObject({
      kind: z.enum(poolers.map(({ id }) => id) as [PoolerId, ...PoolerId[]]).default('pgbouncer'),
      host: hostName.default('pgbouncer'),
      enabled: z.array(z.enum(POOLER_FEATURES)).default([]),
      port: z.union([port, z.literal('auto')]).default('auto'),
      publishedPort: port.default(6432),
      mode: poolMode.default('auto'),
      version: z
        .string()
        .regex(/^\d+\.\d+$/, 'a version such as "1.26", in quotes')
        .default('1.25'),
      base: z.enum(['alpine', 'debian']).default('alpine'),
    })
    .superRefine((pool: PoolSettings, context) => {
      const problem = kindProblem(pool);
      if (problem) context.addIssue({ code: 'custom', path: [problem.path], message: problem.message });
    })
    .prefault({}),
  direct: z
    .strictObject({ suffix: variablePart.default('_DIRECT'), bypass: variablePart.default('PGBOUNCER_BYPASS') })
    .prefault({}),
  services: z.array(z.string()).default([]),
  keepDirect: z.array(z.string()).default([]),
  include: z.array(pathGlob).default([]),
  exclude: z.array(pathGlob).default([]),
  annotations: z.boolean().default(true),
  assets: z
    .strictObject({
      directory: assetPath.default('pgbouncer'),
      statusScript: assetPath.default('scripts/pgbouncer_status.sh'),
      runbook: assetPath.default('docs/pgbouncer.md'),
      readme: z.boolean().default(true),
      statsVolume: z.boolean().default(false),
      features: z.array(z.enum(FEATURES)).default([]),
      image: z
        .string()
        .regex(/^[\w.:/@-]+$/, 'the name of an image')
        .refine(
          image => findPublicImage(image) !== null,
          `an image whose settings are known: ${publicImages.flatMap(({ names }) => names).join(', ')}`,
        )
        .nullable()
        .default(null),
    })
    .refine(({ image, features }) => image === null || features.every(feature => PUBLIC_FEATURES.includes(feature)), {
      path: ['features'],
      message: `a public image (assets.image) has only ${PUBLIC_FEATURES.join(', ')}`,
    })
    .prefault({}),
  rules: z.array(insidePath).default([]),
  images: z.array(imageSchema).default([]),
  folders: z
    .record(
      insidePath.refine(path => !/\/$|^\.\//.test(path), 'a folder from the root, such as apps/billing'),
      folderSchema,
    )
    .default({}),
  answers: answersMap.default({}),
});
