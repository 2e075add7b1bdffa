/** Python: a line that records what an engine expects, and the opt-in bypass of scripts and smoke tests. */

import { isElsewhere } from '../config/pool-kind.ts';
import type { Site } from '../model/index.ts';
import { BYPASS_NOTE } from '../text/marked-sections.ts';
import type { EditState } from './state.ts';

const TESTS =
  /(?:^|\/)(?:tests?|alembic|migrations|backups?)\/|(?:^|\/)(?:test_[^/]*|conftest|[^/]*(?:backup|migrat)[^/]*)\.py$/;

export function insertIntoCode(state: EditState): void {
  if (state.config.annotations && !isElsewhere(state.config.pool))
    for (const path of state.sources.keys()) annotateEngines(path, state);
  for (const site of state.pooled) addBypass(site, state);
}

/** E.g.: `engine = create_engine(url)` → the same line with `# PgBouncer: …` above it. */
function annotateEngines(path: string, state: EditState): void {
  const source = state.sources.get(path);
  const { engines = [], poolSizes = [] } = state.extractions.get(path)?.facts ?? {};
  if (!source || TESTS.test(path) || state.refused.has(path) || source.text.includes('# PgBouncer:')) return;
  const { suffix } = state.config.direct;
  const texts = {
    sqlalchemy: `# PgBouncer: pooled by default, direct through *${suffix}; client connections = processes x (pool_size + max_overflow).`,
    celery: `# PgBouncer: the result backend is pooled by default, direct through *${suffix}; keep its pool_size low, the pooler multiplexes.`,
  };
  // One line for a file: the next engine is no other story.
  const notes = [
    ...engines.slice(0, 1).map(({ at, indent, kind }) => ({ at, indent, text: texts[kind] })),
    ...poolSizes.slice(0, 1).map(({ at, indent, key }) => ({
      at,
      indent,
      text: `# PgBouncer: ${key} should stay low, the pooler multiplexes; client connections = processes x (pool_size + max_overflow).`,
    })),
  ];
  for (const { at, indent, text } of notes)
    state.edits.push({
      file: path,
      span: { start: at, end: at },
      text: `${indent}${text}${source.newline}`,
      unit: `annotate:${path}:${at}`,
      safety: 'safe',
    });
}

/**
 * After `NAME = os.getenv(KEY, default)` in a script: direct only when the bypass variable is set to a true value.
 * Without an import that is known to be there, nothing is inserted.
 */
function addBypass(site: Site, state: EditState): void {
  if (site.role !== 'fallback' || site.form !== 'url' || !site.facts.includes('smoke-test') || site.format !== 'python')
    return;
  const source = state.sources.get(site.file);
  const bypass = state.extractions.get(site.file)?.facts.bypasses.find(candidate => candidate.site === site.span.start);
  const { suffix, bypass: variable } = state.config.direct;
  const reader = /^(os\.)?(getenv|environ\.get)$/.exec(site.call ?? '');
  if (!source || !bypass || !reader || source.text.includes(variable)) return;
  const read = `${reader[1] ?? ''}${reader[2]}`;
  const { indent, target, key, at, fallback } = bypass;
  const lines = [
    `# ${variable}=1 ${BYPASS_NOTE} ${key}${suffix} alone changes nothing.`,
    `if ${read}("${variable}", "").lower() in ("1", "true", "yes", "on"):`,
    `${indentUnit(source.text)}${target} = ${read}("${key}${suffix}", ${source.text.slice(fallback.start, fallback.end)})`,
  ];
  const text = lines.map(line => source.newline + indent + line).join('');
  state.edits.push({ file: site.file, span: { start: at, end: at }, text, unit: site.decision, safety: site.safety });
}

/** The file's own unit: that of its first indented line. */
const indentUnit = (text: string): string =>
  /^([ \t]+)\S/m.exec(text.replace(/"""[\s\S]*?"""/g, ''))?.[1]?.replace(/^( {8,})$/, '    ') ?? '    ';
