import { CodedError, wayOutOf } from '@switchyard/contracts';
import { CommanderError } from 'commander';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { createProgram } from './program.js';

const isJson = process.argv.includes('--json');

/** Errors that a person can act on are told in two lines; anything else is a defect and keeps its stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok.code : EXIT.usage.code;
  if (error instanceof CodedError) {
    if (isJson)
      process.stdout.write(
        `${JSON.stringify({ ok: false, error: { code: error.code, message: error.message, details: error.details ?? null } })}\n`,
      );
    else process.stderr.write(`${error.code}: ${error.message}\n${wayOutOf(error.code)}\n`);
    return exitCodeOf(error.code);
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.failed.code;
}

// A closed pipe (`switchyard runs logs X | head`) is the reader's decision, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok.code);
});

try {
  const program = await createProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
