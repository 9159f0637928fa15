/**
 * The one progress protocol: children send these to the parent, and a renderer turns them into bars, lines or
 * nothing. Steps are in the task's own unit (samples, models, epochs); time decides when something is drawn, never steps.
 */
export type ProgressEvent =
  | { readonly type: 'start'; readonly task: string; readonly label: string; readonly total: number }
  | { readonly type: 'advance'; readonly task: string; readonly done: number; readonly detail?: string }
  | { readonly type: 'end'; readonly task: string; readonly outcome: string }
  /** A line for people that belongs to no task. */
  | { readonly type: 'note'; readonly line: string };

/** Where events go. */
export type Emit = (event: ProgressEvent) => void;

/** Shows events to a person. */
export interface ProgressView {
  readonly emit: Emit;
  /** Leaves the terminal as it was; the view is not used after this. */
  close(): void;
}
