/** The compose program of this machine: what it says of the files and of the running services. */
import { type Ended, runProgram } from './processes.ts';

export interface Compose {
  /** E.g.: `['docker', 'compose']` */
  program: [string, ...string[]];
  version: string;
  /** Directory of the stack. */
  cwd: string;
  /** Options that select files and profiles. */
  select: string[];
}

const VERSION_MS = 10_000;
const ANSWER_MS = 20_000;

/** The first of `docker compose` and `docker-compose` that answers; a sentence why where none does. */
export async function findCompose(cwd: string, select: string[]): Promise<Compose | string> {
  const programs: Compose['program'][] = [['docker', 'compose'], ['docker-compose']];
  for (const program of programs) {
    const [command, ...rest] = program;
    const { code, stdout } = await runProgram(command, [...rest, 'version', '--short'], {
      cwd,
      milliseconds: VERSION_MS,
    });
    const version = /^v?(\d+\.[\w.+-]+)/.exec(stdout.trim())?.[1];
    if (code !== 0 || version === undefined) continue;
    if (version.startsWith('1.')) return `docker-compose ${version} is too old: it tells nothing as JSON. Install v2.`;
    return { program, version, cwd, select };
  }
  return 'Neither "docker compose" nor docker-compose runs here.';
}

export function callCompose(compose: Compose, args: string[]): Promise<Ended> {
  const [command, ...rest] = compose.program;
  return runProgram(command, [...rest, ...compose.select, ...args], { cwd: compose.cwd, milliseconds: ANSWER_MS });
}

/** Lines of compose's own log as their text. E.g.: `time=… level=warning msg="The \"A\" variable …"` → `The "A" variable …` */
export function readMessages(stderr: string): string[] {
  const lines = stderr.split('\n').map(line => line.trim());
  const texts = lines.map(line => {
    const message = /\bmsg=("(?:[^"\\]|\\.)*"|\S+)/.exec(line)?.[1];
    return message?.startsWith('"') ? message.slice(1, -1).replace(/\\(.)/g, '$1') : (message ?? line);
  });
  return [...new Set(texts.filter(text => text !== '' && !/version.* is obsolete/.test(text)))];
}
