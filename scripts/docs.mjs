/** Builds docs/ as a site: npm run docs. The lists of rules are made here, their pages by VitePress from the rules themselves. */
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { hazards } from '../dist/rules/hazards.generated.js';
import { poolers } from '../dist/rules/poolers.generated.js';
import { rules } from '../dist/rules/rules.generated.js';
import { listOf, poolerTable } from '../docs/.vitepress/pages.mjs';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const lists = [
  [`${docs}rules/list.md`, listOf(rules, 'rules', ({ reason }) => reason)],
  [`${docs}hazard/list.md`, listOf(hazards, 'hazard', ({ message }) => message)],
  [`${docs}guides/poolers-table.md`, poolerTable(poolers)],
];
try {
  for (const [path, text] of lists) writeFileSync(path, `${text}\n`);
  await build(docs, process.argv[2] ? { outDir: process.argv[2] } : {});
} finally {
  for (const [path] of lists) rmSync(path, { force: true });
}
