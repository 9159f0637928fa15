import { OptionError } from '@convkit/core';
import { describe, expect, it } from 'vitest';
import { cropCorners, scaledSize, testScales } from './index.js';

describe('scaledSize', () => {
  it.each([
    [[480, 640], 256, [256, 341]], // 640 x 256 / 480 = 341.33
    [[640, 480], 256, [341, 256]],
    [[500, 375], 384, [512, 384]],
    [[28, 28], 32, [32, 32]],
    [[224, 224], 224, [224, 224]],
  ] as const)('%j with its shorter side at %d is %j', (size, side, scaled) => {
    expect(scaledSize(size, side)).toEqual(scaled);
  });

  it.each([0, -1, 2.5, Number.NaN])('refuses the side %d', (side) => {
    expect(() => scaledSize([4, 4], side)).toThrow(OptionError);
  });
});

describe('cropCorners', () => {
  it('is 25 windows of 224 in an image of 256 x 341, from edge to edge', () => {
    const corners = cropCorners([256, 341], [224, 224]);
    expect(corners).toHaveLength(25);
    // By hand: 32 / 4 = 8 down, 117 / 4 = 29.25 across.
    expect(corners.filter((_, i) => i % 5 === 0).map(([row]) => row)).toEqual([0, 8, 16, 24, 32]);
    expect(corners.slice(0, 5).map(([, column]) => column)).toEqual([0, 29, 59, 88, 117]);
    expect(corners.at(-1)).toEqual([256 - 224, 341 - 224]);
  });

  it('has one window in the middle, and all at one place where there is no room', () => {
    expect(cropCorners([32, 33], [28, 28], 1)).toEqual([[2, 2]]);
    expect(new Set(cropCorners([28, 28], [28, 28], 3).map(String))).toEqual(new Set(['0,0']));
  });

  it('refuses a window that is larger than the image, by name', () => {
    expect(() => cropCorners([28, 27], [28, 28])).toThrow(/^cropCorners: window must be at most the image, 28 x 27, got \[28,28\]/);
    expect(() => cropCorners([28, 28], [28, 28], 0)).toThrow(/grid must be an integer >= 1, got 0/);
  });
});

describe('testScales', () => {
  it("is the paper's: S - 32, S, S + 32 for one scale, the ends and the middle of a range", () => {
    expect(testScales({ trained: 256 })).toEqual([224, 256, 288]);
    expect(testScales({ trained: 384 })).toEqual([352, 384, 416]);
    expect(testScales({ trained: [256, 512] })).toEqual([256, 384, 512]);
    expect(testScales({ trained: 32, step: 4 })).toEqual([28, 32, 36]);
  });

  it('refuses a range that falls, and a step that leaves nothing', () => {
    expect(() => testScales({ trained: [512, 256] })).toThrow(/trained must be the side S that images were trained at, or its range/);
    expect(() => testScales({ trained: 32 })).toThrow(/step must be below the 32 trained at, got 32/);
  });
});
