import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rules } from '../rules/rules.generated.ts';
import { testRules } from '../src/cli/rules-test.ts';
import { readConfig, readUserRules } from '../src/config/config.ts';
import { compileRule } from '../src/config/rules.ts';
import { makeRepository, runCli } from './repository.ts';

const ours = rules.map(compileRule);

test('every example of every rule comes out as it says', async () => {
  const { run, failures } = await testRules(ours);
  expect(failures).toEqual([]);
  expect(run).toBeGreaterThan(100);
});

test.each(rules.map(rule => [rule.id, rule] as const))('%s has examples both ways', (_, { examples }) => {
  expect(examples.some(example => example.match !== undefined)).toBe(true);
  expect(examples.some(example => example.noMatch !== undefined)).toBe(true);
});

test('a wrong example fails', async () => {
  const wrong = compileRule({
    id: 'wrong',
    when: { key: ['NEVER'] },
    then: 'direct',
    reason: 'Only to fail in this test.',
    examples: [{ match: { file: '.env.example', text: 'DATABASE_URL=postgres://a@postgres/app' } }],
  });
  expect((await testRules([wrong, ...ours])).failures).toMatchObject([{ rule: 'wrong' }]);
});

const RULE = `- id: our-runner
  when: { command: { word: [schemactl] } }
  then: direct
  reason: Our runner takes session locks.
  examples:
    - match: 'command: schemactl up'
    - noMatch: 'command: uvicorn app:app'
`;
const COMPOSE = `services:
  postgres: { image: "postgres:15" }
  schema:
    image: acme/app
    command: schemactl up
    environment:
      DATABASE_URL: postgres://app:pw@postgres:5432/app
`;

test("a user's rule comes first", () => {
  const files = {
    'docker-compose.yml': COMPOSE,
    'tools/rules.yml': RULE,
    'pool-migrate.yml': 'rules: [tools/rules.yml]\n',
  };
  const root = makeRepository(files);
  const report = JSON.parse(runCli(['-C', root, '--json']).stdout);
  expect(report.sites).toMatchObject([{ action: 'direct', rule: 'our-runner' }]);
  expect(runCli(['-C', root, 'rules', 'test'])).toMatchObject({ code: 0 });
  expect(runCli(['-C', root, 'explain', 'our-runner']).stdout).toContain('session locks');
});

test.each([
  ['unknown attribute', RULE.replace('command:', 'comand:'), /rules\.yml:2:11.*comand/],
  ['no examples', RULE.replace(/ {2}examples:[\s\S]*/, ''), /rules\.yml:1:3.*examples|rules\.yml:1:\d+: 0\.examples/],
  ['unknown action', RULE.replace('direct', 'pool'), /rules\.yml:3:9/],
  ['not YAML', `${RULE}  : : :\n\t- x`, /rules\.yml:\d+:\d+/],
])('%s: an error with its place', (_, text, message) => {
  const root = makeRepository({
    'docker-compose.yml': COMPOSE,
    'rules.yml': text,
    'pool-migrate.yml': 'rules: [rules.yml]\n',
  });
  const result = runCli(['-C', root]);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(message);
});

test('rules are read from inside the repository only', async () => {
  const root = makeRepository({ 'pool-migrate.yml': 'rules: [../x.yml]\n' });
  await expect(readConfig(join(root, 'pool-migrate.yml'))).rejects.toThrow(/pool-migrate\.yml:1:9/);
  await expect(readUserRules(root, ['missing.yml'])).rejects.toThrow(/missing\.yml/);
});
