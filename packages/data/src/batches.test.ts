import { describe, expect, test } from 'vitest';
import { batches, checkSplit, normalizeImages, splitRecords, takeRecords, type ImageSplit } from './index.js';

/** Record i: label i % 4, two pixels of value i. */
function numbered(size: number): ImageSplit {
  return {
    size,
    images: Uint8Array.from({ length: 2 * size }, (_, i) => Math.floor(i / 2)),
    labels: Uint8Array.from({ length: size }, (_, i) => i % 4),
  };
}
const ids = (split: ImageSplit) => Array.from({ length: split.size }, (_, i) => split.images[2 * i]!);
const sorted = (list: number[]) => list.toSorted((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('batches', () => {
  test('hold every record once, image beside its label', () => {
    const all = batches(numbered(10), { batchSize: 4, seed: 1 });
    expect(all).toMatchObject({ count: 3, batchSize: 4 });
    const list = [...all];
    expect(list.map((b) => b.size)).toEqual([4, 4, 2]);
    expect(sorted(list.flatMap(ids))).toEqual(range(10));
    for (const batch of list) {
      expect([...batch.labels]).toEqual(ids(batch).map((id) => id % 4));
      expect([...batch.indices]).toEqual(ids(batch));
    }
  });

  test('repeat for the same seed and epoch, differ for another', () => {
    const order = (options: { seed?: number; epoch?: number }) => [...batches(numbered(50), { batchSize: 8, ...options })].flatMap(ids);
    expect(order({ seed: 5 })).toEqual(order({ seed: 5 }));
    expect(order({ seed: 5 })).not.toEqual(order({ seed: 6 }));
    expect(order({ seed: 5, epoch: 1 })).not.toEqual(order({ seed: 5 }));
    // Pinned: the order is part of a recorded result.
    expect([...batches(numbered(8), { batchSize: 8 })].flatMap(ids)).toEqual([2, 5, 1, 6, 0, 4, 3, 7]);
  });

  test('keep the stored order without shuffle, and drop the remainder when asked', () => {
    expect([...batches(numbered(7), { batchSize: 3, shuffle: false, dropRemainder: true })].flatMap(ids)).toEqual(range(6));
  });

  test('above the number of records: one smaller batch, said (S8)', () => {
    const one = batches(numbered(5), { batchSize: 64 });
    expect(one).toMatchObject({ count: 1, batchSize: 5, note: expect.stringContaining('batchSize 64 is above the 5 records') });
    expect([...one].map((b) => b.size)).toEqual([5]);
    expect(batches(numbered(5), { batchSize: 5 }).note).toBeUndefined();
  });

  test.each([0, -1, 2.5, '3', Number.NaN, undefined])('refuse batchSize %o (S2)', (batchSize) => {
    expect(() => batches(numbered(5), { batchSize } as never)).toThrow('batchSize must be an integer from 1');
  });

  test('refuse a dropped remainder that is everything', () => {
    expect(() => batches(numbered(5), { batchSize: 6, dropRemainder: true })).toThrow('at most the 5 records');
  });
});

describe('splitRecords', () => {
  test('deals every record to exactly one part', () => {
    const { train, validation, test: held } = splitRecords(numbered(100), { validation: 0.1, test: 0.2, seed: 3 });
    expect([train.size, validation.size, held?.size]).toEqual([70, 10, 20]);
    expect(sorted([...ids(train), ...ids(validation), ...ids(held!)])).toEqual(range(100));
    expect([...train.labels]).toEqual(ids(train).map((id) => id % 4));
  });

  test('takes the same share of every class', () => {
    const { validation } = splitRecords(numbered(200), { validation: 0.2 });
    for (const label of range(4)) expect(validation.labels.filter((l) => l === label).length).toBe(10);
  });

  test('repeats for the same seed, differs for another', () => {
    const chosen = (seed: number, stratify: boolean) => ids(splitRecords(numbered(100), { seed, stratify }).validation);
    for (const stratify of [true, false]) {
      expect(chosen(1, stratify)).toEqual(chosen(1, stratify));
      expect(chosen(1, stratify)).not.toEqual(chosen(2, stratify));
    }
  });

  test.each([
    [{ validation: 0 }, 'validation must be a number in (0, 1), got 0 (number)'],
    [{ validation: 1 }, 'validation must be'],
    [{ validation: 1.2 }, 'validation must be'],
    [{ validation: 0.6, test: 0.4 }, 'validation + test must be below 1'],
    [{ validation: 0.01 }, 'every part must get at least 1 of the 20 records, got train 20, validation 0'],
    [{ validation: 0.99 }, 'got train 0'],
    [{ split: 0.1 }, 'unknown option split'],
  ])('refuses %o (S9)', (options, message) => {
    expect(() => splitRecords(numbered(20), options as never)).toThrow(message);
  });
});

test('takeRecords copies in the order asked for and refuses what is not there', () => {
  expect(ids(takeRecords(numbered(5), [4, 0, 4]))).toEqual([4, 0, 4]);
  expect(() => takeRecords(numbered(5), [5])).toThrow('indices[0] must be an integer from 0 to 4, got 5');
  expect(() => takeRecords(numbered(5), [1.5])).toThrow('indices[0]');
});

test('normalizeImages scales to [0, 1], then by mean and std a channel', () => {
  const near = (values: Float32Array, wanted: number[]) => wanted.forEach((w, i) => expect(values[i]).toBeCloseTo(w, 6));
  near(normalizeImages(Uint8Array.of(0, 51, 255)), [0, 0.2, 1]);
  near(normalizeImages(Uint8Array.of(255, 0, 0, 255), { mean: [0.5, 0], std: [0.5, 0.25] }), [1, 0, -1, 4]);
  expect(() => normalizeImages(Uint8Array.of(1), { std: 0 })).toThrow('std must be numbers > 0, got 0');
});

describe('checkSplit', () => {
  test('names both counts (D7)', () => {
    expect(() => checkSplit({ imageCount: 3, labels: Uint8Array.of(1, 2), imagesFile: 'i', labelsFile: 'l' }, 10)).toThrow('l: 2 labels do not go with 3 images of i');
    expect(() => checkSplit({ imageCount: 0, labels: Uint8Array.of() }, 10)).toThrow('holds no records');
  });

  test('names the label, the range and the record (D8)', () => {
    expect(() => checkSplit({ imageCount: 3, labels: Uint8Array.of(9, 0, 10) }, 10)).toThrow('label must be an integer from 0 to 9, got 10 in record 2');
  });
});
