import type { Emit } from './progress/protocol.js';
import type { AccuracyJob, AccuracyResult } from './suites/accuracy-job.js';
import type { ProbeJob, ProbeResult } from './suites/probe-job.js';
import type { SpeedJob, SpeedResult } from './suites/speed-job.js';

/** Work for one child process. */
export type Job = SpeedJob | AccuracyJob | ProbeJob;

/** What a job gives back. */
export type ResultOf<J extends Job> = J extends SpeedJob ? SpeedResult : J extends AccuracyJob ? AccuracyResult : J extends ProbeJob ? ProbeResult : never;

/** Does the job in this process. */
export async function runJob(job: Job, emit: Emit): Promise<SpeedResult | AccuracyResult | ProbeResult> {
  switch (job.kind) {
    case 'speed':
      return (await import('./suites/speed-job.js')).runSpeedJob(job, emit);
    case 'accuracy':
      return (await import('./suites/accuracy-job.js')).runAccuracyJob(job, emit);
    case 'probe':
      return (await import('./suites/probe-job.js')).runProbeJob(job);
  }
}
