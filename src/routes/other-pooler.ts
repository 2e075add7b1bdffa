/** Hazard rules behind another pooler than PgBouncer: what it bears is none, what it does otherwise is told so, and in its name. */
import { outcomeOf, type Pooler, type PoolerFeature } from '../images/poolers.ts';
import type { NeedKind } from '../model/index.ts';
import { type CompiledHazardRule, type Item, startupNames } from './hazard-rules.ts';

/** What a need asks of the pooler, unless the rule says otherwise (`feature`). */
const FEATURE_OF: Partial<Record<NeedKind, PoolerFeature>> = {
  prepared: 'prepared',
  listen: 'listen',
  'session-lock': 'session-lock',
  'session-state': 'set',
  cursor: 'hold-cursor',
};

/** The rule as it holds behind that pooler; none where it does not. */
export function behind(
  rule: CompiledHazardRule,
  pooler: Pooler,
  enabled: readonly PoolerFeature[],
): CompiledHazardRule[] {
  if (rule.feature === 'own-settings') return [];
  const plain: CompiledHazardRule = {
    ...rule,
    message: inWordsOf(rule.message, pooler),
    fix: inWordsOf(rule.fix, pooler),
    // Nothing can be put into the settings of a pooler that is not generated.
    edit: rule.edit && 'connectQuery' in rule.edit ? undefined : rule.edit,
  };
  if (rule.need === 'startup-parameter' && rule.feature === undefined) return atStart(plain, pooler);
  const feature = rule.feature ?? (rule.need && FEATURE_OF[rule.need]);
  // Of another program's versions these say nothing.
  const lasting = { ...plain, since: undefined, fixedIn: undefined };
  if (feature === undefined || feature === 'none') return [lasting];
  const outcome = outcomeOf(pooler, feature, enabled);
  if (outcome === 'yes') return [];
  if (outcome === 'pins')
    return [
      {
        ...lasting,
        severity: { ...rule.severity, transaction: rule.severity.transaction === 'note' ? 'note' : 'warning' },
        message: `${pooler.name} pins this client: it keeps its server connection until it leaves, and shares it with nobody.`,
        fix: `It works, and costs a connection. To share it: ${plain.fix}`,
      },
    ];
  const support = pooler.supports[feature];
  return typeof support === 'object'
    ? [
        {
          ...lasting,
          fix: `Turn on ${support.setting} in ${pooler.name} and write \`pool: { enabled: [${feature}] }\`. Else: ${plain.fix}`,
        },
      ]
    : [lasting];
}

/** Parameters that it applies are no hazard; those that it drops are lost without a word. */
function atStart(rule: CompiledHazardRule, { name, startup }: Pooler): CompiledHazardRule[] {
  if (startup === undefined) return [rule];
  const { otherwise, applies = [], ignores = [] } = startup;
  if (otherwise === 'applies') return [];
  const harmless = new Set([...applies, ...ignores.filter(one => one === 'extra_float_digits')]);
  const matches: CompiledHazardRule['matches'] = (item: Item, file) => {
    if (!rule.matches(item, file)) return false;
    const names = startupNames(item);
    return names.length === 0 || !names.every(one => harmless.has(one));
  };
  return otherwise === 'refuses'
    ? [{ ...rule, matches }]
    : [
        {
          ...rule,
          matches,
          message: `${name} takes what this client asks for when it connects and drops it, so that the program runs without it and is not told.`,
        },
      ];
}

/** What rules say of PgBouncer's versions and settings, without them. */
const WORDS: [said: RegExp, instead: string][] = [
  [/; 1\.26 takes it and gives it to other clients as well/, ''],
  [/Use PgBouncer [\d.]+(?: or later)?, or /, ''],
  [/,? or use PgBouncer [\d.]+/, ''],
  [/PGBOUNCER_CONNECT_QUERY of the pooler or /, ''],
  [/, or PGBOUNCER_CONNECT_QUERY of the pooler/, ''],
  [/ or connect_query/, ''],
  [/PGBOUNCER_CLIENT_TLS_SSLMODE with a certificate/, 'a certificate'],
  [/; PgBouncer resets connections in session mode itself/, ''],
  [/give RECONNECT on PgBouncer's console, or restart the pooler/, 'restart the pooler'],
  [/PgBouncer before [\d.]+/g, '{name}'],
  [/PgBouncer/g, '{name}'],
];

/** What is left of a sentence begins it; a setting keeps its letters. */
const inWordsOf = (text: string, { name }: Pooler): string =>
  WORDS.reduce((words, [said, instead]) => words.replace(said, instead), text)
    .replace(/^[a-z](?=[a-z]* )/, letter => letter.toUpperCase())
    .replaceAll('{name}', name);
