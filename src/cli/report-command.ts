/** `report merge FILE-OR-DIR…`: the JSON reports of many repositories as one overview. */
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { z } from 'zod';
import { UsageError } from '../model/errors.ts';
import {
  describeOutcomes,
  type Overview,
  type OverviewRow,
  print,
  type Reporter,
  readReporters,
  readRow,
  sortRows,
  VERSION,
  writeOutput,
} from '../render/index.ts';
import { escapeControls } from '../text/controls.ts';
import type { CliOptions } from './options.ts';

const TITLE = 'Through PgBouncer: many repositories';

/** Exit code 3 where not one report could be read. */
export async function runReport(options: CliOptions): Promise<number> {
  const [action, ...paths] = options.arguments;
  if (action !== 'merge') throw new UsageError('What with the reports? report merge FILE-OR-DIR…');
  if (paths.length === 0)
    throw new UsageError('Which reports? Give files that --reporter json=FILE wrote, or their folder.');
  const reporters = readReporters(options, 'markdown');
  const other = reporters.find(({ name }) => name !== 'json' && name !== 'markdown' && name !== 'html');
  if (other) throw new UsageError(`An overview is json, markdown or html, not ${other.name}.`);
  const found = listReports(paths);
  if (found.length === 0) throw new UsageError(`There is no .json file in ${paths.join(', ')}.`);
  const { mergedSchema } = await import('./report-schema.ts');
  const rows = sortRows(found.map(one => readReport(one, mergedSchema)));
  for (const reporter of reporters) {
    const text = await render(reporter, rows);
    if (reporter.file === null) await print(process.stdout.isTTY ? escapeControls(text) : text);
    else writeOutput(resolve(reporter.file), text, 0o644);
  }
  if (!options.values.quiet) process.stderr.write(`${describeOutcomes(rows)}.\n`);
  return rows.every(({ outcome }) => outcome === 'unreadable') ? 3 : 0;
}

async function render({ name }: Reporter, rows: readonly OverviewRow[]): Promise<string> {
  if (name === 'html') return (await import('../render/overview-html.ts')).renderOverviewHtml(rows, TITLE);
  if (name === 'markdown') return (await import('../render/overview-markdown.ts')).renderOverviewMarkdown(rows, TITLE);
  const overview: Overview = {
    version: 1,
    tool: { name: 'pool-migrate', version: VERSION },
    repositories: [...rows],
  };
  return `${JSON.stringify(overview, null, 2)}\n`;
}

export interface Found {
  /** As the repository is called: the path in the folder that was given, without `.json`. */
  name: string;
  /** As it was given, or below the folder that was. */
  file: string;
}

/** Each file once. Links in a folder are not followed. */
export function listReports(paths: readonly string[]): Found[] {
  const found = new Map<string, Found>();
  for (const path of paths)
    for (const one of isDirectory(path) ? listFolder(path) : [{ name: nameOf(basename(path)), file: path }])
      if (!found.has(resolve(one.file))) found.set(resolve(one.file), one);
  const all = [...found.values()];
  return all.map(one => ({
    ...one,
    name: all.filter(({ name }) => name === one.name).length > 1 ? nameOf(one.file) : one.name,
  }));
}

function listFolder(folder: string): Found[] {
  return readFolder(folder)
    .filter(entry => entry.isFile() && entry.name.endsWith('.json'))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(file => ({ name: nameOf(relative(folder, file)), file }));
}

function readFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    throw new UsageError(`${folder} can't be listed: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

const nameOf = (path: string): string =>
  path
    .split(sep)
    .join('/')
    .replace(/(?<=[^/])\.json$/, '');

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The reason says nothing of the content, which may be anything. */
function readReport(found: Found, schema: z.ZodType<Parameters<typeof readRow>[0]>): OverviewRow {
  const unreadable = (reason: string): OverviewRow => ({ ...found, outcome: 'unreadable', reason });
  let text: string;
  try {
    if (!statSync(found.file).isFile()) return unreadable('it is no regular file');
    text = readFileSync(found.file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return unreadable(code === 'ENOENT' ? 'there is no such file' : `it could not be opened (${code})`);
  }
  if (text.trim() === '') return unreadable('it is empty: the run that should have written it ended before');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable('it is no JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ...found, ...readRow(parsed.data) };
  const [issue] = parsed.error.issues;
  return unreadable(`it is no report of version 1 (${issue?.path.join('.') || 'the whole'}: ${issue?.message})`);
}
