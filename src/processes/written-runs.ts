/** Commands that people and jobs run: inside a service (`docker compose exec web …`), or on the machine itself. */

import { isCiPath } from '../../codemods/paths.ts';
import { dropWords, type PlacedCommand, type PlacedWord } from '../../codemods/placed-shell.ts';
import { placeWrittenCommands } from '../../codemods/written-commands.ts';
import type { Assigned, Step } from '../model/index.ts';
import { toSource } from '../text/mapped-text.ts';
import { markedSections } from '../text/marked-sections.ts';
import { dirOf } from '../text/paths.ts';
import { followCommands } from './follow.ts';
import { hostLayout, type Layout } from './layout.ts';
import type { Shelf } from './shelf.ts';
import type { Start } from './start.ts';

export interface WrittenRun {
  file: string;
  /** Name of the service or the container; null: the machine itself. */
  target: string | null;
  start: Start;
}

/** Services that a command starts by their names: `docker compose up -d db redis`. */
export interface NamedStart {
  file: string;
  /** `start` finds only what was made before, by one of the others. */
  verb: 'up' | 'create' | 'start';
  services: readonly string[];
  /** The end of each name in the file, in the same order; null: it does not stand there as it is. */
  ends: readonly (number | null)[];
  /** The compose file that the command names; null: whichever is found. */
  composeFile: string | null;
}

/** Options of `docker compose run` and `exec`, of `docker exec` and `kubectl exec` that take a value. */
const VALUED =
  /^(?:-e|--env|-u|--user|-w|--workdir|-v|--volume|-p|--publish|--name|--entrypoint|--env-file|-f|--file|--project-name|--profile|--index|--env-from-file)$/;

const MENTIONS =
  /(?:compose|docker|podman)\b[^\n]{0,300}\b(?:run|exec|up|create|start)\b|migrat|alembic|upgrade|prisma|drizzle|knex|sequelize|flyway|liquibase|goose|dbmate|ecto\.|db:|pg_dump|pg_restore/i;

/** `layoutOf`: that of the service that a name means; its files decide what `npm run x` is there. */
export function writtenRuns(
  shelf: Shelf,
  texts: ReadonlyMap<string, string>,
  layoutOf: (target: string) => Layout | null,
): { runs: WrittenRun[]; named: NamedStart[] } {
  const found: WrittenRun[] = [];
  const named: NamedStart[] = [];
  for (const [file, text] of texts) {
    if (!MENTIONS.test(text)) continue;
    const isCi = isCiPath(file);
    const marked = markedSections(text);
    // What the commands before have assigned.
    const assigns: Assigned[] = [];
    for (const command of placeWrittenCommands(file, text)) {
      if (command.words.length === 0)
        assigns.unshift(...command.assignments.filter(({ name }) => !command.unset.includes(name)));
      // What an earlier run tells people to do is no use of its own.
      const at = command.words[0]?.mapped.runs[0]?.from ?? 0;
      if (marked.some(([from, to]) => at > from && at < to)) continue;
      const inside = insideService(command);
      if (inside === OWN_COMMAND) {
        const start = namedStart(file, command);
        if (start) named.push(start);
        continue;
      }
      if (inside) {
        const layout = layoutOf(inside.target) ?? hostLayout('');
        const starts = followCommands([inside.command], {
          shelf,
          layout,
          cwd: layout.workdir ?? layout.home,
          chain: [],
        });
        for (const start of starts)
          found.push({
            file,
            target: inside.target,
            start: { ...start, step: inContainer(start, inside.command, command) },
          });
      } else if (!isCi) {
        const home = file.includes('package.json') || /makefile/i.test(file) ? dirOf(file) : '';
        // What a script or a package starts is read where it stands.
        const own = assigns.filter(({ name }, i) => assigns.findIndex(other => other.name === name) === i);
        const starts = followCommands([command], {
          shelf,
          layout: hostLayout(home),
          cwd: home,
          chain: [],
          assigns: own,
        });
        for (const start of starts) if (start.place.file === file) found.push({ file, target: null, start });
      }
    }
  }
  return { runs: found, named };
}

const VERB = /^(?:up|create|start)$/;

/** Options of `docker compose up` and `start` that take a value. */
const UP_VALUED = /^(?:--(?:wait-timeout|timeout|scale|attach|no-attach|pull|exit-code-from|menu)|-t)$/;

/** What `docker compose up`, `create` or `start` starts: the words that name services, none where all are meant; null: another command. */
export function namedServices(words: readonly string[]): { verb: NamedStart['verb']; names: number[] } | null {
  const at = words.findIndex((word, i) => VERB.test(word) && !VALUED.test(words[i - 1] ?? ''));
  if (at === -1 || !words.slice(0, at).some(word => /compose/i.test(word))) return null;
  const names = words.flatMap((word, i) =>
    i > at && /^\w[\w.-]*$/.test(word) && !UP_VALUED.test(words[i - 1] ?? '') ? [i] : [],
  );
  return { verb: words[at] as NamedStart['verb'], names };
}

function namedStart(file: string, { words }: PlacedCommand): NamedStart | null {
  const texts = words.map(word => word.text);
  const { verb = 'up', names = [] } = namedServices(texts) ?? {};
  const [first] = names;
  if (first === undefined) return null;
  const option = texts.slice(0, first).findIndex(word => /^(?:-f|--file)(?:=|$)/.test(word));
  const composeFile = option === -1 ? null : (texts[option]?.split('=')[1] ?? texts[option + 1] ?? null);
  const endOf = ({ mapped }: PlacedWord): number | null => {
    const last = toSource(mapped, mapped.text.length - 1, mapped.text.length);
    return last.exact ? last.span.end : null;
  };
  const services = names.flatMap(i => words[i] ?? []);
  return { file, verb, services: services.map(({ text }) => text), ends: services.map(endOf), composeFile };
}

/** A step of its own where the program is followed into the repository's files; else the words behind the service. */
function inContainer(start: Start, inner: PlacedCommand, outer: PlacedCommand): Step | null {
  if (start.step && start.step.file !== outer.script.file) return start.step;
  const first = inner.words[0]?.mapped.runs[0]?.from;
  const { span, script } = outer;
  // A shell that the command starts itself reads a text of its own.
  if (start.step && first !== undefined && start.step.at !== first) return start.step.at > first ? start.step : null;
  const { syntax } = script;
  return first === undefined || span === null || syntax === 'argv' || syntax === 'other' || syntax === 'quoted'
    ? null
    : { file: script.file, at: first, end: span.end, syntax: 'exec', within: syntax };
}

/** `docker compose run SERVICE`, `docker compose up SERVICE`: what compose says that it starts, which is read there. */
const OWN_COMMAND = 'own command';

/** The command behind `docker compose exec SERVICE`, `docker compose run SERVICE`, `docker exec CONTAINER`. */
function insideService(command: PlacedCommand): { target: string; command: PlacedCommand } | typeof OWN_COMMAND | null {
  const words = command.words.map(word => word.text);
  // A Makefile may keep it in a variable: `$(DOCKER_COMPOSE) up -d db`.
  const docker = words.findIndex(
    word =>
      /^(?:docker|podman|docker-compose|podman-compose)$/.test(word.slice(word.lastIndexOf('/') + 1)) ||
      /^\$[({]?\w*compose\w*[)}]?$/i.test(word),
  );
  if (docker === -1 || docker > 3) return null;
  const isCompose = /compose/i.test(words[docker] ?? '') || words.slice(docker + 1, docker + 3).includes('compose');
  const verb = words.findIndex(
    (word, i) => i > docker && /^(?:run|exec|up|create|start|restart)$/.test(word) && !VALUED.test(words[i - 1] ?? ''),
  );
  if (isCompose && /^(?:up|create|start|restart)$/.test(words[verb] ?? '')) return OWN_COMMAND;
  if (verb === -1 || (!isCompose && words[verb] !== 'exec')) return null;
  let at = verb + 1;
  while (words[at]?.startsWith('-'))
    at += VALUED.test(words[at] ?? '') || (/^-[a-z]+e$/.test(words[at] ?? '') && words[at] !== '-e') ? 2 : 1;
  const target = words[at];
  if (target === undefined || /[$<{]/.test(target)) return null;
  if (at + 1 >= words.length) return isCompose ? OWN_COMMAND : null;
  return { target, command: { ...dropWords(command, at + 1), span: null, assignments: [] } };
}
