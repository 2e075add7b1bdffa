#!/usr/bin/env node
import { RefusedError, UsageError } from '../model/errors.ts';
/** Entry point. `--help` and `--version` answer before anything else is loaded. */
import { escapeControls } from '../text/controls.ts';
import { HELP } from './help.ts';
import type { CliOptions } from './options.ts';

async function run(): Promise<number> {
  const argv = process.argv.slice(2);
  // What asks for nothing else is answered before anything is loaded.
  if (argv.length === 1 && /^(?:-h|--help)$/.test(argv[0] ?? '')) {
    process.stdout.write(HELP);
    return 0;
  }
  const isVerbose = argv.includes('--verbose');
  try {
    const { parseOptions } = await import('./options.ts');
    const options = parseOptions(argv);
    if (options.values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    if (options.values.version) {
      process.stdout.write(`${(await import('../render/version.ts')).VERSION}\n`);
      return 0;
    }
    const run = async () => (await import('./main.ts')).main(options);
    const request = repeatable(options);
    return await (request ? (await import('../rerun/index.ts')).replay(options.values, request, run) : run());
  } catch (error) {
    return explainError(error, isVerbose);
  }
}

/** All that such a run depends on beside the tree; null where it does more than to tell what it finds there. */
function repeatable({ command, arguments: rest, values }: CliOptions): unknown {
  const isReading = command === 'plan' || command === 'audit' || command === 'size';
  const does = (['write', 'interactive', 'out', 'patch', 'baseline', 'show-secrets', 'no-cache'] as const).some(
    name => values[name] !== undefined,
  );
  if (!isReading || does || values.reporter?.some(name => name.includes('='))) return null;
  const { NO_COLOR, FORCE_COLOR, TERM, CI, POOL_MIGRATE_COUNTERS, POOL_MIGRATE_FILTERS } = process.env;
  if (POOL_MIGRATE_COUNTERS || POOL_MIGRATE_FILTERS) return null;
  return [
    command,
    rest,
    values,
    { NO_COLOR, FORCE_COLOR, TERM, CI },
    [process.stdout, process.stderr].map(one => one.isTTY),
  ];
}

function explainError(error: unknown, isVerbose: boolean): number {
  const known = error instanceof UsageError || error instanceof RefusedError;
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: '' };
  process.stderr.write(`pool-migrate: ${escapeControls(known ? message : `internal error: ${message}`)}\n`);
  if (isVerbose && stack) process.stderr.write(`${stack}\n`);
  else if (!known) process.stderr.write('Nothing was written. Run again with --verbose and report this.\n');
  return error instanceof UsageError ? 2 : error instanceof RefusedError ? 3 : 70;
}

// A reader that closes the pipe early, such as `head`, changes neither the work nor the exit code.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    process.exitCode = 70;
    if (stream === process.stdout) process.stderr.write(`pool-migrate: output failed: ${error.message}\n`);
  });
}
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
const code = await run();
process.exitCode ??= code;
