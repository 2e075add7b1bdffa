/** Pages of the rules, as Markdown. */
import { stringify } from 'yaml';

const fence = (text, language = '') => {
  const ticks = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${ticks}${language}\n${text.trimEnd()}\n${ticks}\n`;
};
/** Text of a rule begins no tag and no expression of Vue. */
const plain = text => text.replace(/[<{]/g, char => `&#${char.charCodeAt(0)};`);
const exampleOf = example => (typeof example === 'string' ? { file: 'compose.yml', text: example } : example);
const shown = (title, example) => {
  const { file, text } = exampleOf(example);
  return `${title}, in \`${file}\`:\n\n${fence(text)}\n`;
};

export function rulePage(rule) {
  const { id, when, not, then, reason, examples } = rule;
  const cases = examples.flatMap(({ match, noMatch }) => [
    ...(match ? [shown('It matches', match)] : []),
    ...(noMatch ? [shown('It does not match', noMatch)] : []),
  ]);
  return [
    `# ${id}\n`,
    `Decides **${then}**${rule.safety === 'unsafe' ? ', with `--unsafe` only' : ''}. ${plain(reason)}\n`,
    `Rules are asked in their order, and the first that matches wins: \`npx pool-migrate explain ${id}\` prints this one.\n`,
    `## When\n\n${fence(stringify(not ? { when, not } : { when }), 'yaml')}`,
    `## Examples\n\n${cases.join('\n')}`,
  ].join('\n');
}

export function hazardPage(rule) {
  const { id, severity, message, why, fix, source, since, fixedIn, examples } = rule;
  const modes = ['transaction', 'statement', 'session'].map(mode => `| ${mode} | ${severity[mode] ?? 'fine'} |`);
  const versions = [since && `from PgBouncer ${since} on`, fixedIn && `until PgBouncer ${fixedIn}`].filter(Boolean).join(', ');
  return [
    `# ${id}\n`,
    `${plain(message)}${versions ? ` (${versions})` : ''}\n`,
    `| pool mode | |\n|---|---|\n${modes.join('\n')}\n`,
    `**Why**: ${plain(why)}\n`,
    `**What to do**: ${plain(fix)}${rule.goesWithPool ? ' A default run does it.' : rule.edit ? ' `npx pool-migrate --unsafe` does it.' : ''}\n`,
    `Source: <${source}>. What was seen on real servers: [the table](/hazards).\n`,
    `## Examples\n\n${examples.map(({ bad, good }) => [bad && shown('Found', bad), good && shown('Not found', good)].filter(Boolean).join('\n')).join('\n')}`,
  ].join('\n');
}

/** What each pooler bears, as a table and a list of sources. */
export function poolerTable(poolers) {
  const says = support =>
    support === undefined ? '?' : typeof support === 'string' ? support : `${support.gives === 'pins' ? 'pins' : 'yes'}, with \`${support.setting}\``;
  const features = [
    ['prepared', 'prepared statements'],
    ['sql-prepare', 'PREPARE in SQL'],
    ['listen', 'LISTEN'],
    ['session-lock', 'session locks'],
    ['set', 'SET'],
    ['temp-table', 'temporary tables'],
    ['hold-cursor', 'cursors WITH HOLD'],
  ];
  const head = ['`pool.kind`', 'port', ...features.map(([, title]) => title), 'parameters at the start', ''];
  const portsOf = ports =>
    Object.entries(ports)
      .map(([mode, port]) => `${port ?? 'to be given'} (${mode})`)
      .join(', ');
  const startOf = startup => {
    if (startup === undefined) return '?';
    const kept = (startup.applies ?? []).map(name => `\`${name}\``);
    return startup.otherwise + (kept.length > 0 ? `, but applies ${kept.length > 8 ? `${kept.length} names` : kept.join(', ')}` : '');
  };
  const rows = poolers.map(({ id, name, ports, supports, startup, notes, source }) => [
    `\`${id}\``,
    portsOf(ports),
    ...features.map(([feature]) => says(supports[feature])),
    startOf(startup),
    `${plain(notes)} ${source.map((url, i) => `[${i === 0 ? name : i + 1}](${url})`).join(', ')}`,
  ]);
  const line = cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** A list with a link to each. */
export const listOf = (items, folder, textOf) =>
  items.map(item => `- [${item.id}](/${folder}/${item.id}): ${plain(textOf(item))}`).join('\n');
