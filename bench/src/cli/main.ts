import { CommanderError } from 'commander';
import { CommandError, EXIT, exitCodeOf, messageOf } from '../errors.js';
import { noteLine, printJson, type Io } from './io.js';
import { createProgram, type Session } from './program.js';

/** Exit codes of the signals that end a run. */
const SIGNAL_CODES: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Runs one command line (without node and script) and gives the exit code. Never throws, never ends the process. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const session: Session = { io, exitCode: EXIT.done, argv };
  try {
    await createProgram(session).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    const code = report(error, argv, io);
    return interruptedCode(io) ?? code;
  }
  return interruptedCode(io) ?? session.exitCode;
}

function interruptedCode({ signal }: Io): number | undefined {
  return signal.aborted ? (SIGNAL_CODES[String(signal.reason)] ?? EXIT.failed) : undefined;
}

/** Says what went wrong on stderr, and with `--json` as the one JSON value on stdout as well. */
function report(error: unknown, argv: readonly string[], io: Io): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
  const { message, hint, exitCode } = describe(error);
  if (argv.includes('--json')) printJson(io, { error: { message, ...(hint === undefined ? {} : { hint }), exitCode } });
  if (message !== '') noteLine(io, `convkit: ${message}`);
  if (hint !== undefined) noteLine(io, hint);
  if (argv.includes('--debug') && error instanceof Error) noteLine(io, error.stack ?? error.message);
  return exitCode;
}

function describe(error: unknown): { message: string; hint?: string; exitCode: number } {
  if (error instanceof CommandError) return { message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }), exitCode: error.exitCode };
  if (error instanceof CommanderError) {
    // commander has written the help itself when no subcommand was given.
    if (error.code === 'commander.help') return { message: 'a command must be given', exitCode: EXIT.usage };
    const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
    const hint = rest.join(' ').replace(/[()]/g, '').trim();
    return { message: first, hint: hint === '' ? 'convkit --help lists commands and flags' : hint, exitCode: EXIT.usage };
  }
  return { message: messageOf(error), exitCode: exitCodeOf(error) };
}
