import { describe, expect, test } from 'vitest';
import { DataError, SHAPE_CLASSES, shapes, type ShapesDataset } from './index.js';
import { sha256Hex } from './content-hash.js';

const small = shapes({ seed: 7, train: 40, test: 20, imageSize: [24, 32], channels: 1 });
const crowded = shapes({ seed: 3, train: 60, test: 10, imageSize: 64, objects: [1, 5] });

/** Tight box of the pixels with one mark, found independently of the drawing code. */
function boxOf({ train, imageShape: [height, width] }: ShapesDataset, image: number, mark: number): number[] {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (train.masks[(image * height + y) * width + x] !== mark) continue;
      box[0] = Math.min(box[0]!, y);
      box[1] = Math.min(box[1]!, x);
      box[2] = Math.max(box[2]!, y + 1);
      box[3] = Math.max(box[3]!, x + 1);
    }
  }
  return box;
}

describe('shapes', () => {
  test('has the promised arrays', () => {
    expect(small.imageShape).toEqual([24, 32, 1]);
    expect(small.classNames).toEqual(SHAPE_CLASSES);
    expect(new Set(small.classNames).size).toBe(10);
    expect(small.train).toMatchObject({ size: 40, objectsPerImage: 1 });
    expect(small.train.images.length).toBe(40 * 24 * 32);
    expect(small.train.masks.length).toBe(40 * 24 * 32);
    expect(small.train.boxes.length).toBe(40 * 4);
    expect(shapes({ train: 1, test: 1 }).train.images.length).toBe(32 * 32 * 3);
  });

  // A change of these sums changes every result measured on the set: it needs a new name for the set, not new sums.
  test('draws the same bytes for the same seed, on every machine', () => {
    expect(small.sha256).toBe('f8038c943ffd3d9340a192f3eb13b2a48bd459e1dc36591975ae0b2e888d66df');
    expect(crowded.sha256).toBe('a736a9779c84ffb6d203b5ef6f8359c22f6e39f780e4727da682f57836556c31');
    expect(sha256Hex(crowded.train.masks)).toBe('4d62da3e633d4fab6a42d763890c30dce74f88e509d657595d7324b3fe84b129');
    expect(shapes({ seed: 7, train: 40, test: 20, imageSize: [24, 32], channels: 1 }).sha256).toBe(small.sha256);
  });

  test('draws other bytes for another seed and for the test images', () => {
    expect(shapes({ seed: 8, train: 40, test: 20, imageSize: [24, 32], channels: 1 }).sha256).not.toBe(small.sha256);
    expect(small.test.images).not.toEqual(small.train.images.subarray(0, small.test.images.length));
  });

  test('image i does not depend on how many are drawn', () => {
    const fewer = shapes({ seed: 7, train: 15, test: 1, imageSize: [24, 32], channels: 1 });
    expect(fewer.train.images).toEqual(small.train.images.subarray(0, fewer.train.images.length));
    expect(fewer.train.labels).toEqual(small.train.labels.subarray(0, 15));
  });

  test('every ten images hold every class once', () => {
    for (let i = 0; i < 40; i += 10) expect(new Set(small.train.labels.subarray(i, i + 10)).size).toBe(10);
  });

  test.each([['one object', small], ['several objects', crowded]])('boxes contain their masks tightly: %s', (_, dataset) => {
    const { size, boxes, objectLabels, objectsPerImage: most, labels } = dataset.train;
    for (let i = 0; i < size; i++) {
      expect(objectLabels[i * most]).toBe(labels[i]);
      for (let k = 0; k < most; k++) {
        const box = [...boxes.subarray((i * most + k) * 4, (i * most + k + 1) * 4)];
        if (objectLabels[i * most + k] === -1) expect([...box, boxOf(dataset, i, k + 1)[0]]).toEqual([0, 0, 0, 0, Infinity]);
        else expect(box).toEqual(boxOf(dataset, i, k + 1));
      }
    }
  });

  test('numbers of objects use the whole range', () => {
    const { size, objectLabels } = crowded.train;
    const counts = new Set(Array.from({ length: size }, (_, i) => objectLabels.subarray(i * 5, i * 5 + 5).filter((label) => label >= 0).length));
    expect([...counts].sort()).toEqual([1, 2, 3, 4, 5]);
  });

  test('the smallest images still show every object', () => {
    const tiny = shapes({ train: 200, test: 1, imageSize: 16, channels: 1, noise: 0 });
    for (let i = 0; i < 200; i++) expect(boxOf(tiny, i, 1)[2]).toBeGreaterThan(0);
  });

  test('an object is brighter or darker than its ground about equally often, so brightness does not tell the class', () => {
    const { images, masks } = shapes({ train: 400, test: 1, imageSize: 24, channels: 1 }).train;
    let brighter = 0;
    for (let i = 0; i < 400; i++) {
      const sums = { on: 0, onCount: 0, off: 0, offCount: 0 };
      for (let p = i * 576; p < (i + 1) * 576; p++) {
        if (masks[p]) (sums.on += images[p]!), sums.onCount++;
        else (sums.off += images[p]!), sums.offCount++;
      }
      if (sums.on / sums.onCount > sums.off / sums.offCount) brighter++;
    }
    expect(brighter / 400).toBeGreaterThan(0.42);
    expect(brighter / 400).toBeLessThan(0.58);
  });

  test('the nearest class mean, a linear classifier, hardly beats chance', () => {
    const { train, test: held } = shapes({ train: 1000, test: 300, imageSize: 28, channels: 1 });
    const means = Array.from({ length: 10 }, () => new Float64Array(784));
    train.labels.forEach((label, i) => { for (let p = 0; p < 784; p++) means[label]![p]! += train.images[i * 784 + p]! / 100; });
    const score = (i: number, mean: Float64Array) => mean.reduce((sum, m, p) => sum + (m - held.images[i * 784 + p]!) ** 2, 0);
    const right = Array.from(held.labels).filter((label, i) => {
      const scores = means.map((mean) => score(i, mean));
      return scores.indexOf(Math.min(...scores)) === label;
    });
    expect(right.length / 300).toBeLessThan(0.3);
  });

  test.each([
    [{ seed: -1 }, 'seed must be an integer from 0 to 4294967295, got -1 (number)'],
    [{ seed: 2 ** 53 }, 'seed must be'],
    [{ train: 0 }, 'train must be an integer from 1'],
    [{ imageSize: 8 }, 'imageSize must be one integer or [H, W], from 16 to 512, got 8 (number)'],
    [{ imageSize: [32, 32, 3] }, 'imageSize must be'],
    [{ channels: 2 }, 'channels must be one of 1, 3, got 2 (number)'],
    [{ objects: [4, 2] }, 'objects must be'],
    [{ noise: Number.NaN }, 'noise must be a number in [0, 0.5], got NaN (number)'],
    [{ chanels: 1 }, 'unknown option chanels, did you mean channels?'],
    [{ train: 1_000_000, imageSize: 512 }, 'must each stay below 2 GiB'],
  ])('refuses %o', (options, message) => {
    expect(() => shapes(options as never)).toThrow(DataError);
    expect(() => shapes(options as never)).toThrow(message);
  });
});
