import { EXIT, exitCodeOf, messageOf } from '../errors.js';
import { SCHEMA_VERSION } from '../records/schema.js';
import type { WrittenRecord } from '../records/write.js';
import { environmentNotes, type SuiteContext } from './context.js';
import { describeSubject } from './describe.js';
import type { SuiteFailure, SuiteReport } from './report.js';
import type { SubjectRef } from './subject.js';

/**
 * Counts every subject and records it. Counts are exact and the same everywhere, so they need neither a child process
 * nor a quiet machine. One subject that cannot be counted does not stop the others.
 */
export async function measureCost(subjects: readonly SubjectRef[], options: { layers: boolean }, context: SuiteContext): Promise<SuiteReport> {
  const written: WrittenRecord[] = [];
  const failures: SuiteFailure[] = [];
  const load = await context.readLoad();
  const environment = await context.describeEnvironment({ before: load, after: load });
  context.emit({ type: 'start', task: 'cost', label: 'cost', total: subjects.length });
  for (const [index, ref] of subjects.entries()) {
    if (context.signal.aborted) break;
    try {
      const { subject, input, cost } = await describeSubject(ref, options);
      written.push(await context.write({
        schema: SCHEMA_VERSION, kind: 'cost', status: 'ok', created: context.now().toISOString(), tier: context.tier,
        subject, input, cost, environment: { ...environment, noisy: false }, provenance: context.provenance,
        // A busy machine changes no count.
        notes: environmentNotes(environment).filter((note) => note !== 'noisy-machine'),
      }));
    } catch (error) {
      // A full disk is no property of the model: stop.
      if (exitCodeOf(error) === EXIT.environment) throw error;
      failures.push({ subject: ref.name, status: 'failed', message: messageOf(error) });
    }
    context.emit({ type: 'advance', task: 'cost', done: index + 1, detail: ref.name });
    // Counting is synchronous: let signals and the progress view have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rest = failures.length === 0 ? '' : `, ${failures.length} failed`;
  context.emit({ type: 'end', task: 'cost', outcome: `${written.length} models counted${rest}` });
  return { written, failures };
}
