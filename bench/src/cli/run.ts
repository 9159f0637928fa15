import { randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandError, EXIT, exitCodeOf, messageOf } from '../errors.js';
import { PACKAGE_ROOT, packageVersion } from '../package-root.js';
import type { WrittenRecord } from '../records/write.js';
import type { SuiteContext } from '../suites/context.js';
import type { SuiteReport } from '../suites/report.js';
import { commandLine } from './command-line.js';
import { noteLine, printJson, type Io } from './io.js';
import type { Session } from './program.js';
import { openResultsFolder } from './results-folder.js';

const FAILURES_SHOWN = 8;

/** A measuring run in progress: what the suites need, and how to end it. */
export interface Run {
  readonly context: SuiteContext;
  readonly folder: string;
  /** Ends the progress view; call it before anything is printed. */
  close(): void;
}

/**
 * Opens the results folder, sweeps what killed runs left there, and starts the progress view.
 * Throws before anything is measured when the folder cannot be used.
 */
export async function openRun(session: Session, options: { out?: string | undefined }): Promise<Run> {
  const { io } = session;
  const [{ sweepTemporaries, writeRecord }, environment, { childRunner }, { openProgress }] = await Promise.all([
    import('../records/write.js'), import('../environment.js'), import('../process/child.js'), import('../progress/view.js'),
  ]);
  const folder = await openResultsFolder(options.out, io.cwd);
  const swept = await sweepTemporaries(folder);
  if (swept > 0) noteLine(io, `removed ${swept} unfinished ${swept === 1 ? 'file' : 'files'} of a run that was killed`);
  const view = await openProgress({ stream: io.stderr, env: io.env });
  const inCi = io.env['GITHUB_ACTIONS'] === 'true';
  return {
    folder,
    close: view.close,
    context: {
      emit: view.emit,
      signal: io.signal,
      runJob: io.runJob ?? childRunner(workerEntry()),
      write: async (draft) => {
        try {
          return await writeRecord(folder, draft);
        } catch (error) {
          if (exitCodeOf(error) !== EXIT.environment) throw error;
          throw new CommandError('environment', `a record could not be written to ${shown(folder, io)}: ${messageOf(error)}`, 'the records before it are complete');
        }
      },
      readLoad: environment.readLoad,
      describeEnvironment: environment.describeEnvironment,
      now: () => new Date(),
      tier: inCi ? 'ci' : 'visitor',
      provenance: {
        command: commandLine(session.argv), runner: { name: 'convkit', version: packageVersion() }, session: randomBytes(8).toString('hex'),
        ...(inCi && io.env['GITHUB_RUN_ID'] !== undefined ? { ciRun: io.env['GITHUB_RUN_ID'] } : {}),
      },
    },
  };
}

/** Prints the end of a measuring command: the JSON value or the table, where records are, and what failed. Sets the exit code. */
export function finishRun(session: Session, report: SuiteReport, options: {
  json: boolean;
  folder: string;
  show(written: readonly WrittenRecord[]): void;
}): void {
  const { io } = session;
  const { written, failures } = report;
  if (options.json) printJson(io, { records: written.map(({ record }) => record), failures });
  else if (written.length > 0) options.show(written);
  noteFailures(io, failures);
  noteLine(io, `${written.length} ${written.length === 1 ? 'record' : 'records'} written to ${shown(options.folder, io)}`);
  if (failures.length > 0) session.exitCode = EXIT.failed;
}

/** Says which subjects failed and why, the first few of them. */
export function noteFailures(io: Io, failures: SuiteReport['failures']): void {
  for (const { subject, status, message } of failures.slice(0, FAILURES_SHOWN)) noteLine(io, `convkit: ${subject}: ${status}: ${message}`);
  if (failures.length > FAILURES_SHOWN) noteLine(io, `convkit: and ${failures.length - FAILURES_SHOWN} more (--json lists all)`);
}

/** A folder as a person would name it from here. */
function shown(folder: string, { cwd }: Io): string {
  const path = relative(cwd, folder) || '.';
  return path.startsWith('..') ? folder : path;
}

/** The worker beside the code that runs: the built one, or the source when that is what Node was told to read. */
export function workerEntry(): URL {
  const path = import.meta.url.endsWith('.ts') ? ['src', 'worker.ts'] : ['dist', 'worker.js'];
  return pathToFileURL(join(PACKAGE_ROOT, ...path));
}
