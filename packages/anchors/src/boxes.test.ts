/** Golden values: torchvision's and the d2l package's operators, run by the makers of this project's notes. */
import { OptionError, randomStream } from '@convkit/core';
import { describe, expect, it } from 'vitest';
import { BOX_WEIGHTS, boxAreas, boxesOfSide, boxOverlaps, clipBoxes, convertBoxes, decodeBoxes, encodeBoxes, SCALE_CLAMP, type BoxFormat, type Overlap } from './index.js';

/** Boxes with sides > 0 somewhere in and around a unit square. */
function randomBoxes(count: number, seed: number): Float64Array {
  const next = randomStream(seed);
  return Float64Array.from({ length: count }, () => 0).reduce((boxes, _, i) => {
    const [x, y, w, h] = [next() - 0.2, next() - 0.2, 0.01 + 0.6 * next(), 0.01 + 0.6 * next()];
    boxes.set([x, y, x + w, y + h], 4 * i);
    return boxes;
  }, new Float64Array(4 * count));
}

const close = (actual: ArrayLike<number>, wanted: readonly number[], digits = 6) => {
  expect(actual).toHaveLength(wanted.length);
  wanted.forEach((value, i) => expect(actual[i], `number ${i}`).toBeCloseTo(value, digits));
};

describe('box formats', () => {
  it.each<[BoxFormat, number[]]>([
    ['xyxy', [1, 2, 4, 8]],
    ['yxyx', [2, 1, 8, 4]],
    ['xywh', [1, 2, 3, 6]],
    ['cxcywh', [2.5, 5, 3, 6]],
  ])('%s is there and back', (format, numbers) => {
    expect([...convertBoxes(Float32Array.of(1, 2, 4, 8), 'xyxy', format)]).toEqual(numbers);
    expect([...convertBoxes(Float64Array.from(numbers), format, 'xyxy')]).toEqual([1, 2, 4, 8]);
  });

  it('areas, with and without the last pixel; inside out is empty', () => {
    expect([...boxAreas(Float32Array.of(0, 0, 2, 3, 5, 5, 4, 9))]).toEqual([6, 0]);
    expect([...boxAreas(Float32Array.of(0, 0, 2, 3), { inclusive: true })]).toEqual([12]);
  });

  it('clipping and dropping small ones', () => {
    const boxes = clipBoxes(Float32Array.of(-3, 2, 50, 9, 30, 30, 40, 40), [20, 30]);
    expect([...boxes]).toEqual([0, 2, 30, 9, 30, 20, 30, 20]);
    expect([...boxesOfSide(boxes, 1e-3)]).toEqual([0]);
  });

  it('what is no box and no format is refused by name', () => {
    expect(() => boxAreas(new Float32Array(5))).toThrow('boxAreas: boxes must be a Float32Array or Float64Array of four numbers a box, got 5 (number)');
    expect(() => boxAreas([0, 0, 1, 1] as never)).toThrow(OptionError);
    expect(() => convertBoxes(new Float32Array(4), 'xyxy', 'cxcyw' as never)).toThrow('Did you mean cxcywh?');
  });
});

describe('overlaps', () => {
  const one = Float32Array.of(0, 0, 2, 2);
  const others = Float32Array.of(1, 1, 3, 4, 4, 4, 6, 5, 0, 0, 2, 2, 0.5, 0, 2.5, 2);

  it.each<[Overlap, number[]]>([
    ['iou', [0.111111, 0, 1, 0.6]],
    ['giou', [-0.138889, -0.8, 1, 0.6]],
    ['diou', [-0.018889, -0.463115, 1, 0.57561]],
    ['ciou', [-0.019165, -0.464804, 1, 0.57561]],
  ])('%s has the values of torchvision', (kind, values) => close(boxOverlaps(one, others, { kind }), values));

  it('inclusive pixels are those of VOC: 3x3 and 3x4 pixels share 2x2', () => {
    close(boxOverlaps(one, others, { inclusive: true }).slice(0, 3), [4 / 17, 0, 1]);
  });

  it('a box without an area overlaps with nothing, and nothing is NaN', () => {
    const points = Float32Array.of(1, 1, 1, 1, 3, 3, 2, 2);
    for (const kind of ['iou', 'giou', 'diou', 'ciou'] as const) {
      expect(boxOverlaps(points, points, { kind }).every(Number.isFinite)).toBe(true);
    }
    expect([...boxOverlaps(points, one)]).toEqual([0, 0]);
  });

  it('IoU is symmetric and in [0, 1], the others in [-1, 1] and never above it, each box 1 with itself', () => {
    const [a, b] = [randomBoxes(40, 1), randomBoxes(1100, 2)];
    const iou = boxOverlaps(a, b);
    const turned = boxOverlaps(b, a);
    expect(turned).toEqual(iou.map((_, k) => iou[(k % 40) * 1100 + Math.floor(k / 40)]!));
    expect(iou.every((x) => x >= 0 && x <= 1)).toBe(true);
    expect(iou.some((x) => x > 0.5)).toBe(true);
    for (const kind of ['giou', 'diou', 'ciou'] as const) {
      const values = boxOverlaps(a, b, { kind });
      expect(values.every((x, i) => x >= (kind === 'ciou' ? -2 : -1) && x <= iou[i]! + 1e-6), kind).toBe(true);
      const self = boxOverlaps(a, a, { kind });
      for (let i = 0; i < 40; i++) expect(self[i * 41], kind).toBeCloseTo(1, 5);
    }
  });

  it('meets no fewer pairs than it should, whatever the boxes are like', () => {
    // On a grid, so that edges touch and coincide; wide, empty, inside out, endless, and no numbers at all.
    const next = randomStream(9);
    const odd = Float64Array.from({ length: 4 * 300 }, () => Math.floor(12 * next()));
    odd.set([-100, 0, 100, 3, 5, 5, 5, 9, Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY, 4, Number.NaN, 0, 3, 3, 0, 0, 9, Number.NaN], 40);
    const matrix = boxOverlaps(odd, odd);
    const sides = (i: number, from: 0 | 1): [number, number] => [odd[4 * i + from]!, odd[4 * i + 2 + from]!];
    const shared = ([a1, a2]: [number, number], [b1, b2]: [number, number]) => Math.max(Math.min(a2, b2) - Math.max(a1, b1), 0);
    const area = (i: number) => [0, 1].map((from) => sides(i, from as 0 | 1)).reduce((product, [a, b]) => product * Math.max(b - a, 0), 1);
    let met = 0;
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < 300; j++) {
        const intersection = shared(sides(i, 0), sides(j, 0)) * shared(sides(i, 1), sides(j, 1));
        const wanted = intersection > 0 ? intersection / (area(i) + area(j) - intersection) : 0;
        if (Number.isFinite(wanted)) expect(matrix[300 * i + j], `${i} and ${j}`).toBeCloseTo(wanted, 6);
        if (wanted > 0) met++;
      }
    }
    expect(met).toBeGreaterThan(1000);
  });

  it('unknown options are refused', () => {
    expect(() => boxOverlaps(one, others, { kind: 'gioo' as never })).toThrow('Did you mean giou?');
  });
});

describe('offsets', () => {
  it.each(Object.entries(BOX_WEIGHTS))('decoding takes %s encoding back', (_, weights) => {
    const [boxes, anchors] = [randomBoxes(500, 3), randomBoxes(500, 4)];
    close(decodeBoxes(encodeBoxes(boxes, anchors, { weights }), anchors, { weights }), [...boxes], 9);
  });

  it('offsets are those of d2l, whose logarithm has 1e-6', () => {
    const truths = Float64Array.of(0.1, 0.08, 0.52, 0.92, 0.55, 0.2, 0.9, 0.88, 0.55, 0.2, 0.9, 0.88);
    const anchors = Float64Array.of(0.15, 0.2, 0.4, 0.4, 0.63, 0.05, 0.88, 0.98, 0.57, 0.3, 0.92, 0.9);
    const offsets = encodeBoxes(truths, anchors, { epsilon: 1e-6 });
    close(offsets.slice(0, 4), [1.4, 10, 2.594, 7.1754], 4);
    close(offsets.slice(4, 8), [-1.2, 0.26882, 1.6824, -1.5655], 4);
    close(offsets.slice(8), [-0.57143, -1, 4.2e-6, 0.62582], 5);
  });

  it('a scale is bounded by ln(1000 / 16)', () => {
    const [x1, , x2] = decodeBoxes(Float64Array.of(0, 0, 100, 0), Float64Array.of(0, 0, 1, 1));
    expect(SCALE_CLAMP).toBeCloseTo(4.135, 3);
    expect(x2! - x1!).toBeCloseTo(62.5, 9);
    const free = decodeBoxes(Float64Array.of(0, 0, 25, 0), Float64Array.of(0, 0, 1, 1), { clamp: Number.POSITIVE_INFINITY });
    expect(free[2]! - free[0]!).toBeCloseTo(Math.exp(5), 9);
  });

  it('sides without a logarithm and pairs that are none are refused', () => {
    const box = Float32Array.of(0, 0, 1, 1);
    expect(() => encodeBoxes(Float32Array.of(0, 0, 0, 1), box)).toThrow('encodeBoxes: boxes must be boxes with sides > 0 (number 0)');
    expect(() => encodeBoxes(box, Float32Array.of(1, 0, 0, 1))).toThrow('anchors must be');
    expect(() => decodeBoxes(box, new Float32Array(8))).toThrow('decodeBoxes: anchors must be as many as offsets, 1, got 2 (number)');
    expect(() => decodeBoxes(box, box, { weights: [1, 1, 1] as never })).toThrow('weights must be 4 numbers > 0');
  });
});
