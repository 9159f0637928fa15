/** How the learning rate moves over a run. */
export const SCHEDULES = ['cosine', 'one-cycle', 'constant'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** Share of the steps that go up before the cosine comes down. */
const WARM_UP_SHARE: Readonly<Record<Schedule, number>> = { cosine: 0.05, 'one-cycle': 0.3, constant: 0 };

/**
 * The learning rate of step `step` of `steps` (from 0), as a share of the highest:
 * linear up to 1, then half a cosine down to 0. SGDR section 3 without restarts (arXiv 1608.03983); one-cycle with
 * a longer way up (arXiv 1708.07120).
 */
export function learningRateShare(schedule: Schedule, step: number, steps: number): number {
  if (schedule === 'constant') return 1;
  const up = Math.ceil(steps * WARM_UP_SHARE[schedule]);
  if (step < up) return (step + 1) / up;
  return 0.5 * (1 + Math.cos((Math.PI * (step - up)) / Math.max(1, steps - up)));
}
