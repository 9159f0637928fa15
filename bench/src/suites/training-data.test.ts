import type { ImageDataset, ImageSplit } from '@convkit/data';
import { describe, expect, it } from 'vitest';
import { augment, padImages, prepareTrainingData, type TrainingBatch } from './training-data.js';

const image = [1, 2, 3, 4, 5, 6];

describe('a training image', () => {
  it('is padded into the middle, black around', () => {
    expect([...padImages(Uint8Array.from([1, 2, 3, 4]), [2, 2, 1], [4, 4, 1])]).toEqual([0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]);
  });

  it('is mirrored by half', () => {
    expect([...augment(Uint8Array.from(image), [2, 3, 1], { augmentation: 'flip', shift: 2 }, () => 0.1)]).toEqual([3, 2, 1, 6, 5, 4]);
    expect([...augment(Uint8Array.from(image), [2, 3, 1], { augmentation: 'flip', shift: 2 }, () => 0.9)]).toEqual(image);
  });

  it.each([[2, [0, 0, 0, 1, 2, 3]], [1, [0, 0, 0, 1, 2, 3]], [4, [0, 0, 0, 0, 0, 0]], [0, image]])('is moved by at most as many pixels as asked for (%d)', (shift, moved) => {
    const draws = [0.9, 0.7, 0.45];
    expect([...augment(Uint8Array.from(image), [2, 3, 1], { augmentation: 'flip-shift', shift }, () => draws.shift() ?? 0)]).toEqual(moved);
  });
});

describe('the parts of a run', () => {
  it('are disjoint, in proportion, and the same for every seed', () => {
    const of = (seed: number) => prepareTrainingData(dataset(), { inputShape: [2, 2, 1], batch: 16, seed, augmentation: 'none', trainSize: 100, testSize: 40, validationSize: 50 });
    expect(of(1).sizes).toEqual({ train: 100, validation: 50, test: 40 });
    const labels = (batches: Iterable<TrainingBatch>) => [...batches].flatMap((batch) => [...batch.labels]);
    expect(labels(of(1).trainBatches(1)).filter((label) => label === 3)).toHaveLength(10);
    expect(labels(of(1).testBatches())).toEqual(labels(of(2).testBatches()));
    expect(labels(of(1).trainBatches(1))).not.toEqual(labels(of(2).trainBatches(1)));
    expect(labels(of(1).trainBatches(1))).toEqual(labels(of(1).trainBatches(1)));
  });

  it('are normalised to mean 0 and deviation 1 on the training part', () => {
    const data = prepareTrainingData(dataset(), { inputShape: [2, 2, 1], batch: 1000, seed: 1, augmentation: 'none' });
    const [batch] = [...data.trainBatches(1)];
    const values = [...batch!.images];
    const mean = values.reduce((a, b) => a + b) / values.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)).toBeCloseTo(1, 4);
  });

  it.each([
    [{ trainSize: 1000 }, '--train-size must be at most'],
    [{ testSize: 201 }, '--test-size must be at most 200, got 201'],
    [{ inputShape: [1, 2, 1] as const }, '--input must be at least 2x2x1'],
    [{ inputShape: [4, 4, 3] as const }, 'with 1 channels, got 4x4x3'],
  ])('are refused when they ask for more than there is (%j)', (wrong, message) => {
    const options = { inputShape: [2, 2, 1] as const, batch: 16, seed: 1, augmentation: 'none' as const, ...wrong };
    expect(() => prepareTrainingData(dataset(), options)).toThrow(message);
  });
});

function dataset(): ImageDataset {
  const split = (size: number): ImageSplit => ({ size, labels: Uint8Array.from({ length: size }, (_, i) => i % 10), images: Uint8Array.from({ length: size * 4 }, (_, i) => (i * 37) % 256) });
  return { name: 'made up', classNames: [...'abcdefghij'], imageShape: [2, 2, 1], train: split(400), test: split(200), sha256: 'a'.repeat(64), source: 'made up' };
}
