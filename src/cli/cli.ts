#!/usr/bin/env node
import { RefusedError, UsageError } from '../model/errors.ts';
/** Entry point. `--help` and `--version` answer before anything else is loaded. */
import { escapeControls } from '../text/controls.ts';

async function run(): Promise<number> {
  const argv = process.argv.slice(2);
  const isVerbose = argv.includes('--verbose');
  try {
    const { parseOptions } = await import('./options.ts');
    const options = parseOptions(argv);
    if (options.values.help) {
      process.stdout.write((await import('./help.ts')).HELP);
      return 0;
    }
    if (options.values.version) {
      process.stdout.write(`${(await import('../render/version.ts')).VERSION}\n`);
      return 0;
    }
    const { main } = await import('./main.ts');
    return await main(options);
  } catch (error) {
    return explainError(error, isVerbose);
  }
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
