/**
 * The child process of a measurement: takes one job, sends events and one result, ends.
 * It ends as well when the parent is gone, so that no orphan keeps the cores busy.
 */
import { exitCodeOf, messageOf } from './errors.js';
import { runJob } from './jobs.js';
import type { ChildMessage, JobMessage } from './process/messages.js';

process.once('disconnect', () => process.exit());

process.once('message', (message) => {
  void work(message as JobMessage).finally(() => {
    if (process.connected) process.disconnect();
  });
});

async function work({ job }: JobMessage): Promise<void> {
  try {
    const result = await runJob(job, (event) => void send({ type: 'event', event }));
    await send({ type: 'result', result });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : messageOf(error)}\n`);
    await send({ type: 'error', message: messageOf(error), exitCode: exitCodeOf(error) });
  }
}

function send(message: ChildMessage): Promise<void> {
  // The parent may be gone; then there is nobody left to tell.
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
