/** A transaction through the pool that creates, writes, reads and rolls back. Only with --allow-writes. */
import { randomBytes } from 'node:crypto';
import { failed, passed, skipped, type Verdict, warning } from './check.ts';
import { explainFailure, showFailure, toFailure } from './explain-failure.ts';
import type { Session } from './session.ts';

/** @param direct Looks for what must not be left; null: the pooled way does. */
export async function testWrites(
  pooled: Session,
  direct: Session | null,
  poolMode: string | undefined,
): Promise<Verdict> {
  if (poolMode === 'statement') return skipped('In pool mode statement there are no transactions');
  const schema = `pool_migrate_verify_${randomBytes(6).toString('hex')}`;
  const backends = new Set<number>();
  let sum = 0;
  try {
    for (const step of [
      'BEGIN',
      `CREATE SCHEMA ${schema}`,
      `CREATE TABLE ${schema}.numbers (n int PRIMARY KEY)`,
      `INSERT INTO ${schema}.numbers SELECT generate_series(1, 100)`,
      `UPDATE ${schema}.numbers SET n = n + 1000`,
      `SELECT sum(n)::int AS sum, pg_backend_pid() AS pid FROM ${schema}.numbers`,
      'SELECT pg_backend_pid() AS pid',
    ]) {
      const [row] = await pooled.query(step);
      if (row?.pid) backends.add(Number(row.pid));
      if (row?.sum) sum = Number(row.sum);
    }
  } catch (error) {
    const failure = toFailure(error);
    await pooled.query('ROLLBACK').catch(() => undefined);
    if (failure.code === '42501') {
      return warning(
        `The user may not create a schema: ${failure.message}`,
        'Nothing is wrong with the pool. For this test the user needs CREATE on the database.',
      );
    }
    return failed(showFailure(failure), explainFailure(failure, 'pooled'));
  }
  await pooled.query('ROLLBACK');
  const left = await (direct ?? pooled).query(`SELECT 1 FROM pg_namespace WHERE nspname = '${schema}'`);
  if (sum !== 105_050 || backends.size !== 1 || left.length > 0) {
    return failed(
      `Read ${sum} instead of 105050 from ${backends.size} backends; ${left.length > 0 ? `schema ${schema} is left` : 'nothing is left'}`,
      'Transactions do not hold together: another pooler or load balancer is in between.',
    );
  }
  return passed('100 rows in a schema of its own, on one backend; nothing is left after the rollback');
}
