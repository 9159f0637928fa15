import { withoutPaths } from '../process/log.js';
import type { FailureStatus, JobFailure } from '../process/messages.js';
import type { WrittenRecord } from '../records/write.js';

/** One subject that gave no result. */
export interface SuiteFailure {
  readonly subject: string;
  readonly status: FailureStatus | 'diverged' | 'rejected';
  readonly message: string;
}

/** What a suite did: what it wrote, and what went wrong with whom. */
export interface SuiteReport {
  readonly written: readonly WrittenRecord[];
  readonly failures: readonly SuiteFailure[];
}

/** Several reports as one. */
export function joinReports(reports: readonly SuiteReport[]): SuiteReport {
  return { written: reports.flatMap((report) => report.written), failures: reports.flatMap((report) => report.failures) };
}

/** The failure group of a record: texts cut to what the schema takes. */
export function failureGroup({ message, signal, exitCode, log }: JobFailure) {
  return {
    message: withoutPaths(message).slice(0, 2000),
    ...(signal === undefined ? {} : { signal }),
    ...(exitCode === undefined ? {} : { exitCode }),
    log: log.map((line) => line.slice(0, 2000)),
  };
}
