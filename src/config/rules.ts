/** Rules as data: what a rule may ask of a site, and how it is asked. Globs are compiled once, in linear time. */

import type { Action, Need, NeedKind, Process, Safety, Site } from '../model/index.ts';
import { matchGlob } from '../text/glob.ts';
import { unversioned } from '../text/words.ts';

export type Attribute =
  | 'format'
  | 'form'
  | 'role'
  | 'key'
  | 'service'
  | 'image'
  | 'imageRoute'
  | 'need'
  | 'path'
  | 'sibling'
  | 'scheme'
  | 'user'
  | 'database'
  | 'call'
  | 'section'
  | 'param'
  | 'fact'
  | 'resolves';

export const ATTRIBUTES: readonly Attribute[] = [
  'format',
  'form',
  'role',
  'key',
  'service',
  'image',
  'imageRoute',
  'need',
  'path',
  'sibling',
  'scheme',
  'user',
  'database',
  'call',
  'section',
  'param',
  'fact',
  'resolves',
];

/** A command matches where it has one of `word` (words in a row, paths and case ignored, `*` for a part of a word) and, if given, one of `with`. */
export interface CommandCondition {
  word: string[];
  with?: string[] | undefined;
}

export type Condition = Partial<Record<Attribute, string[]>> & { command?: CommandCondition | undefined };

export type Example = string | { text: string; file?: string | undefined };

export interface Rule {
  id: string;
  when: Condition;
  /** The rule does not match where any of these does. */
  not?: Condition | undefined;
  then: Action;
  safety?: Safety | undefined;
  /** What the process needs that the rule is about. With `pooled`: only a pool in session mode bears it. */
  needs?: NeedKind | undefined;
  reason: string;
  source?: string | undefined;
  examples: { match?: Example | undefined; noMatch?: Example | undefined }[];
}

export interface CompiledRule extends Rule {
  matches(site: Site, use: Process | null): boolean;
}

export function compileRule(rule: Rule): CompiledRule {
  const when = compileCondition(rule.when, 'every');
  const not = rule.not ? compileCondition(rule.not, 'some') : () => false;
  return { ...rule, matches: (site, use) => when(site, use) && !not(site, use) };
}

type Test = (site: Site, use: Process | null) => boolean;

function compileCondition(condition: Condition, mode: 'every' | 'some'): Test {
  const quick: Test[] = [];
  const slow: Test[] = [];
  for (const attribute of ATTRIBUTES) {
    const patterns = condition[attribute];
    if (!patterns) continue;
    const isGlob = (pattern: string) => /[*?{]/.test(pattern);
    const words = new Set(patterns.filter(pattern => !isGlob(pattern)).map(word => word.toLowerCase()));
    const globs = patterns.filter(isGlob).map(matchGlob);
    (globs.length > 0 ? slow : quick).push((site, use) =>
      valuesOf(site, use, attribute).some(
        value => words.has(value.toLowerCase()) || globs.some(matches => matches(value)),
      ),
    );
  }
  const { command } = condition;
  if (command) slow.push((_, use) => use !== null && matchesCommand(command, use.words));
  const tests = [...quick, ...slow];
  return mode === 'every'
    ? (site, use) => tests.every(test => test(site, use))
    : (site, use) => tests.some(test => test(site, use));
}

function valuesOf(site: Site, use: Process | null, attribute: Attribute): string[] {
  const present = (value: string | null | undefined): string[] => (value ? [value] : []);
  switch (attribute) {
    case 'path':
      return [site.file];
    case 'sibling':
      return [...(site.entry?.siblings ?? [])];
    case 'section':
      return [...site.section];
    case 'fact':
      return site.facts;
    case 'param':
      return site.params;
    case 'resolves':
      return [site.resolution.kind];
    case 'service':
      return present(use?.service ?? site.service);
    case 'image':
      return present(use?.image);
    case 'imageRoute':
      return present(use?.imageRoute);
    case 'need':
      return (use?.needs ?? []).map(({ kind }) => kind);
    case 'format':
      return [site.format];
    case 'form':
      return [site.form];
    case 'role':
      return [site.role];
    default:
      return present(site[attribute]);
  }
}

export function matchesCommand(condition: CommandCondition, words: readonly string[]): boolean {
  const known = answers.get(words) ?? new Map<CommandCondition, boolean>();
  answers.set(words, known);
  const answer = known.get(condition) ?? hasWords(condition, words);
  known.set(condition, answer);
  return answer;
}

/** One process is asked about by every place that it gets. */
const answers = new WeakMap<readonly string[], Map<CommandCondition, boolean>>();

function hasWords(condition: CommandCondition, words: readonly string[]): boolean {
  const text = normalise(words);
  const has = (phrase: string) =>
    phrase.includes('*') ? wildcard(phrase).test(text) : text.includes(` ${phrase.toLowerCase()} `);
  return condition.word.some(has) && (!condition.with || condition.with.some(has));
}

const wildcards = new Map<string, RegExp>();

/** `*` stands for any part of one word. */
function wildcard(phrase: string): RegExp {
  const known = wildcards.get(phrase);
  if (known) return known;
  const parts = phrase.toLowerCase().split('*');
  const pattern = new RegExp(` ${parts.map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[^ ]*')} `);
  wildcards.set(phrase, pattern);
  return pattern;
}

/** Words in lower case without directories, quotes and separators: `/app/manage.py migrate;` → ` manage.py migrate `. */
function normalise(words: readonly string[]): string {
  const known = normalised.get(words);
  if (known !== undefined) return known;
  const parts = words
    .flatMap(word => word.split(/\s+/))
    .map(word => word.replace(/^["'`(]+|["'`);]+$/g, ''))
    .map(word => (word.includes('://') ? word : unversioned(word.slice(word.lastIndexOf('/') + 1))))
    .flatMap(word => (/^--?[\w-]+=/.test(word) ? [word.slice(0, word.indexOf('=')), word] : [word]));
  const text = ` ${parts.join(' ').toLowerCase()} `;
  normalised.set(words, text);
  return text;
}

/** Every rule asks for the same words. */
const normalised = new WeakMap<readonly string[], string>();

/** The command for a person: plain words only, so that nothing secret can be among them. */
export function describeCommand(words: readonly string[]): string {
  const plain = words
    .flatMap(word => word.split(/\s+/))
    .map(word => word.replace(/^["']|["';]$/g, ''))
    .map((word, i, all) =>
      /^(?:[A-Za-z.][\w./-]*(?::[a-z]+)?|--?[A-Za-z][\w-]*|&&|\|\||[<|])$/.test(word) &&
      !/^-{1,2}p/.test(all[i - 1] ?? '')
        ? word
        : '…',
    )
    .filter((word, i, all) => word !== '…' || all[i - 1] !== '…');
  const shown = plain.slice(0, 8);
  return (shown.every(word => word === '…') ? [] : shown).join(' ');
}

/** Fills `{key}`, `{service}`, `{host}`, `{command}`, `{need}` of a reason. */
export function fillReason(rule: Rule, site: Site, use: Process | null): string {
  const host = site.host?.value ?? site.resolution.kind;
  const command = describeCommand(use?.words ?? []);
  return rule.reason
    .replace(/\{key\}/g, site.key ?? 'the value')
    .replace(/\{service\}/g, use?.service ?? site.service ?? 'a service')
    .replace(/\{host\}/g, host)
    .replace(/\{image\}/g, use?.image ?? 'The image')
    .replace(/\{command\}/g, command)
    .replace(/\{need\}/g, use ? describeNeeds(use.needs) : '');
}

/** `listen-notify at worker.py:12`: once for each kind. */
export const describeNeeds = (needs: readonly Need[]): string =>
  needs
    .filter((need, i) => needs.findIndex(other => other.what === need.what) === i)
    .slice(0, 3)
    .map(({ what, place }) => `${what} at ${place.file}:${place.line}`)
    .join(', ');
