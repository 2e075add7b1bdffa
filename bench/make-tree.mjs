/**
 * A repository of a given size that is the same on every machine: one file of a hundred names a Postgres endpoint, as many only look
 * so, and the rest is code, documents and data of about 6 KB. Usage: node bench/make-tree.mjs DIR FILES
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WORDS =
  'account basket bill branch bundle cache charge client column config count cursor delta device draft edge entry event field filter flag frame grant graph group handle header index input item job key label layer limit link list lock log map mark merge meter mode model name node note order owner page pair parse path plan point policy price queue range rank rate reader record region report result route row rule scope score section series session share shift sign slot source stage state stock store stream table task team term test text time token topic trace type unit usage user value vendor view window writer zone'.split(
    ' ',
  );

/** Numbers from 0 to 1 that are the same in every run. Source: Numerical Recipes, the generator `ranqd1`. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const COMPOSE = `services:
  db:
    image: postgres:16
    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: pw, POSTGRES_DB: app }
    ports: ["5433:5432"]
  app:
    build: .
    environment:
      DATABASE_URL: postgres://app:pw@db:5432/app
`;

/** What only looks as if it mattered: other engines, other products, numbers, names. */
const DECOYS = [
  i => [`sql/procedure_${i}.py`, 'SQL = """\nUPDATE t\n   SET amount = 1\n WHERE id = 5\n"""\n'],
  i => [`web/push_${i}.ts`, "export const kind = 'notification';\napp.listen(3000);\n"],
  i => [`web/minified_${i}.js`, 'var Server=exports.Server=function(a){return a};var Host=1;\n'],
  i => [`data/ids_${i}.json`, `{ "ids": [115432, 25432,5432, 154327], "total": 54321, "n": ${i} }\n`],
  i => [`ci/job_${i}.js`, 'module.exports = {\n  variables:\n    1,\n};\n'],
  i => [`deploy/role_${i}.yaml`, 'rules:\n  - name: reader\n    services: none\n'],
  i => [`packages/p${i}/package.json`, `{ "name": "p${i}", "scripts": { "build": "tsc" } }\n`],
  i => [`app/migrations/m${i}.py`, 'class Migration(migrations.Migration):\n    operations = []\n'],
];

const HITS = [
  i => [`app/settings_${i}.py`, 'import os\nURL = os.getenv("DATABASE_URL", "postgres://app:pw@db:5432/app")\n'],
  i => [`app/jobs_${i}.py`, 'def run(cur):\n    cur.execute("SET ROLE reporting")\n'],
  i => [`web/db_${i}.ts`, 'export const url = process.env.DATABASE_URL ?? "postgres://app:pw@db:5432/app";\n'],
  i => [`docs/run_${i}.md`, '# Run\n\n```sh\npsql postgres://app:pw@localhost:5433/app\n```\n'],
];

export function makeTree(root, count, seed = 7) {
  const next = random(seed);
  const pick = list => list[Math.floor(next() * list.length)];
  const sentence = length => Array.from({ length }, () => pick(WORDS)).join(' ');
  const code = {
    py: () =>
      `def ${pick(WORDS)}_${pick(WORDS)}(${pick(WORDS)}):\n    """${sentence(8)}."""\n    return ${pick(WORDS)}.${pick(WORDS)}("${sentence(3)}")\n\n`,
    ts: () =>
      `export function ${pick(WORDS)}(${pick(WORDS)}: string): string {\n  return \`\${${pick(WORDS)}} ${sentence(6)}\`;\n}\n\n`,
    md: () => `## ${sentence(3)}\n\n${sentence(30)}.\n\n`,
    json: () => `{ "${pick(WORDS)}": "${sentence(6)}", "${pick(WORDS)}": ${Math.floor(next() * 1e6)} }\n`,
  };
  const endings = Object.keys(code);
  const write = (path, text) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('compose.yaml', COMPOSE);
  write('README.md', '# Application\n\nRun `docker compose up`.\n');
  const each = Math.floor(count / 100);
  for (let i = 0; i < each; i++) {
    write(...HITS[i % HITS.length](i));
    write(...DECOYS[i % DECOYS.length](i));
  }
  for (let i = 2 + 2 * each; i < count; i++) {
    const ending = endings[i % endings.length];
    let text = '';
    while (text.length < 5800) text += code[ending]();
    write(`src/${pick(WORDS)}/${pick(WORDS)}/${pick(WORDS)}_${i}.${ending}`, text);
  }
  const git = (...args) =>
    spawnSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@example.org', ...args], { cwd: root });
  git('init', '-q');
  git('add', '-A');
  git('-c', 'gc.auto=0', 'commit', '-qm', 'tree');
  git('-c', 'gc.auto=0', 'gc', '-q');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) makeTree(process.argv[2], Number(process.argv[3]));
