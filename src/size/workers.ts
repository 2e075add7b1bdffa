/** How many processes and threads a command starts. Pure: words in, numbers with their evidence out. */
import { assumed, byDefault, type Place, type Quantity, seen, wholeNumber } from './quantity.ts';

export interface Workers {
  program: string;
  processes: Quantity;
  /** Work that one process does at the same time; null where its connection pool is the only limit (event loops). */
  threads: Quantity | null;
  /** A program beside the workers that asks the database now and then: one connection at a time. */
  isLight?: boolean;
}

/** A variable of the service's environment, as far as the repository says. */
export type Lookup = (name: string) => { text: string; place: Place } | null;

/** Nobody writes the cores of the machine into a repository. */
export const CORES = 4;

interface Reading {
  /** The words after the program. */
  args: readonly string[];
  place: Place;
  variable: Lookup;
}

interface Program {
  name: string;
  /** Base names of the program, or words that stand for it. */
  matches: (words: readonly string[], at: number) => boolean;
  read: (reading: Reading) => Omit<Workers, 'program'>;
}

const named =
  (...names: string[]) =>
  (words: readonly string[], at: number): boolean =>
    names.includes(baseName(words[at] ?? ''));

// In this order: gunicorn can run uvicorn's workers, and celery's subcommands differ.
// Sources: docs.gunicorn.org/en/stable/settings.html, uvicorn.org/settings, puma.io/puma/Puma/DSL.html,
// docs.celeryq.dev/en/stable/reference/cli.html, github.com/sidekiq/sidekiq/wiki/Advanced-Options
const PROGRAMS: Program[] = [
  {
    name: 'gunicorn',
    matches: named('gunicorn'),
    read: reading => {
      const merged = withArguments(reading, 'GUNICORN_CMD_ARGS');
      const kind = option(merged, ['-k', '--worker-class'])?.text ?? 'sync';
      return {
        processes:
          count(merged, ['-w', '--workers'], 'gunicorn') ??
          fromVariable('WEB_CONCURRENCY', reading) ??
          unlessConfigured(1, 'gunicorn starts one worker', ['-c', '--config'], merged),
        threads: /uvicorn|gevent|eventlet|aiohttp|tornado/i.test(kind)
          ? null
          : (count(merged, ['--threads'], 'gunicorn') ??
            byDefault(1, 'a gunicorn worker has one thread', reading.place)),
      };
    },
  },
  {
    name: 'uvicorn',
    matches: (words, at) =>
      named('uvicorn', 'hypercorn', 'granian')(words, at) ||
      (baseName(words[at] ?? '') === 'fastapi' && words[at + 1] === 'run'),
    read: reading => ({
      processes:
        count(reading, ['--workers', '-w'], 'uvicorn') ??
        fromVariable('WEB_CONCURRENCY', reading) ??
        byDefault(1, 'uvicorn starts one process', reading.place),
      threads: null,
    }),
  },
  {
    name: 'celery',
    matches: named('celery'),
    read: readCelery,
  },
  {
    name: 'sidekiq',
    matches: named('sidekiq', 'sidekiqswarm'),
    read: reading => ({
      processes: byDefault(1, 'sidekiq is one process', reading.place),
      threads:
        count(reading, ['-c', '--concurrency'], 'sidekiq') ??
        fromVariable('RAILS_MAX_THREADS', reading) ??
        unlessConfigured(5, 'sidekiq 7 has 5 threads, before it had 10', ['-C', '--config'], reading),
    }),
  },
  {
    name: 'puma',
    matches: (words, at) =>
      named('puma')(words, at) || (baseName(words[at] ?? '') === 'rails' && /^(?:s|server)$/.test(words[at + 1] ?? '')),
    read: reading => {
      const range = option(reading, ['-t', '--threads']);
      const most = wholeNumber(resolve(range?.text.split(':').at(-1), reading.variable));
      return {
        processes:
          count(reading, ['-w', '--workers'], 'puma') ??
          fromVariable('WEB_CONCURRENCY', reading) ??
          assumed(1, 'puma starts one process unless config/puma.rb says more', reading.place),
        threads:
          range && most !== null
            ? seen(most, reading.place, `puma ${range.shown}`)
            : (fromVariable('RAILS_MAX_THREADS', reading) ??
              assumed(5, 'puma has up to 5 threads unless config/puma.rb says more', reading.place)),
      };
    },
  },
  {
    name: 'pm2',
    matches: named('pm2', 'pm2-runtime'),
    read: reading => ({
      processes: count(reading, ['-i', '--instances'], 'pm2') ?? coresOr(reading, ['-i', '--instances'], 'pm2'),
      threads: null,
    }),
  },
  {
    name: 'Django development server',
    matches: (words, at) => baseName(words[at] ?? '') === 'manage.py' && words[at + 1] === 'runserver',
    read: reading => ({
      processes: byDefault(1, 'runserver is one process', reading.place),
      threads: assumed(10, 'runserver starts a thread for each connection, without a limit', reading.place),
    }),
  },
  {
    name: 'node',
    matches: named('node', 'npm', 'yarn', 'pnpm', 'npx', 'bun', 'deno', 'next', 'nest', 'tsx', 'ts-node', 'nodemon'),
    read: ({ place }) => ({
      processes: byDefault(1, 'node is one process; the cluster module would start more', place),
      threads: null,
    }),
  },
  {
    name: 'java',
    matches: named('java'),
    read: ({ place }) => ({ processes: byDefault(1, 'java is one process', place), threads: null }),
  },
  {
    name: 'dotnet',
    matches: named('dotnet'),
    read: ({ place }) => ({ processes: byDefault(1, 'dotnet is one process', place), threads: null }),
  },
  {
    name: 'python',
    matches: (words, at) => /^python[\d.]*$/.test(baseName(words[at] ?? '')) && at === 0,
    read: ({ place }) => ({
      processes: byDefault(1, 'one program that starts no workers by its command', place),
      threads: assumed(1, 'the program is taken to work on one thing at a time', place),
    }),
  },
];

/** Null where no known program is started. `place` is where the command stands. */
export function readWorkers(words: readonly string[], place: Place, variable: Lookup): Workers | null {
  for (const program of PROGRAMS) {
    const at = words.findIndex((_, i) => program.matches(words, i));
    if (at === -1) continue;
    return { program: program.name, ...program.read({ args: words.slice(at + 1), place, variable }) };
  }
  return null;
}

function readCelery(reading: Reading): Omit<Workers, 'program'> {
  const { args, place } = reading;
  const one = byDefault(1, 'one thing at a time', place);
  const command = args.find(word => /^(?:worker|beat|flower|events|shell|inspect|control)$/.test(word));
  if (command !== undefined && command !== 'worker') {
    return { processes: byDefault(1, `celery ${command} is one process`, place), threads: one, isLight: true };
  }
  const pool = option(reading, ['-P', '--pool'])?.text ?? 'prefork';
  const scale = option(reading, ['--autoscale']);
  const most = wholeNumber(resolve(scale?.text.split(',')[0], reading.variable));
  const concurrency =
    scale && most !== null
      ? seen(most, place, `celery ${scale.shown}, its maximum`)
      : (count(reading, ['-c', '--concurrency'], 'celery') ??
        fromVariable('AIRFLOW__CELERY__WORKER_CONCURRENCY', reading) ??
        assumed(CORES, `celery starts as many as the machine has cores, taken to be ${CORES}`, place));
  if (pool === 'solo') return { processes: seen(1, place, 'celery --pool=solo'), threads: one };
  return /^(?:threads|gevent|eventlet)$/.test(pool)
    ? { processes: seen(1, place, `celery --pool=${pool}`), threads: concurrency }
    : { processes: concurrency, threads: byDefault(1, 'a prefork child runs one task at a time', place) };
}

interface Option {
  text: string;
  /** As it is written. E.g.: `--workers 4` */
  shown: string;
}

/** `-w 4`, `-w4`, `--workers 4` and `--workers=4`; the last one counts. */
function option({ args }: Reading, names: readonly string[]): Option | null {
  for (let i = args.length - 1; i >= 0; i--) {
    const word = args[i] ?? '';
    for (const name of names) {
      const next = args[i + 1];
      if (word === name && next !== undefined) return { text: next, shown: `${name} ${next}` };
      if (word.startsWith(`${name}=`)) return { text: word.slice(name.length + 1), shown: word };
      if (/^-\w$/.test(name) && word.startsWith(name) && /^\d+$/.test(word.slice(2)))
        return { text: word.slice(2), shown: word };
    }
  }
  return null;
}

function count(reading: Reading, names: readonly string[], program: string): Quantity | null {
  const found = option(reading, names);
  if (!found) return null;
  const value = wholeNumber(resolve(found.text, reading.variable));
  return value === null ? null : seen(Math.max(1, value), reading.place, `${program} ${found.shown}`);
}

/** The program's default, which a file named on the command line can change. */
function unlessConfigured(value: number, note: string, names: readonly string[], reading: Reading): Quantity {
  const file = option(reading, names)?.text;
  return file === undefined
    ? byDefault(value, note, reading.place)
    : assumed(value, `${note} unless ${file} says more`, reading.place);
}

function coresOr(reading: Reading, names: readonly string[], program: string): Quantity {
  const found = option(reading, names);
  return found
    ? assumed(CORES, `${program} ${found.shown}: as many as the machine has cores, taken to be ${CORES}`, reading.place)
    : byDefault(1, `${program} starts one process`, reading.place);
}

/** Options that a variable holds come before those of the command line. */
function withArguments(reading: Reading, name: string): Reading {
  const words = reading.variable(name)?.text.split(/\s+/) ?? [];
  return { ...reading, args: [...words, ...reading.args] };
}

/** E.g.: `${WORKERS:-4}` → the variable's value, or 4. */
function resolve(text: string | undefined, variable: Lookup): string | null {
  const match = /^\$\{?(\w+)(?::?-(\w*))?\}?$/.exec(text ?? '');
  if (!match) return text ?? null;
  return variable(match[1] ?? '')?.text ?? match[2] ?? null;
}

function fromVariable(name: string, { variable }: Reading): Quantity | null {
  const found = variable(name);
  const value = wholeNumber(found?.text);
  return found && value !== null ? seen(value, found.place, name) : null;
}

const baseName = (word: string): string => word.slice(word.lastIndexOf('/') + 1);
