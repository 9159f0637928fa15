import { MultiBar, type SingleBar } from 'cli-progress';
import type { ProgressEvent, ProgressView } from './protocol.js';

const LABEL_WIDTH = 26;

/** One bar a task on a terminal; a finished task leaves one plain line above the bars. */
export function barView(options: { stream: NodeJS.WritableStream; columns: number; colour: boolean }): ProgressView {
  const { stream, columns } = options;
  // What label, percentage and detail leave of the line; a bar that wraps leaves rubbish behind.
  const barsize = Math.max(5, Math.min(30, columns - LABEL_WIDTH - 36));
  const bars = new MultiBar({
    stream,
    format: '{label} {bar} {percentage}% {detail}',
    barsize,
    barCompleteChar: options.colour ? '\u2588' : '#',
    barIncompleteChar: options.colour ? '\u2591' : '-',
    fps: 10,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    emptyOnZero: true,
    // The command's own signal handling decides what Ctrl-C does.
    gracefulExit: false,
  });
  const tasks = new Map<string, { bar: SingleBar; label: string; total: number }>();
  const line = (text: string): void => {
    bars.log(`${text.slice(0, columns - 1)}\n`);
    bars.update();
  };
  const emit = (event: ProgressEvent): void => {
    if (event.type === 'note') return line(event.line);
    if (event.type === 'start') {
      const label = event.label.slice(0, LABEL_WIDTH).padEnd(LABEL_WIDTH);
      const bar = bars.create(Math.max(1, event.total), 0, { label, detail: '' });
      tasks.set(event.task, { bar, label: event.label, total: Math.max(1, event.total) });
      return;
    }
    const task = tasks.get(event.task);
    // A task that ended before it began (a child that could not load its model) still has an end.
    if (task === undefined) return event.type === 'end' ? line(`${event.task}: ${event.outcome}`) : undefined;
    if (event.type === 'advance') {
      const detail = (event.detail ?? '').slice(0, Math.max(0, columns - LABEL_WIDTH - barsize - 8));
      task.bar.update(Math.min(event.done, task.total), { detail });
      return;
    }
    tasks.delete(event.task);
    bars.remove(task.bar);
    line(`${task.label}: ${event.outcome}`);
  };
  return { emit, close: () => bars.stop() };
}
