import { expect, it } from 'vitest';
import { cosineSchedule, linearSchedule, plateauSchedule, stepSchedule, warmUp } from './index.js';

it('step decay falls at each milestone', () => {
  const share = stepSchedule({ milestones: [10, 20] });
  expect([0, 9, 10, 19, 20, 99].map(share)).toEqual([1, 1, 0.1, 0.1, 0.1 ** 2, 0.1 ** 2]);
  expect(stepSchedule({ milestones: [5], factor: 0.5 })(5)).toBe(0.5);
});

it('a cosine goes from 1 over a half to its floor and stays there', () => {
  const share = cosineSchedule({ steps: 8 });
  [1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2, 0].forEach((wanted, i) => expect(share(2 * i)).toBeCloseTo(wanted, 12));
  expect(share(99)).toBeCloseTo(0, 12);
  expect(cosineSchedule({ steps: 8, floor: 0.2 })(4)).toBeCloseTo(0.6, 12);
});

it('a line goes from 1 to its floor', () => {
  expect([0, 1, 2, 4, 9].map(linearSchedule({ steps: 4 }))).toEqual([1, 0.75, 0.5, 0, 0]);
  expect(linearSchedule({ steps: 4, floor: 0.5 })(2)).toBe(0.75);
});

it('warm-up climbs to 1 and then starts what follows', () => {
  const share = warmUp({ steps: 4, then: linearSchedule({ steps: 2 }) });
  expect([0, 1, 2, 3, 4, 5, 6].map(share)).toEqual([0.25, 0.5, 0.75, 1, 1, 0.5, 0]);
});

it('a plateau divides by ten when the loss has not fallen for longer than its patience', () => {
  const plateau = plateauSchedule({ patience: 1 });
  expect([3, 2, 2, 2, 1.9, 1.9, 1.9, 1.9].map((loss) => plateau.report(loss))).toEqual([1, 1, 1, 0.1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]);
  expect(plateau.share).toBe(0.1 * 0.1);
});

it('wrong options name the schedule', () => {
  expect(() => cosineSchedule({ steps: 0 })).toThrow('cosineSchedule: steps must be');
  expect(() => stepSchedule({ milestones: [1.5] })).toThrow('stepSchedule: milestones');
});
