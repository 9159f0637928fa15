/** Golden values: d2l's multibox_prior and torchvision's generators; the rest by hand. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_BOXES, defaultBoxes, GRID_ANCHORS, gridAnchors, PRIOR_ANCHORS, priorAnchors, type Size } from './index.js';

const rows = (boxes: Float32Array, from: number, to: number) => Array.from({ length: to - from }, (_, i) => [...boxes.subarray(4 * (from + i), 4 * (from + i + 1))]);
const close = (actual: number[][], wanted: number[][]) => {
  expect(actual).toHaveLength(wanted.length);
  wanted.flat().forEach((value, i) => expect(actual.flat()[i], `number ${i}`).toBeCloseTo(value, 4));
};

describe('prior anchors', () => {
  it('are those of d2l on a photograph', () => {
    const anchors = priorAnchors({ maps: [[561, 728]], sizes: [[0.75, 0.5, 0.25]], ratios: [1, 2, 0.5] });
    expect(anchors.length / 4).toBe(2_042_040);
    const cell = (250 * 728 + 250) * 5;
    close(rows(anchors, cell, cell + 5), [
      [0.0551, 0.0715, 0.6331, 0.8215], [0.1514, 0.1965, 0.5367, 0.6965], [0.2478, 0.3215, 0.4404, 0.5715],
      [-0.0646, 0.1814, 0.7528, 0.7117], [0.1398, -0.0838, 0.5484, 0.9769],
    ]);
  });

  it('have the ratio in pixels of a map that is not square', () => {
    const anchors = priorAnchors({ maps: [[1, 2]], sizes: [[0.5, 0.25]], ratios: [1, 2] });
    close(rows(anchors, 0, 3), [[0.125, 0.25, 0.375, 0.75], [0.1875, 0.375, 0.3125, 0.625], [0.0732, 0.3232, 0.4268, 0.6768]]);
    // The second cell lies half an image further.
    close(rows(anchors, 3, 4), [[0.625, 0.25, 0.875, 0.75]]);
  });

  it("tinySsd's are as many as its table says", () => {
    const { anchors, ...options } = PRIOR_ANCHORS.tinySsd;
    expect(priorAnchors(options).length / 4).toBe(anchors);
    // The sizes are the rule's, .17 apart with geometric means between them, cut to three digits.
    const scales = [0.2, 0.37, 0.54, 0.71, 0.88, 1.05];
    options.sizes.forEach(([small, large], k) => {
      expect(small).toBe(scales[k]);
      expect(Math.abs(large - Math.sqrt(scales[k]! * scales[k + 1]!))).toBeLessThan(1e-3);
    });
  });
});

describe('grid anchors', () => {
  it('stand on the upper left corners of cells, ratio by ratio, rounded', () => {
    // Ratio .5 of 128: 181.02 wide, 90.51 high; halves 90.51 and 45.25 round to 91 and 45.
    const anchors = gridAnchors({ image: [64, 100], maps: [[2, 3]], sizes: [[128, 256]], ratios: [0.5, 1] });
    expect(anchors.length / 4).toBe(2 * 3 * 4);
    expect(rows(anchors, 0, 4)).toEqual([[-91, -45, 91, 45], [-181, -91, 181, 91], [-64, -64, 64, 64], [-128, -128, 128, 128]]);
    // Strides are floor(100 / 3) = 33 across, 32 down.
    expect(rows(anchors, 4, 5)).toEqual([[33 - 91, -45, 33 + 91, 45]]);
    expect(rows(anchors, 12, 13)).toEqual([[-91, 32 - 45, 91, 32 + 45]]);
  });

  it('halves round to even, as in torch', () => {
    expect(rows(gridAnchors({ image: [8, 8], maps: [[1, 1]], sizes: [[5, 7]], ratios: [1] }), 0, 2)).toEqual([[-2, -2, 2, 2], [-4, -4, 4, 4]]);
  });

  it.each(Object.entries(GRID_ANCHORS))('%s has as many at each place as its table says', (_, { sizes, ratios, anchors }) => {
    const maps = sizes.map((): Size => [1, 1]);
    expect(gridAnchors({ image: [64, 64], maps, sizes, ratios }).length / 4).toBe(anchors * sizes.length);
  });

  it("RetinaNet's sizes are thirds of an octave", () => {
    expect(GRID_ANCHORS.retinanet.sizes[0]).toEqual([32, 40, 50]);
    expect(GRID_ANCHORS.retinanet.sizes[4]).toEqual([512, 645, 812]);
  });
});

describe('default boxes', () => {
  const { anchors, ...ssd300 } = DEFAULT_BOXES.ssd300;
  const boxes = defaultBoxes(ssd300);

  it("SSD300's are 8,732, with 4 or 6 in a cell", () => {
    expect(boxes.length / 4).toBe(anchors);
    const inCell = ssd300.ratios.map((ratios) => 2 + 2 * ratios.length);
    expect(inCell).toEqual([4, 6, 6, 6, 4, 4]);
  });

  it("SSD512's are the paper's 24,564", () => {
    const { anchors: count, ...ssd512 } = DEFAULT_BOXES.ssd512;
    expect(defaultBoxes(ssd512).length / 4).toBe(count);
    expect(count).toBe(24_564);
  });

  it('are two squares, then each ratio lying and standing', () => {
    const c = 4 / 300;
    const [s, t, w, h] = [0.035, Math.sqrt(0.07 * 0.15) / 2, 0.035 * Math.SQRT2, 0.035 / Math.SQRT2];
    close(rows(boxes, 0, 4), [[c - s, c - s, c + s, c + s], [c - t, c - t, c + t, c + t], [c - w, c - h, c + w, c + h], [c - h, c - w, c + h, c + w]]);
  });

  it('sides are cut to the image, corners are not', () => {
    // Scale .87, ratio 2: 1.23 wide, cut to 1.
    close(rows(boxes, 8730, 8731), [[0, 0.5 - 0.435 / Math.SQRT2, 1, 0.5 + 0.435 / Math.SQRT2]]);
    expect(boxes.some((x) => x < 0)).toBe(true);
    expect(rows(defaultBoxes({ ...ssd300, clip: false }), 8730, 8731)[0]![2]).toBeCloseTo(0.5 + 0.435 * Math.SQRT2, 5);
  });

  it('without steps the map fills the image', () => {
    close(rows(defaultBoxes({ image: [40, 80], maps: [[2, 4]], ratios: [[]], scales: [0.1, 0.1] }), 0, 1), [[0.075, 0.2, 0.175, 0.3]]);
  });
});

describe('tables that do not fit', () => {
  it('are refused by name', () => {
    expect(() => priorAnchors({ maps: [[2, 2]], sizes: [[1], [2]], ratios: [1] })).toThrow('priorAnchors: sizes must be one for each of the 1 maps, got 2 (number)');
    expect(() => defaultBoxes({ ...DEFAULT_BOXES.ssd300, anchors: undefined, scales: [0.1] } as never)).toThrow('scales after the first must be one for each of the 6 maps');
    expect(() => gridAnchors({ image: [8, 8], maps: [[9, 1]], sizes: [[1]], ratios: [1] })).toThrow('no larger than the image');
    expect(() => gridAnchors({ image: [8, 8], maps: [[0, 1]], sizes: [[1]], ratios: [1] })).toThrow('maps must be');
    expect(() => priorAnchors({ maps: [[2, 2]], sizes: [[1]], ratio: [1] } as never)).toThrow('did you mean ratios?');
  });
});
