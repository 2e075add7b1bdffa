/** Prisma 7 with its adapter for node-postgres, through the pool. Usage: node prisma.mjs CLIENT URL, CLIENT generated beside it. */
import { PrismaPg } from '@prisma/adapter-pg';

const [client = '', url = ''] = process.argv.slice(2);
const { PrismaClient } = await import(client);
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
const count = async (name, job) => {
  const results = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => job(i)));
  const failed = results.find(({ status }) => status === 'rejected');
  console.log(`${name}: ${results.filter(({ status }) => status === 'fulfilled').length} of 40${failed ? `, ${String(failed.reason.message).trim().split('\n').at(-1)}` : ''}`);
};
await count('create and find', async i => {
  const { id } = await prisma.item.create({ data: { name: `n${i}` } });
  const found = await prisma.item.findUniqueOrThrow({ where: { id } });
  if (found.name !== `n${i}`) throw new Error('another row');
});
await count('interactive transaction', i =>
  prisma.$transaction(async tx => {
    await tx.item.create({ data: { name: `t${i}` } });
    return tx.item.count();
  }, { maxWait: 10_000, timeout: 10_000 }),
);
await count('$queryRaw', async i => {
  const [row] = await prisma.$queryRaw`SELECT ${i}::int + 1 AS n`;
  if (row.n !== i + 1) throw new Error('another answer');
});
await prisma.$disconnect();
