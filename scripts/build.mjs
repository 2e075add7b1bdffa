/** Compiles the rules (validated), then TypeScript, then copies the asset templates beside the compiled code. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

// What was built of the very same files is there.
const STAMP = '.cache/built-from';
const inputs = digestOf([
  'src',
  'codemods',
  'pgbouncer',
  'rules',
  'scripts/build.mjs',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'docs/guides/agents.md',
]);
if (
  existsSync('dist/bin/cli.js') &&
  existsSync('rules/rules.generated.ts') &&
  existsSync(STAMP) &&
  readFileSync(STAMP, 'utf8') === inputs
)
  process.exit(0);

const rules = readRules('rules');
const hazards = readRules('rules/hazards');
const seen = new Set();
for (const { id } of [...rules, ...hazards]) {
  if (seen.has(id)) throw new Error(`rules: ${id} is defined twice`);
  seen.add(id);
}
const normalise = rule => ({
  ...rule,
  when: lists(rule.when),
  ...(rule.not ? { not: lists(rule.not) } : {}),
});
writeFileSync(
  'rules/rules.generated.ts',
  `/** Made by scripts/build.mjs from rules/*.yml. */\nimport type { Rule } from '../src/config/rules.ts';\n\nexport const rules: Rule[] = ${JSON.stringify(rules.map(normalise), null, 2)};\n`,
);
writeFileSync(
  'rules/hazards.generated.ts',
  `/** Made by scripts/build.mjs from rules/hazards/*.yml. */\nimport type { HazardRule } from '../src/routes/hazard-rules.ts';\n\nexport const hazards: HazardRule[] = ${JSON.stringify(hazards.map(normalise), null, 2)};\n`,
);

const images = parse(readFileSync('rules/images.yml', 'utf8'));
writeFileSync(
  'rules/images.generated.ts',
  `/** Made by scripts/build.mjs from rules/images.yml. */\nimport type { KnownImage } from '../src/images/known.ts';\n\nexport const images: KnownImage[] = ${JSON.stringify(
    images.map(({ examples: _, ...image }) => image),
    null,
    2,
  )};\n`,
);

const poolers = parse(readFileSync('rules/poolers.yml', 'utf8'));
writeFileSync(
  'rules/poolers.generated.ts',
  `/** Made by scripts/build.mjs from rules/poolers.yml. */\nimport type { Pooler } from '../src/images/poolers.ts';\n\nexport type PoolerId = ${poolers.map(({ id }) => `'${id}'`).join(' | ')};\n\nexport const poolers: readonly Pooler[] = ${JSON.stringify(poolers, null, 2)};\n`,
);

const templates = Object.fromEntries(
  readdirSync('pgbouncer/templates', { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(path => [relative('pgbouncer/templates', path), readFileSync(path, 'utf8')]),
);
writeFileSync(
  'pgbouncer/templates.generated.ts',
  `/** Made by scripts/build.mjs from pgbouncer/templates. */\nexport const templates: Record<string, string> = ${JSON.stringify(templates, null, 2)};\n`,
);

// Built aside: whoever runs the program meanwhile has the old one.
const next = 'dist.next';
rmSync(next, { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', next], {
  stdio: 'inherit',
});
// The program starts in a third of the time as a few files, loaded when they are needed; the API stays one file a module.
const { metafile } = await build({
  entryPoints: { cli: 'src/cli/cli.ts', 'scan-worker': 'src/discover/scan-worker.ts' },
  outdir: `${next}/bin`,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Its grammar is a WebAssembly file beside its own code.
  external: ['libpg-query', 'ts-morph'],
  // CommonJS packages inside an ES module need a `require` of their own.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
  logLevel: 'error',
  metafile: true,
});
writeFileSync(`${next}/THIRD-PARTY.txt`, listLicences(metafile));
// For assistants that use the package; in the root of this repository the name would speak to those who change it.
copyFileSync('docs/guides/agents.md', `${next}/AGENTS.md`);
const program = `${next}/bin/cli.js`;
const bin = readFileSync(program, 'utf8');
writeFileSync(program, `#!/usr/bin/env node\n${bin.replace('#!/usr/bin/env node\n', '')}`);
chmodSync(program, 0o755);

// The schema needs zod, which the compiled program loads only for files of the user: so the check comes after the compiler.
const { hazardRulesSchema, imagesSchema, poolersSchema, rulesSchema } = await import(
  `../${next}/src/config/rule-schema.js`
);
for (const [schema, list] of [
  [rulesSchema, rules],
  [hazardRulesSchema, hazards],
  [imagesSchema, images],
  [poolersSchema, poolers],
]) {
  const result = schema.safeParse(list);
  if (result.success) continue;
  const issue = result.error.issues[0];
  throw new Error(
    `rules: ${list[issue.path[0]]?.id ?? list[issue.path[0]]?.name}: ${issue.path.slice(1).join('.')}: ${issue.message}`,
  );
}
rmSync('dist', { recursive: true, force: true });
renameSync(next, 'dist');
mkdirSync('.cache', { recursive: true });
writeFileSync(STAMP, inputs);

/** Of all files below the paths, but for those that are made here. */
function digestOf(paths) {
  const hash = createHash('sha256');
  const add = path => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else if (!path.endsWith('.generated.ts')) hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** Rules of a folder, its files in the order of their names. */
function readRules(folder) {
  return readdirSync(folder)
    .filter(name => name.endsWith('.yml') && name !== 'images.yml' && name !== 'poolers.yml')
    .sort()
    .flatMap(name => parse(readFileSync(join(folder, name), 'utf8')));
}

/** One value or a list of them, as in the YAML; numbers become text. */
function lists(condition) {
  return Object.fromEntries(
    Object.entries(condition).map(([name, value]) => [
      name,
      typeof value === 'object' && !Array.isArray(value) ? lists(value) : [value].flat().map(String),
    ]),
  );
}

/** The licences of the packages of which there is code in the program, each under a line `name@version (licence)`. */
function listLicences({ outputs }) {
  const folders = new Set(
    Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
        const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
        return folder && bytesInOutput > 0 ? [folder] : [];
      }),
    ),
  );
  const texts = [...folders].map(folder => {
    const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Copyright ${author?.name ?? author}`;
    return `${name}@${version} (${license})\n\n${text}\n`;
  });
  return texts.sort().join(`\n${'-'.repeat(80)}\n\n`);
}
