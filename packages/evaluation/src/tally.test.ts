import { OptionError } from '@convkit/core';
import { expect, it } from 'vitest';
import { softmaxRows, Tally } from './index.js';

it('counts the first and the first five, and takes the mean of -log p', () => {
  // Ranks of the labels, by hand: 0, 2, 5.
  const scores = new Tally()
    .add([0.5, 0.2, 0.1, 0.1, 0.05, 0.05, /**/ 0.1, 0.2, 0.4, 0.3, 0, 0], [0, 1])
    .add([0.3, 0.25, 0.2, 0.15, 0.09, 0.01], [5])
    .scores();
  expect(scores.size).toBe(3);
  expect(scores.top1).toBeCloseTo(100 / 3, 12);
  expect(scores.top5).toBeCloseTo(200 / 3, 12);
  expect(scores.loss).toBeCloseTo(-(Math.log(0.5) + Math.log(0.2) + Math.log(0.01)) / 3, 12);
});

it('takes the first of equals for the largest', () => {
  expect(new Tally().add([0.5, 0.5], [0]).scores().top1).toBe(100);
  expect(new Tally().add([0.5, 0.5], [1]).scores().top1).toBe(0);
});

it('says that numbers that are none are wrong, and a loss that underflowed is finite', () => {
  expect(new Tally().add([Number.NaN, 0.2], [0]).scores()).toEqual({ size: 1, loss: Number.NaN, top1: 0, top5: 0 });
  expect(new Tally().add([Number.NaN, 0.2], [1]).scores().top1).toBe(0);
  expect(new Tally().add([0, 1], [0]).scores().loss).toBeCloseTo(744.44, 2);
  expect(new Tally().scores().top1).toBeNaN();
});

it('refuses labels that are no class', () => {
  expect(() => new Tally().add([0.5, 0.5], [2])).toThrow(/labels\[0\] must be a class from 0 to 1, got 2/);
  expect(() => new Tally().add([0.5, 0.3, 0.2], [0, 1])).toThrow(OptionError);
});

it('makes posteriors of logits of any height', () => {
  expect([...softmaxRows([0, Math.log(3), 1000, 0], 2)]).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.75, 12), 1, 0]);
});
