import { option, readOptions } from '@convkit/core';

/** The share of the highest learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

const steps = option.integer(1);

/** 1, and a factor less after each of the milestones: step decay. */
export function stepSchedule(options: { milestones: readonly number[]; factor?: number }): Schedule {
  const { milestones, factor } = readOptions('stepSchedule', { milestones: option.list(option.integer(0)), factor: option.withDefault(option.number({ above: 0, max: 1 }), 0.1) }, options);
  return (step) => factor ** milestones.filter((milestone) => step >= milestone).length;
}

/** (1 + cos(pi step / steps)) / 2, from 1 to `floor` (Loshchilov and Hutter, arXiv 1608.03983, without restarts). */
export function cosineSchedule(options: { steps: number; floor?: number }): Schedule {
  const { steps: total, floor } = readOptions('cosineSchedule', { steps, floor: option.withDefault(option.number({ min: 0, max: 1 }), 0) }, options);
  return (step) => floor + ((1 - floor) * (1 + Math.cos((Math.PI * Math.min(step, total)) / total))) / 2;
}

/** From 1 to `floor` in a straight line. */
export function linearSchedule(options: { steps: number; floor?: number }): Schedule {
  const { steps: total, floor } = readOptions('linearSchedule', { steps, floor: option.withDefault(option.number({ min: 0, max: 1 }), 0) }, options);
  return (step) => 1 - ((1 - floor) * Math.min(step, total)) / total;
}

/** From 1 / steps to 1 over the first steps, then what follows, counted from there. */
export function warmUp(options: { steps: number; then: Schedule }): Schedule {
  const { steps: total, then } = readOptions('warmUp', { steps, then: option.function<Schedule>() }, options);
  return (step) => (step < total ? (step + 1) / total : then(step - total));
}

/** A tenth less whenever a loss has not fallen for a while: VGG's rule, told the loss of every evaluation. */
export interface PlateauSchedule {
  /** The share that holds now. */
  readonly share: number;
  /** Hands over a loss and returns the share from now on. */
  report(loss: number): number;
}

/** @param options.patience Evaluations without a fall by `threshold` (relative) before the rate falls. */
export function plateauSchedule(options: { patience?: number; factor?: number; threshold?: number } = {}): PlateauSchedule {
  const { patience, factor, threshold } = readOptions('plateauSchedule', {
    patience: option.withDefault(option.integer(0), 10),
    factor: option.withDefault(option.number({ above: 0, below: 1 }), 0.1),
    threshold: option.withDefault(option.number({ min: 0, below: 1 }), 1e-4),
  }, options);
  let [share, best, waited] = [1, Infinity, 0];
  return {
    get share() {
      return share;
    },
    report(loss) {
      if (loss < best * (1 - threshold)) [best, waited] = [loss, 0];
      else if (++waited > patience) [share, waited] = [share * factor, 0];
      return share;
    },
  };
}
