import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataError, FASHION_MNIST } from './index.js';
import { loadDataset } from './node.js';

const failure = async (promise: Promise<unknown>): Promise<DataError> => {
  const error = await promise.then(() => undefined, (e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
};

describe('loadDataset', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'convkit-data-test-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const nowhere = () => ({ directory: join(folder, 'a'), cacheDirectory: join(folder, 'b'), systemDirectory: join(folder, 'c'), download: false });

  /** Two images of one pixel and their labels, for training and for testing alike. */
  async function storeLittle(): Promise<string> {
    for (const { part, name } of FASHION_MNIST.files) {
      const header = part.endsWith('Images') ? [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1] : [0, 0, 8, 1, 0, 0, 0, 2];
      await writeFile(join(folder, name), Uint8Array.from([...header, 3, 9]));
    }
    return folder;
  }

  test('auto falls back to shapes of the same form and says so; the explicit name does not', async () => {
    const loaded = await loadDataset('auto', nowhere());
    expect(loaded).toMatchObject({ name: 'shapes', imageShape: [28, 28, 1] });
    expect(loaded.note).toMatch(/^using the built-in shapes set: fashion-mnist is in none of the places looked at/);
    expect((await failure(loadDataset('fashion-mnist', nowhere()))).code).toBe('ERR_DATA_NOT_FOUND');
    expect((await loadDataset('shapes', { seed: 1 })).note).toBeUndefined();
  });

  test('reads CONVKIT_DATA', async () => {
    const before = process.env['CONVKIT_DATA'];
    process.env['CONVKIT_DATA'] = await storeLittle();
    try {
      const { directory: _, ...rest } = nowhere();
      expect(await loadDataset('fashion-mnist', rest)).toMatchObject({ name: 'fashion-mnist (unverified)', source: process.env['CONVKIT_DATA'] });
    } finally {
      if (before === undefined) delete process.env['CONVKIT_DATA'];
      else process.env['CONVKIT_DATA'] = before;
    }
  });

  test('refuses unknown names and options with the nearest known', async () => {
    expect((await failure(loadDataset('fashion_mnist' as never))).message).toBe('loadDataset: name must be one of fashion-mnist, shapes, auto, or a path with a /, got "fashion_mnist" (string). Did you mean fashion-mnist?');
    expect((await failure(loadDataset('auto', { sed: 1 } as never))).message).toContain('did you mean seed?');
    expect((await failure(loadDataset('auto', { timeoutMs: 0 }))).code).toBe('ERR_OPTION');
  });
});

const real = '/usr/share/datasets/fashion-mnist';
test.skipIf(!existsSync(real))(`real Fashion-MNIST from ${real} (skipped where Debian's dataset-fashion-mnist is not installed)`, async () => {
  const loaded = await loadDataset('fashion-mnist', { directory: real, download: false });
  expect(loaded).toMatchObject({ name: 'fashion-mnist', imageShape: [28, 28, 1], train: { size: 60_000 }, test: { size: 10_000 } });
  expect(loaded.note).toBeUndefined();
  for (const [split, each] of [[loaded.train, 6000], [loaded.test, 1000]] as const) {
    const counts = Array(10).fill(0) as number[];
    for (const label of split.labels) counts[label]!++;
    expect(counts).toEqual(Array(10).fill(each));
  }
  // The first training image is an ankle boot; mean and deviation as the literature prints them.
  expect(loaded.classNames[loaded.train.labels[0]!]).toBe('Ankle boot');
  const mean = loaded.train.images.reduce((a, b) => a + b, 0) / loaded.train.images.length / 255;
  expect(mean).toBeCloseTo(0.2860, 4);
});
