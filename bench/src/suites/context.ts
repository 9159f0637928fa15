import type { Environment, LoadReading } from '../environment.js';
import type { RunJob } from '../process/messages.js';
import type { Emit } from '../progress/protocol.js';
import type { RecordDraft } from '../records/schema.js';
import type { WrittenRecord } from '../records/write.js';

/** What every suite needs from the command that runs it. */
export interface SuiteContext {
  readonly emit: Emit;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly runJob: RunJob;
  /** Stores a finished record at once, so that an interruption loses nothing. */
  write(draft: RecordDraft): Promise<WrittenRecord>;
  readonly readLoad: () => Promise<LoadReading>;
  readonly describeEnvironment: (options: {
    before: LoadReading;
    after: LoadReading;
    tfjs?: string | undefined;
    flags?: Environment['flags'];
  }) => Promise<Environment>;
  /** Now, for the record's date. */
  readonly now: () => Date;
  readonly provenance: RecordDraft['provenance'];
  readonly tier: RecordDraft['tier'];
}

/** The notes that follow from the environment. */
export function environmentNotes(environment: Environment): string[] {
  return [...(environment.noisy ? ['noisy-machine'] : []), ...(environment.dirty === true ? ['dirty-tree'] : [])];
}
