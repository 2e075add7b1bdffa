/** The MCP server with the client of the official SDK: plan, answer, apply, undo, and what a server that reads only refuses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, expect, test } from 'vitest';
import { CLI, copiedByCi, makeRepository } from './repository.ts';

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function connect(root: string, ...args: string[]): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [CLI, 'mcp', '-C', root, ...args] }),
  );
  clients.push(client);
  return client;
}

async function call(client: Client, name: string, input: Record<string, unknown> = {}) {
  const { content, isError } = await client.callTool({ name, arguments: input });
  const texts = (content as { text: string }[]).map(({ text }) => text);
  return { isError: isError ?? false, texts, json: () => JSON.parse(texts[0] ?? '') };
}

const FILES: Record<string, string> = {
  ...copiedByCi('s3cret-pw'),
  'app.py': 'import psycopg\npsycopg.connect("").execute("SET ROLE x")\n',
};

test('an agent plans, answers the question that is left, applies and takes it back', async () => {
  const root = makeRepository(FILES);
  const client = await connect(root, '--write');
  expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual([
    'answer',
    'apply',
    'audit',
    'explain',
    'plan',
    'size',
    'undo',
    'verify',
  ]);
  const plan = (await call(client, 'plan')).json();
  const [asked] = plan.sites.filter((site: { question?: object }) => site.question);
  expect(asked.question.answers.map(({ id }: { id: string }) => id)).toContain('pooled');
  const left = (await call(client, 'answer', { answers: { [asked.id]: 'pooled' } })).json();
  expect(left).toEqual({ questionsLeft: [] });
  expect((await call(client, 'explain', { id: 'read-by-ci' })).texts[0]).toContain('read-by-ci');
  const applied = await call(client, 'apply');
  expect(applied).toMatchObject({ isError: false });
  expect(applied.texts.join()).toContain('Take it back with');
  expect(readFileSync(join(root, 'dev.env'), 'utf8')).toContain('@pgbouncer:6432/d');
  expect((await call(client, 'undo')).isError).toBe(false);
  expect(readFileSync(join(root, 'dev.env'), 'utf8')).toBe(FILES['dev.env']);
});

test('started without --write it reads only, shows no password, and refuses what is no answer', async () => {
  const root = makeRepository(FILES);
  const client = await connect(root);
  for (const name of ['apply', 'undo'])
    expect(await call(client, name)).toMatchObject({
      isError: true,
      texts: [expect.stringContaining('--write'), expect.anything()],
    });
  const audit = await call(client, 'audit');
  expect(audit.json().hazards.map(({ rule }: { rule: string }) => rule)).toContain('set-role');
  const shown = [await call(client, 'plan'), audit, await call(client, 'size')].flatMap(({ texts }) => texts).join();
  expect(shown).not.toContain('s3cret');
  expect((await call(client, 'answer', { answers: { nonsense: 'pooled' } })).isError).toBe(true);
  expect(readFileSync(join(root, 'dev.env'), 'utf8')).toBe(FILES['dev.env']);
});
