/** `schema NAME`: the published formats as JSON Schema. */
import { UsageError } from '../model/errors.ts';
import type { CliOptions } from './options.ts';

const NAMES = ['report', 'config', 'rules', 'plan', 'verify', 'overview', 'explain'] as const;

export async function jsonSchema(name: string): Promise<object> {
  const { z } = await import('zod');
  const { configSchema, rulesSchema } = await import('../config/rule-schema.ts');
  const { explainSchema, overviewSchema, planSchema, reportSchema, verifySchema } = await import('./report-schema.ts');
  const schemas = {
    report: reportSchema,
    config: configSchema,
    rules: rulesSchema,
    plan: planSchema,
    verify: verifySchema,
    overview: overviewSchema,
    explain: explainSchema,
  };
  const schema = schemas[name as keyof typeof schemas];
  if (!schema) throw new UsageError(`There is no schema ${name}; there are ${NAMES.join(', ')}.`);
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

export async function runSchema({ arguments: [name] }: CliOptions): Promise<number> {
  if (name === undefined) throw new UsageError(`Which schema? There are ${NAMES.join(', ')}.`);
  process.stdout.write(`${JSON.stringify(await jsonSchema(name), null, 2)}\n`);
  return 0;
}
