/** Average precision: golden values of the published rules, the rest by hand. */
import { randomStream } from '@convkit/core';
import { describe, expect, it } from 'vitest';
import { averagePrecision, COCO_THRESHOLDS, evaluateCoco, evaluateVoc, type DetectionSet, type PrecisionRule, type TruthSet } from './index.js';

const HITS = [1, 0, 1, 1, 0, 0, 1, 0].map(Boolean);

/** Rows of [image, class, x1, y1, x2, y2, ...]. */
const truthsOf = (rows: number[][], ignored?: number[]): TruthSet => ({
  images: Int32Array.from(rows, (row) => row[0]!), classes: Int32Array.from(rows, (row) => row[1]!), boxes: Float64Array.from(rows.flatMap((row) => row.slice(2, 6))),
  ...(ignored === undefined ? {} : { ignored: Uint8Array.from(ignored) }),
});
const foundOf = (rows: number[][]): DetectionSet => ({ ...truthsOf(rows), scores: Float64Array.from(rows, (row) => row[6]!) });

/** Objects of three classes and all sizes in a few images. */
function scene(): number[][] {
  const next = randomStream(1);
  return Array.from({ length: 60 }, (_, i) => {
    const [x, y, side] = [400 * next(), 400 * next(), [20, 60, 150][i % 3]! + 10 * next()];
    return [i % 7, Math.floor(3 * next()), x, y, x + side, y + side];
  });
}

describe('average precision', () => {
  it.each<[PrecisionRule, number]>([['voc10', 0.614286], ['coco', 0.618105], ['voc07', 0.649351], ['voc07Reference', 0.633117]])('%s', (rule, value) => {
    expect(averagePrecision(HITS, 5, rule)).toBeCloseTo(value, 6);
  });

  it.each<PrecisionRule>(['voc10', 'coco', 'voc07', 'voc07Reference'])('%s: all right is 1, nothing found 0, nothing there no number', (rule) => {
    for (const count of [1, 3, 7, 100]) expect(averagePrecision(Array(count).fill(true), count, rule)).toBeCloseTo(1, 12);
    expect(averagePrecision([], 3, rule)).toBe(0);
    expect(averagePrecision([false, false], 3, rule)).toBe(0);
    expect(averagePrecision([false], 0, rule)).toBeNaN();
  });

  it('an unknown rule is refused', () => {
    expect(() => averagePrecision([], 1, 'voc12' as never)).toThrow('averagePrecision: rule must be one of voc07, voc07Reference, voc10, coco');
  });
});

describe('VOC', () => {
  it.each(['voc07', 'voc07Reference', 'voc10'] as const)('perfect detections have a mean of 1 by %s', (rule) => {
    const rows = scene();
    const { meanAveragePrecision, classes } = evaluateVoc(foundOf(rows.map((row, i) => [...row, i / 60])), truthsOf(rows), { rule });
    expect(meanAveragePrecision).toBeCloseTo(1, 12);
    expect(classes.map(({ class: name }) => name)).toEqual([0, 1, 2]);
    expect(classes.reduce((sum, { truths }) => sum + truths, 0)).toBe(60);
  });

  it('scores go over all images; a second hit is wrong; another class and another image do not count', () => {
    const truths = truthsOf([[0, 0, 0, 0, 9, 9], [1, 0, 0, 0, 9, 9]]);
    const detections = foundOf([[0, 0, 0, 0, 9, 9, 0.5], [0, 0, 0, 0, 9, 9, 0.9], [1, 0, 50, 50, 59, 59, 0.7], [1, 0, 0, 0, 9, 9, 0.6], [2, 0, 0, 0, 9, 9, 0.4]]);
    const { classes: [row] } = evaluateVoc(detections, truths);
    expect([...row!.precision]).toEqual([1, 1 / 2, 2 / 3, 2 / 4, 2 / 5]);
    expect([...row!.recall]).toEqual([0.5, 0.5, 1, 1, 1]);
    expect(row!.averagePrecision).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
  });

  it('the overlap must be above the threshold, by whole pixels unless told otherwise', () => {
    // 10 by 5 of 10 by 10 pixels is just one half; without the last pixel 4 of 9.
    const truths = truthsOf([[0, 0, 0, 0, 9, 9]]);
    const half = foundOf([[0, 0, 0, 0, 9, 4, 1]]);
    expect(evaluateVoc(half, truths).meanAveragePrecision).toBe(0);
    expect(evaluateVoc(half, truths, { threshold: 0.49 }).meanAveragePrecision).toBe(1);
    expect(evaluateVoc(half, truths, { threshold: 0.49, inclusive: false }).meanAveragePrecision).toBe(0);
  });

  it('a detection has no second-best object', () => {
    const truths = truthsOf([[0, 0, 0, 0, 99, 99], [0, 0, 10, 0, 109, 99]]);
    const { classes: [row] } = evaluateVoc(foundOf([[0, 0, 0, 0, 99, 99, 0.9], [0, 0, 1, 0, 100, 99, 0.8]]), truths);
    expect([...row!.precision]).toEqual([1, 0.5]);
  });

  it('difficult objects count neither way, classes without objects not in the mean', () => {
    const truths = truthsOf([[0, 0, 0, 0, 9, 9], [0, 0, 50, 50, 59, 59]], [0, 1]);
    const detections = foundOf([[0, 0, 50, 50, 59, 59, 0.9], [0, 0, 0, 0, 9, 9, 0.8], [0, 4, 0, 0, 9, 9, 0.8]]);
    const { meanAveragePrecision, classes } = evaluateVoc(detections, truths);
    expect(meanAveragePrecision).toBe(1);
    expect(classes.map(({ class: name, truths: count, detections: found }) => [name, count, found])).toEqual([[0, 1, 1], [4, 0, 1]]);
    expect(classes[1]!.averagePrecision).toBeNaN();
  });

  it('sets that do not fit and normalised boxes by pixels are refused', () => {
    const truths = truthsOf([[0, 0, 0, 0, 0.5, 1]]);
    expect(() => evaluateVoc(foundOf([]), truths)).toThrow('evaluateVoc: inclusive must be false where boxes are normalised');
    expect(evaluateVoc(foundOf([]), truths, { inclusive: false }).meanAveragePrecision).toBe(0);
    expect(() => evaluateVoc({ ...foundOf([]), scores: new Float64Array(2) }, truths)).toThrow('detections.scores must be one for each of the 0 boxes');
    expect(evaluateVoc(foundOf([]), truthsOf([])).meanAveragePrecision).toBeNaN();
  });
});

describe('COCO', () => {
  it('perfect detections have 1 in all twelve numbers but the recall of few detections', () => {
    const rows = scene();
    const result = evaluateCoco(foundOf(rows.map((row, i) => [...row, i / 60])), truthsOf(rows));
    const { classes, meanAverageRecall, ...numbers } = result;
    for (const value of Object.values(numbers).flatMap((number) => (typeof number === 'number' ? [number] : Object.values(number)))) expect(value).toBeCloseTo(1, 12);
    expect(meanAverageRecall[100]).toBeCloseTo(1, 12);
    expect(meanAverageRecall[1]).toBeLessThan(0.9);
    expect(classes).toHaveLength(3);
  });

  it('an overlap of .72 is right at five of ten thresholds', () => {
    const truths = truthsOf([[0, 0, 0, 0, 100, 100]]);
    const result = evaluateCoco(foundOf([[0, 0, 0, 0, 100, 72, 1]]), truths);
    expect(COCO_THRESHOLDS).toEqual([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]);
    expect(result.meanAveragePrecision).toBeCloseTo(0.5, 12);
    expect([result.meanAveragePrecision50, result.meanAveragePrecision75]).toEqual([1, 0]);
    expect(result.meanAverageRecall[1]).toBeCloseTo(0.5, 12);
    // At the threshold itself it is right.
    expect(evaluateCoco(foundOf([[0, 0, 0, 0, 100, 75, 1]]), truths).meanAveragePrecision75).toBe(1);
  });

  it('a detection falls back to an object that is not taken', () => {
    const truths = truthsOf([[0, 0, 0, 0, 100, 100], [0, 0, 10, 0, 110, 100]]);
    // Both like the first object best; 91 / 109 with the second.
    const result = evaluateCoco(foundOf([[0, 0, 0, 0, 100, 100, 0.9], [0, 0, 1, 0, 101, 100, 0.8]]), truths);
    expect(result.meanAveragePrecision50).toBe(1);
  });

  it('objects of other sizes count neither way, nor does what finds nothing at another size', () => {
    const truths = truthsOf([[0, 0, 0, 0, 20, 20], [0, 0, 200, 200, 300, 300]]);
    const detections = foundOf([[0, 0, 200, 200, 300, 300, 0.9], [0, 0, 0, 100, 200, 200, 0.8], [0, 0, 0, 0, 20, 20, 0.7]]);
    const { meanAveragePrecisionByArea: areas, meanAveragePrecision50 } = evaluateCoco(detections, truths);
    expect(areas.small).toBeCloseTo(1, 12);
    expect(areas.medium).toBeNaN();
    expect(areas.large).toBeCloseTo(1, 12);
    // Recall 0 to .50 at precision 1, 51 of 101; the rest at 2 / 3.
    expect(meanAveragePrecision50).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
    // The area of a mask decides where it is given.
    const masked = evaluateCoco(detections, { ...truths, areas: Float64Array.of(400, 5000) }).meanAveragePrecisionByArea;
    expect(masked.medium).toBeCloseTo(1, 12);
    expect(masked.large).toBeNaN();
  });

  it('a crowd takes many detections, by their share in it, and counts neither way', () => {
    const truths = truthsOf([[0, 0, 0, 0, 20, 20], [0, 0, 100, 100, 300, 300]], [0, 1]);
    const inCrowd = [[0, 0, 110, 110, 120, 120, 0.9], [0, 0, 150, 150, 170, 170, 0.8]];
    const result = evaluateCoco(foundOf([...inCrowd, [0, 0, 0, 0, 20, 20, 0.7]]), truths);
    expect(result.meanAveragePrecision).toBeCloseTo(1, 12);
    expect(result.classes[0]!.truths).toBe(1);
  });

  it('at most 1, 10 and 100 detections of an image count', () => {
    const rows = Array.from({ length: 20 }, (_, i) => [0, 0, 50 * i, 0, 50 * i + 40, 40]);
    const { meanAverageRecall } = evaluateCoco(foundOf(rows.map((row, i) => [...row, 1 - i / 20])), truthsOf(rows));
    expect(meanAverageRecall[1]).toBeCloseTo(1 / 20, 12);
    expect(meanAverageRecall[10]).toBeCloseTo(1 / 2, 12);
    expect(meanAverageRecall[100]).toBeCloseTo(1, 12);
  });
});
