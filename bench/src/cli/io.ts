import type { RunJob } from '../process/messages.js';

/** Everything a command touches of the process, so that tests can run one in place. */
export interface Io {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted with the signal's name when the user or the system asks to stop. */
  readonly signal: AbortSignal;
  /** How measuring jobs run; default: each in a fresh child process. */
  readonly runJob?: RunJob;
}

/** A stream that is written to, with what is known of the terminal behind it. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Writes a line of results. */
export function printLine(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Writes a line for the person: never to stdout, which holds results only. */
export function noteLine(io: Io, line: string): void {
  io.stderr.write(`${line}\n`);
}

/** Writes the one JSON value of a `--json` run. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
