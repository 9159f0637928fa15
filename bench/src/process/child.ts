import { fork, type ChildProcess } from 'node:child_process';
import type { Job, ResultOf } from '../jobs.js';
import type { ChildMessage, FailureStatus, JobFailure, JobMessage, Outcome, RunJob } from './messages.js';
import { lastLines, outOfMemory } from './log.js';

/**
 * Runs each job in a fresh child process that the parent owns: one job in, events and one result out. A child that
 * crashes, hangs or runs out of memory is an outcome, not an exception; abort kills it at once (a signal handler in
 * the child would wait for the batch to end: 9.6 s at batch 64).
 */
export function childRunner(entry: URL): RunJob {
  return (job, options) => {
    if (options.signal.aborted) return Promise.resolve(interrupted(options.signal, []));
    // No flags of the parent's: a debugger's port is taken already.
    const child = fork(entry, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [], serialization: 'advanced' });
    return new Promise((resolve) => new OwnedChild(child, job, options, resolve));
  };
}

type Options = Parameters<RunJob>[1];

/** The parent's side of one child, until it has ended. */
class OwnedChild<J extends Job> {
  readonly #child: ChildProcess;
  readonly #options: Options;
  readonly #log = lastLines();
  readonly #timer: NodeJS.Timeout;
  readonly #abort: () => void;
  readonly #orphan = (): void => void this.#child.kill('SIGKILL');
  #ending: 'timeout' | 'interrupted' | undefined;
  #answer: Exclude<ChildMessage, { type: 'event' }> | undefined;

  constructor(child: ChildProcess, job: J, options: Options, resolve: (outcome: Outcome<ResultOf<J>>) => void) {
    this.#child = child;
    this.#options = options;
    this.#timer = setTimeout(() => this.#end('timeout'), options.timeoutMs);
    this.#abort = () => this.#end('interrupted');
    options.signal.addEventListener('abort', this.#abort, { once: true });
    // However the parent ends, it leaves no child behind.
    process.once('exit', this.#orphan);
    child.stdout?.on('data', this.#log.add);
    child.stderr?.on('data', this.#log.add);
    child.on('message', (message) => this.#receive(message as ChildMessage));
    child.on('error', (error) => this.#log.add(error.message));
    // 'close' comes after the pipes are drained, so the log is complete. It also comes when the fork itself failed.
    child.on('close', (exitCode, signal) => resolve(this.#finish(exitCode, signal)));
    const message: JobMessage = { type: 'job', job };
    // A child that died before it could take the job reports through 'close'.
    child.send(message, () => undefined);
  }

  #receive(message: ChildMessage): void {
    if (message.type === 'event') this.#options.onEvent(message.event);
    else this.#answer = message;
  }

  #end(reason: 'timeout' | 'interrupted'): void {
    this.#ending ??= reason;
    this.#child.kill('SIGKILL');
  }

  #finish(exitCode: number | null, signal: NodeJS.Signals | null): Outcome<ResultOf<J>> {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#abort);
    process.removeListener('exit', this.#orphan);
    const log = this.#log.lines();
    const answer = this.#answer;
    // A result that arrived counts, even if the child was stopped while it closed down.
    if (answer?.type === 'result') return { status: 'ok', result: answer.result as ResultOf<J> };
    if (this.#ending === 'interrupted') return interrupted(this.#options.signal, log);
    if (this.#ending === 'timeout') {
      return failure('timeout', { message: `no result within ${this.#options.timeoutMs / 1000} s`, signal: 'SIGKILL', log });
    }
    if (answer?.type === 'error') {
      return failure(outOfMemory(answer.message) ? 'out of memory' : 'failed', { message: answer.message, exitCode: answer.exitCode, log });
    }
    const ended = signal === null ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signal}`;
    return failure(outOfMemory(log.join('\n')) ? 'out of memory' : 'crashed', {
      message: `the measuring process ended without a result (${ended})`,
      ...(signal === null ? {} : { signal }),
      ...(exitCode === null ? {} : { exitCode }),
      log,
    });
  }
}

function failure(status: FailureStatus, failure: JobFailure): Outcome<never> {
  return { status, failure };
}

function interrupted(signal: AbortSignal, log: readonly string[]): Outcome<never> {
  return failure('interrupted', { message: `interrupted by ${String(signal.reason ?? 'the caller')}`, log });
}
