import type { OnnxValue } from './writer.js';

/** What ops that act otherwise in training ask of the step that they are part of. */
export interface TrainingStep {
  /** The name of a tensor of zeros (share `rate`) and 1 / (1 - rate), drawn anew each step. */
  mask(shape: readonly number[], rate: number): string;
  /** A moving average: after the step `weight` is momentum weight + (1 - momentum) factor batch. */
  average(weight: OnnxValue, batch: string, momentum: number, factor: number): void;
}
