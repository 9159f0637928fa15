import type { ProgressEvent, ProgressView } from './protocol.js';

/** Plain lines for logs, pipes and CI: each task's start and end, and in between at most one line every few seconds. */
export function lineView(options: {
  write(line: string): void;
  /** Milliseconds between two lines of one task. */
  every?: number;
  now?(): number;
}): ProgressView {
  const { write, every = 5000, now = () => performance.now() } = options;
  const tasks = new Map<string, { label: string; total: number; said: number }>();
  const emit = (event: ProgressEvent): void => {
    if (event.type === 'note') return write(event.line);
    if (event.type === 'start') {
      tasks.set(event.task, { label: event.label, total: event.total, said: now() });
      return write(`${event.label}: started`);
    }
    const task = tasks.get(event.task);
    // A task that ended before it began (a child that could not load its model) still has an end.
    if (task === undefined) return event.type === 'end' ? write(`${event.task}: ${event.outcome}`) : undefined;
    if (event.type === 'end') {
      tasks.delete(event.task);
      return write(`${task.label}: ${event.outcome}`);
    }
    if (now() - task.said < every) return;
    task.said = now();
    write(`${task.label}: ${share(event.done, task.total)}${event.detail === undefined ? '' : `, ${event.detail}`}`);
  };
  return { emit, close: () => tasks.clear() };
}

/** '42 %' of a total that may be 0. */
function share(done: number, total: number): string {
  return `${total === 0 ? 100 : Math.floor((100 * done) / total)} %`;
}
