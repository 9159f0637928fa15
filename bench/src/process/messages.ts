import type { Job, ResultOf } from '../jobs.js';
import type { ProgressEvent } from '../progress/protocol.js';

/** The one message from parent to child. */
export interface JobMessage {
  readonly type: 'job';
  readonly job: Job;
}

/** What a child sends: any number of events, then one result or one error. */
export type ChildMessage =
  | { readonly type: 'event'; readonly event: ProgressEvent }
  | { readonly type: 'result'; readonly result: ResultOf<Job> }
  | { readonly type: 'error'; readonly message: string; readonly exitCode: number };

/** How a job ended when not well. */
export type FailureStatus = 'crashed' | 'timeout' | 'out of memory' | 'interrupted' | 'failed';

/** What is known of a job that ended badly. Paths in it are cut to what is inside the project. */
export interface JobFailure {
  readonly message: string;
  readonly signal?: string;
  readonly exitCode?: number;
  /** The child's last lines. */
  readonly log: readonly string[];
}

/** A job's end: its result, or how it failed. A job never throws into the sweep it belongs to. */
export type Outcome<R> =
  | { readonly status: 'ok'; readonly result: R }
  | { readonly status: FailureStatus; readonly failure: JobFailure };

/** Runs one job apart from the caller. Tests run it in the same process. */
export type RunJob = <J extends Job>(
  job: J,
  options: { onEvent(event: ProgressEvent): void; signal: AbortSignal; timeoutMs: number },
) => Promise<Outcome<ResultOf<J>>>;
