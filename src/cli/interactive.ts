/** `--interactive`: questions are answered first, then each decision is shown with its reason and asked about, and what was chosen is applied. */
import { createInterface } from 'node:readline/promises';
import pc from 'picocolors';
import { applyPlan } from '../apply/index.ts';
import { recordAnswer } from '../config/record-answer.ts';
import { UsageError } from '../model/errors.ts';
import type { Mend, Question, Site, Span } from '../model/index.ts';
import type { Plan } from '../plan/index.ts';
import { describeProcess, maskSecrets, placeOf, startProgress, wantsColor } from '../render/index.ts';
import { planMigration } from '../run/index.ts';
import { escapeControls } from '../text/controls.ts';
import { lineAt, lineStartOf } from '../text/lines.ts';
import { mendUnit } from '../wire/index.ts';
import type { CliOptions } from './options.ts';
import { toPlanOptions } from './plan-options.ts';

const HELP = `y  edit this
n  leave this
a  edit this and all that follow
d  leave this and all that follow
e  edit the target: another host and port of the pooler, which the configuration keeps; then all is asked again
q  stop here: what was accepted is written
?  this help
Ctrl-C ends without writing anything.
`;

interface Unit {
  id: string;
  title: string;
  /** What is seen to use the value. */
  evidence: string[];
  lines: string[];
}

export async function runInteractive(options: CliOptions): Promise<number> {
  const { values } = options;
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new UsageError('--interactive needs a terminal; elsewhere review with --dry-run and apply with --write.');
  const stop = startProgress(values);
  const planOptions = { ...toPlanOptions(options), unsafe: true };
  const color = wantsColor(values.color, process.stdout);
  const first = await planMigration(planOptions).finally(stop);
  // An answer can settle other questions, and make further edits.
  const answers = values['no-config'] ? [] : await askQuestions(first, color);
  if (answers === null) {
    process.stderr.write('Nothing was written.\n');
    return 0;
  }
  const record = (lines: string) => {
    const path = recordAnswer(values.cwd ?? '.', values.config, lines);
    process.stderr.write(path === null ? `Put into the configuration: ${lines}\n` : `Recorded in ${path}: ${lines}\n`);
    return path !== null;
  };
  for (const lines of answers) record(lines);
  let plan = answers.length > 0 ? await planMigration(planOptions) : first;
  let choice = await ask(listUnits(plan), color);
  let isRecorded = answers.length > 0;
  while (choice?.target) {
    const { host, port } = choice.target;
    if (values['no-config'] || !record(`pool: { host: ${JSON.stringify(host)}, port: ${port} }`)) break;
    isRecorded = true;
    plan = await planMigration(planOptions);
    choice = await ask(listUnits(plan), color);
  }
  const nothing = isRecorded ? 'Nothing else was written.\n' : 'Nothing was written.\n';
  const chosen = choice?.chosen ?? null;
  if (chosen === null) {
    process.stderr.write(nothing);
    return 0;
  }
  const result = chosen.size > 0 ? await planMigration({ ...planOptions, only: chosen }) : null;
  const applied = result && applyPlan(result, { force: values.force ?? false });
  const where = values.cwd ? ` -C ${values.cwd}` : '';
  process.stderr.write(
    applied
      ? `Wrote ${applied.files.length} files (run ${applied.run}). Take it back with: npx pool-migrate${where} undo\n`
      : nothing,
  );
  const left = plan.sites.filter(({ action }) => action === 'review').length;
  if (left > 0)
    process.stderr.write(
      `${left === 1 ? '1 place is' : `${left} places are`} left for you to look at: npx pool-migrate${where} names them, with the reasons.\n`,
    );
  for (const { file, reason } of result?.refused ?? []) process.stderr.write(`Refused: ${file}: ${reason}\n`);
  return (result?.refused.length ?? 0) > 0 ? 3 : 0;
}

/** The places of each question, with the line that it is about. */
function listQuestions({ sites, texts }: Plan): { question: Question; reason: string; lines: string[] }[] {
  const found = new Map<string, { question: Question; reason: string; lines: string[] }>();
  const lineOf = ({ file, span }: Site) => {
    const text = texts.get(file) ?? '';
    const line = lineAt(text, span.start);
    return `${file}:${line}  ${maskSecrets(text).split('\n')[line - 1]?.trim() ?? ''}`;
  };
  for (const site of sites) {
    if (!site.question) continue;
    const known = found.get(site.question.text) ?? { question: site.question, reason: site.reason, lines: [] };
    found.set(site.question.text, known);
    known.lines.push(lineOf(site));
  }
  return [...found.values()];
}

/** Lines for the configuration; null where the person stopped. */
async function askQuestions(plan: Plan, color: boolean): Promise<string[] | null> {
  const questions = listQuestions(plan);
  if (questions.length === 0) return [];
  const c = pc.createColors(color);
  return atTerminal(async prompt => {
    const answers: string[] = [];
    for (let i = 0; i < questions.length; ) {
      const { question, reason, lines } = questions[i] as (typeof questions)[number];
      process.stdout.write(
        `\n${c.bold(wrapped(question.text))}\n${wrapped(reason)}\n${lines.map(line => `  ${escapeControls(line)}\n`).join('')}`,
      );
      const choices = question.answers.map(({ says }, at) => `${wrapped(`${at + 1}  ${says}`, '   ')}\n`);
      process.stdout.write(`${choices.join('')}s  leave the question open\nq  ask no more questions\n`);
      const answer = await prompt(`(question ${i + 1}/${questions.length}) Which? `);
      if (answer === null) return null;
      if (answer === 'q') break;
      const chosen = question.answers[Number(answer) - 1];
      if (chosen?.config) answers.push(chosen.config);
      if (chosen || answer === 's') i++;
    }
    return answers;
  });
}

/** `prompt` gives what was typed; `q` where the input ended, null where the person wants none of it. */
async function atTerminal<T>(ask: (prompt: (text: string) => Promise<string | null>) => Promise<T>): Promise<T> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const broken = new Promise<null>(done => terminal.once('SIGINT', () => done(null)));
  const stopped = new Promise<'q'>(done => terminal.once('close', () => done('q')));
  try {
    return await ask(async text => {
      const typed = await Promise.race([terminal.question(text), broken, stopped]);
      return typed === null ? null : typed.trim().toLowerCase();
    });
  } finally {
    terminal.close();
  }
}

/** Words in lines no longer than the terminal is wide; what follows the first line is indented. */
function wrapped(text: string, indent = ''): string {
  const width = Math.max(20, process.stdout.columns || 80);
  const lines: string[] = [];
  let line = '';
  for (const word of escapeControls(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** Decisions first, in the order of their places, then what mends a hazard. */
function listUnits(plan: Plan): Unit[] {
  const units = new Map<string, Unit>();
  for (const { decision, action, file, span, text, replacement, safety, reason, uses, mends } of plan.sites) {
    if (action !== 'pooled') continue;
    const unit = units.get(decision) ?? { id: decision, title: `${safety}: ${reason}`, evidence: [], lines: [] };
    units.set(decision, unit);
    for (const use of uses.filter(({ service, words }) => service !== null || words.length > 0)) {
      const seen = describeProcess(use);
      if (!unit.evidence.includes(seen)) unit.evidence.push(seen);
    }
    if (replacement !== null && replacement !== text)
      unit.lines.push(placeOf({ file, span }, plan), ...hunkOf(plan.texts.get(file) ?? '', span, replacement));
    for (const need of mends) unit.lines.push(...mendLines(need.place.file, need.mend, plan));
  }
  for (const finding of plan.hazards) {
    if (!finding.mend || finding.isMended || finding.severity === 'note') continue;
    units.set(mendUnit(finding), {
      id: mendUnit(finding),
      title: `${finding.rule}: ${finding.message}`,
      evidence: [],
      lines: mendLines(finding.file, finding.mend, plan),
    });
  }
  return [...units.values()].filter(({ lines }) => lines.length > 0);
}

const mendLines = (file: string, mend: Mend | undefined, plan: Plan): string[] =>
  (mend?.edits ?? []).map(
    ({ span, text }) => `${placeOf({ file, span }, plan)}  ${text.trim() === '' ? 'removed' : `+ ${text.trim()}`}`,
  );

/** The line as it is and as it will be. */
function hunkOf(text: string, { start, end }: Span, replacement: string): string[] {
  const from = lineStartOf(text, start);
  const newline = text.indexOf('\n', end);
  const to = newline === -1 ? text.length : newline;
  const show = (sign: string, lines: string) => `${sign} ${maskSecrets(lines).trim()}`;
  return [show('-', text.slice(from, to)), show('+', text.slice(from, start) + replacement + text.slice(end, to))];
}

function describeEvidence(evidence: readonly string[]): string {
  if (evidence.length === 0) return '';
  const more = evidence.length > 3 ? ` and ${evidence.length - 3} more` : '';
  return `${wrapped(`Seen: ${evidence.slice(0, 3).join('; ')}${more}`, '  ')}\n`;
}

interface Choice {
  /** The ids of the units to edit. */
  chosen: Set<string>;
  /** Where the pooler is instead: what was chosen for the other place is void. */
  target: { host: string; port: string } | null;
}

/** Null where the person stopped. */
async function ask(units: readonly Unit[], color: boolean): Promise<Choice | null> {
  const c = pc.createColors(color);
  return atTerminal(async prompt => {
    const chosen = new Set<string>();
    for (let i = 0; i < units.length; ) {
      const { id, title, evidence, lines } = units[i] as Unit;
      const tint = (line: string) =>
        line.startsWith('- ') ? c.red(line) : line.startsWith('+ ') ? c.green(line) : line;
      process.stdout.write(
        `\n${c.bold(wrapped(title))}\n${lines.map(line => `  ${tint(escapeControls(line))}\n`).join('')}${describeEvidence(evidence)}`,
      );
      const answer = await prompt(`(${i + 1}/${units.length}) Edit this [y,n,a,d,e,q,?]? `);
      if (answer === null) return null;
      if (answer === 'e') {
        const typed = await prompt('Host and port of the pooler, such as pgbouncer:6432: ');
        const [, host, port] = /^([A-Za-z0-9][\w.-]*):(\d{1,5})$/.exec(typed ?? '') ?? [];
        if (host && port) return { chosen: new Set(), target: { host, port } };
        process.stdout.write('That is no host with a port.\n');
        continue;
      }
      if (answer === 'q') break;
      if (answer === 'a') for (const unit of units.slice(i)) chosen.add(unit.id);
      if (answer === 'a' || answer === 'd') break;
      if (answer === 'y') chosen.add(id);
      if (answer === 'y' || answer === 'n') i++;
      else process.stdout.write(HELP);
    }
    return { chosen, target: null };
  });
}
