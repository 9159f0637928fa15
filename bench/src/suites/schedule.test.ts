import { expect, it } from 'vitest';
import { learningRateShare, SCHEDULES } from './schedule.js';

it.each(SCHEDULES)('%s stays between 0 and the highest rate and reaches it', (schedule) => {
  const shares = Array.from({ length: 100 }, (_, step) => learningRateShare(schedule, step, 100));
  expect(Math.max(...shares)).toBeCloseTo(1, 12);
  expect(Math.min(...shares)).toBeGreaterThan(0);
});

it('a cosine ends near 0, and one step is enough', () => {
  expect(learningRateShare('cosine', 99, 100)).toBeLessThan(0.001);
  expect(learningRateShare('cosine', 0, 1)).toBe(1);
});
