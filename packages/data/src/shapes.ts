import { checkOptions, customOption, integerOption, numberOption, oneOfOption } from './check-options.js';
import { DataError } from './data-error.js';
import { listingSha256, sha256Hex } from './content-hash.js';
import type { ImageDataset, ImageSplit } from './dataset.js';
import { mixSeeds, randomStream, shuffledIndices, type RandomStream } from './random.js';
import { developCanvas, drawGradient, drawObject, randomDirection, type Canvas, type Placement } from './shape-drawing.js';
import { OUTLINES } from './shape-outlines.js';

export interface ShapesOptions {
  /** 0 to 2^32-1. Default 0. Image i of a split depends on the seed and i alone, not on how many are drawn. */
  readonly seed?: number;
  /** Images to train on. Default 5000. */
  readonly train?: number;
  /** Images to test on. Default 1000. */
  readonly test?: number;
  /** Height and width in pixels, one number or [H, W], 16 to 512. Default 32. */
  readonly imageSize?: number | readonly [height: number, width: number];
  /** 1 (grey) or 3 (RGB). Default 3. */
  readonly channels?: 1 | 3;
  /** Objects an image: a number or [least, most], 1 to 6. Default 1. Objects do not touch; where no room is left there are fewer. */
  readonly objects?: number | readonly [least: number, most: number];
  /** Standard deviation of the noise in units of the full scale, 0 to 0.5. Default 0.08. */
  readonly noise?: number;
}

/** Images with what a detector or a segmenter needs beside the label. `most` is the largest possible number of objects. */
export interface ShapesSplit extends ImageSplit {
  /** [size, most, 4]: y1, x1, y2, x2 in pixels, upper ends exclusive; tight around the mask; zeros where there is no object. */
  readonly boxes: Float32Array;
  /** [size, most]: class of each object, -1 where there is none. The image's own label is that of its first object. */
  readonly objectLabels: Int8Array;
  /** [size, H, W]: 0 background, k the k-th object, counted from 1. */
  readonly masks: Uint8Array;
  readonly objectsPerImage: number;
}

export interface ShapesDataset extends ImageDataset {
  readonly train: ShapesSplit;
  readonly test: ShapesSplit;
}

const MAX_OBJECTS = 6;
const isPair = (x: unknown, min: number, max: number): x is readonly [number, number] =>
  Array.isArray(x) && x.length === 2 && x.every((n) => Number.isInteger(n) && n >= min && n <= max);
const oneOrTwo = (x: unknown, min: number, max: number) => isPair(typeof x === 'number' ? [x, x] : x, min, max);
const RULES = {
  seed: integerOption(0, 2 ** 32 - 1),
  train: integerOption(1, 1_000_000),
  test: integerOption(1, 1_000_000),
  imageSize: customOption<number | readonly [number, number]>('one integer or [H, W], from 16 to 512', (x) => oneOrTwo(x, 16, 512)),
  channels: oneOfOption([1, 3]),
  objects: customOption<number | readonly [number, number]>(`one integer or [least, most], from 1 to ${MAX_OBJECTS}`, (x) => oneOrTwo(x, 1, MAX_OBJECTS) && (typeof x === 'number' || (isPair(x, 1, MAX_OBJECTS) && x[0] <= x[1]))),
  noise: numberOption(0, 0.5),
};
interface Settings { readonly seed: number; readonly height: number; readonly width: number; readonly channels: number; readonly least: number; readonly most: number; readonly noise: number }

/** Class names of the set, in label order. */
export const SHAPE_CLASSES: readonly string[] = OUTLINES.map(({ name }) => name);

/**
 * Draws the procedural set: ten outlines at random place, size, turn and brightness (lighter or darker than the ground) on a
 * gradient with noise. Classes are balanced. The same options give the same bytes on every engine.
 * @throws DataError ERR_OPTION, also when the images would need more than 2 GiB.
 */
export function shapes(options: ShapesOptions = {}): ShapesDataset {
  const { seed = 0, train: trainSize = 5000, test: testSize = 1000, imageSize = 32, channels = 3, objects = 1, noise = 0.08 } = checkOptions('shapes', RULES, options);
  const [height, width] = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
  const [least, most] = typeof objects === 'number' ? [objects, objects] : objects;
  const bytes = Math.max(trainSize, testSize) * height * width * channels;
  if (bytes > 2 ** 31) throw new DataError('ERR_OPTION', `shapes: train and test must each stay below 2 GiB of pixels, got ${bytes} bytes at ${height} x ${width} x ${channels}`);
  const settings: Settings = { seed, height, width, channels, least, most, noise };
  const [train, test] = [drawSplit(trainSize, 0, settings), drawSplit(testSize, 1, settings)];
  const parts = Object.entries({ train, test }).flatMap(([name, split]) => [
    { name: `${name}-images`, sha256: sha256Hex(split.images) }, { name: `${name}-labels`, sha256: sha256Hex(split.labels) },
  ]);
  return {
    name: 'shapes', classNames: SHAPE_CLASSES, imageShape: [height, width, channels], train, test, sha256: listingSha256(parts),
    source: `procedural: seed ${seed}, objects ${least === most ? most : `${least} to ${most}`}, noise ${noise}`,
  };
}

function drawSplit(size: number, splitNumber: number, settings: Settings): ShapesSplit {
  const { seed, height, width, channels, least, most, noise } = settings;
  const classes = OUTLINES.length;
  const canvas: Canvas = { height, width, channels, values: new Float64Array(height * width * channels) };
  const split = {
    images: new Uint8Array(size * canvas.values.length), labels: new Uint8Array(size), size, objectsPerImage: most,
    boxes: new Float32Array(size * most * 4), objectLabels: new Int8Array(size * most).fill(-1), masks: new Uint8Array(size * height * width),
  };
  let round: Uint32Array = new Uint32Array(0);
  for (let i = 0; i < size; i++) {
    // Every run of ten images holds every class once, in an order of its own.
    if (i % classes === 0) round = shuffledIndices(classes, randomStream(mixSeeds(seed, splitNumber, i, 1)));
    const random = randomStream(mixSeeds(seed, splitNumber, i, 0));
    const mask = split.masks.subarray(i * height * width, (i + 1) * height * width);
    const ground = drawGround(canvas, random);
    const count = least + Math.floor(random() * (most - least + 1));
    const placements = place(count, settings, ground, random);
    placements.forEach((placement, k) => {
      const label = k === 0 ? (round[i % classes] ?? 0) : Math.floor(random() * classes);
      const outline = OUTLINES[label];
      if (!outline) return;
      split.boxes.set(drawObject(canvas, mask, outline.inside, placement, k + 1), (i * most + k) * 4);
      split.objectLabels[i * most + k] = label;
      if (k === 0) split.labels[i] = label;
    });
    developCanvas(canvas, noise, random, split.images.subarray(i * canvas.values.length, (i + 1) * canvas.values.length));
  }
  return split;
}

interface Ground { readonly middle: number; readonly span: number }

/** Paints the background: a grey of 0.35 to 0.65, a gradient of up to 0.25 across, and for colour a tint. */
function drawGround(canvas: Canvas, random: RandomStream): Ground {
  const [middle, span] = [0.35 + 0.3 * random(), 0.25 * random()];
  drawGradient(canvas, tinted(middle, canvas.channels, 0.3, random), span, randomDirection(random));
  return { middle, span };
}

/** Objects that do not touch: each in a circle of its own, wholly inside the image. */
function place(count: number, { height, width, channels, most }: Settings, ground: Ground, random: RandomStream): Placement[] {
  const side = Math.min(height, width);
  const [smallest, largest] = most === 1 ? [0.22, 0.45] : [0.13, most <= 3 ? 0.26 : 0.2];
  const placed: Placement[] = [];
  for (let attempt = 0; attempt < 40 * count && placed.length < count; attempt++) {
    // Below 3 pixels the outlines can no longer be told apart.
    const radius = Math.max(3, side * (smallest + (largest - smallest) * random()));
    const [x, y] = [radius + (width - 2 * radius) * random(), radius + (height - 2 * radius) * random()];
    const free = placed.every((other) => (other.x - x) * (other.x - x) + (other.y - y) * (other.y - y) > (other.radius + radius + 1) * (other.radius + radius + 1));
    if (!free) continue;
    const [cos, sin] = randomDirection(random);
    placed.push({ x, y, radius, cos, sin, colour: tinted(contrasting(ground, random), channels, 0.3, random) });
  }
  return placed;
}

/** A grey at least 0.2 lighter or darker (evenly often) than any of the ground, so that brightness alone says nothing of the class. */
function contrasting({ middle, span }: Ground, random: RandomStream): number {
  const [darkest, lightest] = [middle - span / 2 - 0.2, middle + span / 2 + 0.2];
  return random() < 0.5 ? darkest * random() : lightest + (1 - lightest) * random();
}

/** A grey as channel values: itself alone, or three that spread around it by at most `spread` / 2 and average to it. */
function tinted(grey: number, channels: number, spread: number, random: RandomStream): number[] {
  if (channels === 1) return [grey];
  const tint = [random(), random(), random()];
  const mean = tint.reduce((sum, t) => sum + t, 0) / 3;
  return tint.map((t) => grey + spread * (t - mean));
}
