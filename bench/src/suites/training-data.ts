import { batches, normalizeImages, splitRecords, type ImageDataset, type ImageSplit, type PixelScale } from '@convkit/data';
import { CommandError } from '../errors.js';
import { uniformStream } from '../random.js';

/** What may be done to a training image. */
export const AUGMENTATIONS = ['none', 'flip', 'flip-shift'] as const;
export type Augmentation = (typeof AUGMENTATIONS)[number];

/** One batch as the network takes it: [N, H, W, C] and the class of each. */
export interface TrainingBatch {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly size: number;
}

/** The three disjoint parts of a run and how they become batches. */
export interface TrainingData {
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** Shuffled by seed and epoch, augmented. */
  trainBatches(epoch: number): Iterable<TrainingBatch>;
  validationBatches(): Iterable<TrainingBatch>;
  /** The test set, for one reading a seed. */
  testBatches(): Iterable<TrainingBatch>;
  readonly stepsPerEpoch: number;
}

const SPLIT_SEED = 0;
/** Of 'flip-shift', in pixels, where a recipe does not say. */
export const DEFAULT_SHIFT = 2;

/**
 * Cuts a dataset into train, validation (taken out of train) and test. The parts depend on the sizes only, never on the run's
 * seed, so that seeds are comparable. Pixels are normalised by mean and deviation of the training part and padded with black
 * to `inputShape`. Throws wrong usage when the sizes ask for more than there is.
 */
export function prepareTrainingData(dataset: ImageDataset, options: {
  inputShape: readonly [number, number, number];
  batch: number;
  seed: number;
  augmentation: Augmentation;
  /** How far 'flip-shift' moves an image, in pixels. Default 2. */
  shift?: number;
  trainSize?: number;
  testSize?: number;
  validationSize?: number;
  /** Default: mean and deviation of the training part. */
  scale?: PixelScale;
}): TrainingData {
  const { inputShape, batch, seed, augmentation, shift = DEFAULT_SHIFT } = options;
  checkShape(dataset, inputShape);
  const validationSize = options.validationSize ?? Math.round(dataset.train.size * 0.1);
  const { validation, train: rest } = splitRecords(dataset.train, { validation: shareOf('validation-size', validationSize, dataset.train.size - 1, dataset.train.size), seed: SPLIT_SEED });
  const train = subset('train-size', rest, options.trainSize);
  const test = subset('test-size', dataset.test, options.testSize);
  const shape = dataset.imageShape;
  const scale = options.scale ?? pixelScale(train, shape[2]);
  const network = (split: ImageSplit): TrainingBatch => ({
    images: normalizeImages(padImages(split.images, shape, inputShape), scale), labels: split.labels, size: split.size,
  });
  function* plain(split: ImageSplit): Iterable<TrainingBatch> {
    for (const part of batches(split, { batchSize: Math.max(batch, 256), shuffle: false })) yield network(part);
  }
  return {
    sizes: { train: train.size, validation: validation.size, test: test.size },
    stepsPerEpoch: Math.ceil(train.size / Math.min(batch, train.size)),
    *trainBatches(epoch) {
      const random = uniformStream(seed * 10_007 + epoch);
      for (const part of batches(train, { batchSize: batch, seed, epoch })) {
        yield network({ ...part, images: augment(part.images, shape, { augmentation, shift }, random) });
      }
    },
    validationBatches: () => plain(validation),
    testBatches: () => plain(test),
  };
}

/** The input of a model for these images: theirs, or padded to a larger height and width. */
function checkShape(dataset: ImageDataset, [height, width, channels]: readonly [number, number, number]): void {
  const [h, w, c] = dataset.imageShape;
  if (height >= h && width >= w && channels === c) return;
  throw new CommandError('usage', `--input must be at least ${h}x${w}x${c} for ${dataset.name}, with ${c} channels, got ${height}x${width}x${channels}`, 'images are padded, never scaled');
}

/** `size` records with every class in proportion; all of them when no size is given. */
function subset(flag: string, split: ImageSplit, size: number | undefined): ImageSplit {
  if (size === undefined || size === split.size) return split;
  return splitRecords(split, { validation: shareOf(flag, size, split.size, split.size), seed: SPLIT_SEED }).validation;
}

function shareOf(flag: string, size: number, most: number, of: number): number {
  if (size <= most) return size / of;
  throw new CommandError('usage', `--${flag} must be at most ${most}, got ${size}`);
}

/** Mean and standard deviation of each channel, in units of the [0, 1] scale. */
function pixelScale({ images }: ImageSplit, channels: number): { mean: number[]; std: number[] } {
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let i = 0; i < images.length; i++) {
    const value = (images[i] as number) / 255;
    const channel = i % channels;
    sums[channel] = (sums[channel] as number) + value;
    squares[channel] = (squares[channel] as number) + value * value;
  }
  const count = images.length / channels;
  const mean = Array.from(sums, (sum) => sum / count);
  // A constant channel has no deviation to divide by.
  const std = Array.from(squares, (square, channel) => Math.sqrt(square / count - (mean[channel] as number) ** 2) || 1);
  return { mean, std };
}

/** Copies [N, h, w, C] into the middle of black [N, H, W, C]. */
export function padImages(images: Uint8Array, [h, w, channels]: readonly [number, number, number], [height, width]: readonly [number, number, number]): Uint8Array {
  if (h === height && w === width) return images;
  const count = images.length / (h * w * channels);
  const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
  const padded = new Uint8Array(count * height * width * channels);
  for (let image = 0; image < count; image++) {
    for (let row = 0; row < h; row++) {
      const from = (image * h + row) * w * channels;
      padded.set(images.subarray(from, from + w * channels), ((image * height + top + row) * width + left) * channels);
    }
  }
  return padded;
}

/** Mirrors half of the images and, with 'flip-shift', moves each by up to `shift` pixels; what comes in is black (padding and a random crop). */
export function augment(images: Uint8Array, shape: readonly [number, number, number], { augmentation, shift }: { augmentation: Augmentation; shift: number }, random: () => number): Uint8Array {
  if (augmentation === 'none') return images;
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const result = new Uint8Array(images.length);
  const offset = (): number => (augmentation === 'flip-shift' ? Math.floor(random() * (2 * shift + 1)) - shift : 0);
  for (let start = 0; start < images.length; start += size) {
    const mirror = random() < 0.5;
    const [down, right] = [offset(), offset()];
    for (let y = Math.max(0, down); y < Math.min(height, height + down); y++) {
      for (let x = Math.max(0, right); x < Math.min(width, width + right); x++) {
        const fromX = mirror ? width - 1 - (x - right) : x - right;
        const from = start + ((y - down) * width + fromX) * channels;
        const to = start + (y * width + x) * channels;
        for (let channel = 0; channel < channels; channel++) result[to + channel] = images[from + channel] as number;
      }
    }
  }
  return result;
}
