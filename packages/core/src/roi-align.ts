/** RoIAlign: He et al., "Mask R-CNN" (arXiv 1703.06870), section 3; numbers and borders are those of torchvision's roi_align_kernel.cpp. */
import * as tf from '@tensorflow/tfjs-core';
import { axisSamples, sumOver } from './box-samples.js';
import type { OpAttributes } from './lowering.js';
import { OptionError } from './option-error.js';
import { alignBySamples } from './roi-samples.js';

export type RoiAlignAttributes = OpAttributes['roiAlign'];

/** Neighbours of one image among boxes in the order of their images. */
interface Run {
  image: number;
  start: number;
  count: number;
}

/** Numbers that a step holds at most, if one box allows: 16 MB in float32. */
const STEP = 2 ** 22;

/**
 * What each pixel along an axis is worth to the bins of R boxes: [R, bins, length]. A bin's row is the mean of its samples'
 * weights max(0, 1 - |p - pixel|), those of at most so many samples.
 */
function axisWeights(first: tf.Tensor, last: tf.Tensor, bins: number, length: number, attributes: RoiAlignAttributes, most: number): tf.Tensor3D {
  const { count, flaw, at } = axisSamples(first, last, bins, length, attributes);
  const pixels = tf.range(0, length);
  const sum = sumOver(most, (a) => {
    const { position, counts } = at(a);
    const weights = tf.maximum(tf.sub(1, tf.abs(tf.sub(tf.expandDims(position, 2), pixels))), 0);
    return tf.mul(weights, tf.expandDims(tf.cast(counts, 'float32'), 2));
  });
  return tf.add(tf.div(sum, count.rank === 0 ? count : tf.expandDims(count, 2)), tf.expandDims(flaw, 2)) as tf.Tensor3D;
}

/** Boxes image by image, in runs that a step can hold; the order is absent where they lie so already. */
function runsOf(images: Int32Array, most: number): { runs: Run[]; order?: Int32Array } {
  const order = Int32Array.from(images, (_, i) => i).sort((a, b) => (images[a] as number) - (images[b] as number) || a - b);
  const runs: Run[] = [];
  order.forEach((box, at) => {
    const image = images[box] as number;
    const last = runs.at(-1);
    if (last !== undefined && last.image === image && last.count < most) last.count++;
    else runs.push({ image, start: at, count: 1 });
  });
  return order.every((box, at) => box === at) ? { runs } : { runs, order };
}

/** Along a side of a bin, where their number follows from a region's size. */
const MOST_SAMPLES = 2 ** 12;

const inverse = (order: Int32Array) => {
  const places = new Int32Array(order.length);
  order.forEach((box, at) => { places[box] = at; });
  return places;
};

const rows = (x: tf.Tensor, start: number, count: number) => tf.slice(x, [start, ...x.shape.slice(1).map(() => 0)], [count, ...x.shape.slice(1)]);
const taken = (x: tf.Tensor, order: Int32Array | undefined) => (order === undefined ? x : tf.gather(x, tf.tensor1d(order, 'int32')));

/** The most samples that a bin's longer side can have, where each side has as many as it has pixels; the tensors' rounding may differ by one. */
function mostSamples(corners: Float32Array, { outputSize, spatialScale }: RoiAlignAttributes): number {
  const longest = corners.reduce((most, last, i) => (i % 4 < 2 ? most : Math.max(most, ((last - (corners[i - 2] as number)) * spatialScale) / outputSize[i % 2 === 0 ? 1 : 0])), 1);
  if (longest > MOST_SAMPLES) throw new OptionError('roiAlign2d', 'samplingRatio', 0, `at least 1 for a region of ${longest} pixels a bin`);
  return Math.ceil(longest) + 1;
}

/**
 * Means of bilinear samples over the bins of boxes: bin (i, j) of a box of size h x w at (x, y), divided into P x Q bins, has n x n
 * samples, at rows y + (i + (a + 0.5) / n) h / P, a = 0 .. n - 1, and columns likewise. Samples more than a pixel outside are 0,
 * nearer ones read the border. `aligned` boxes lie half a pixel further up and left, others have sides of at least 1.
 * Rows and columns are independent, so a box is A x Bᵀ with a matrix for each axis: two products, which are quicker than samples but for
 * those of a compiled kernel.
 * Differentiable, once, in x, on every backend; the boxes are constant: no gradient goes to them.
 * @param x [N, H, W, C]
 * @param boxes [N, R, 4], R for each image: x1, y1, x2, y2, times `spatialScale` pixels of x.
 * @returns [N, R, P, Q, C]
 */
export function alignBoxes(x: tf.Tensor4D, boxes: tf.Tensor3D, attributes: RoiAlignAttributes): tf.Tensor5D {
  const [batch, count] = boxes.shape;
  return tf.tidy(() => tf.reshape(align(x, tf.reshape(boxes, [-1, 4]), imagesOf(boxes), attributes, attributes.samplingRatio), [batch, count, ...attributes.outputSize, x.shape[3]]));
}

/**
 * As {@link alignBoxes}, of regions anywhere, whose numbers are known: so `samplingRatio` may be 0, as many samples along each side of
 * a bin as it has pixels, rounded up.
 * @param corners x1, y1, x2, y2 of R regions. @param images Which image each is in.
 * @returns [R, P, Q, C]
 * @throws OptionError where that would be thousands of samples.
 */
export function alignRegions(x: tf.Tensor4D, corners: Float32Array, images: Int32Array, attributes: RoiAlignAttributes): tf.Tensor4D {
  return tf.tidy(() => align(x, tf.tensor2d(corners, [images.length, 4]), images, attributes, attributes.samplingRatio || mostSamples(corners, attributes)));
}

/** Boxes [R, 4] in these images, with at most so many samples along each side of a bin. Tidy around it. */
function align(x: tf.Tensor4D, boxes: tf.Tensor2D, images: Int32Array, attributes: RoiAlignAttributes, most: number): tf.Tensor4D {
  const sampled = alignBySamples(x, boxes, images, attributes);
  if (sampled !== undefined) return sampled;
  const { outputSize: [down, across] } = attributes;
  const [, height, width, channels] = x.shape;
  const { runs, order } = runsOf(images, Math.max(1, Math.floor(STEP / (down * width * channels))));
  if (runs.length === 0) return withoutBoxes(x, [0, down, across, channels]);
  /** The matrices of a run: [count P, H], and [count P, Q, W], one for every row of bins. */
  const matrices = (all: readonly tf.Tensor[], { start, count }: Run) => [
    tf.reshape(rows(all[0] as tf.Tensor, start, count), [count * down, height]),
    tf.reshape(tf.tile(tf.expandDims(rows(all[1] as tf.Tensor, start, count), 1), [1, down, 1, 1]), [count * down, across, width]),
  ] as const;
  const aligned = tf.customGrad((input, save) => {
    const sorted = taken(boxes, order);
    const corner = (i: number) => tf.slice(sorted, [0, i], [-1, 1]);
    const vertical = tf.tidy(() => axisWeights(corner(1), corner(3), down, height, attributes, most));
    const horizontal = tf.tidy(() => axisWeights(corner(0), corner(2), across, width, attributes, most));
    (save as (tensors: tf.Tensor[]) => void)([vertical, horizontal]);
    return {
      value: tf.tidy(() => taken(tf.concat(runs.map((run) => tf.tidy(() => {
        const [a, b] = matrices([vertical, horizontal], run);
        const high = tf.matMul(a, tf.reshape(rows(input as tf.Tensor, run.image, 1), [height, width * channels]));
        return tf.reshape(tf.matMul(b, tf.reshape(high, [-1, width, channels])), [run.count, down, across, channels]) as tf.Tensor4D;
      })), 0), order && inverse(order))),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => {
        const upstream = taken(dy, order);
        const given = (run: Run) => {
          const [a, b] = matrices(saved, run);
          const bins = tf.reshape(rows(upstream, run.start, run.count), [-1, across, channels]);
          // Transposed beforehand: products with a transpose flag take a slow path on wasm.
          const high = tf.reshape(tf.matMul(tf.transpose(b, [0, 2, 1]), bins), [-1, width * channels]);
          return tf.reshape(tf.matMul(tf.transpose(a), high), [1, height, width, channels]) as tf.Tensor4D;
        };
        return tf.concat(Array.from({ length: x.shape[0] }, (_, image) => {
          const own = runs.filter((run) => run.image === image);
          return own.length === 0 ? tf.zeros<tf.Rank.R4>([1, height, width, channels]) : sumOver(own.length, (i) => given(own[i] as Run));
        }), 0);
      }),
    };
  });
  return aligned(x) as tf.Tensor4D;
}

/** What no boxes give: no numbers, and no gradient to give. */
export function withoutBoxes(x: tf.Tensor4D, shape: [number, number, number, number]): tf.Tensor4D {
  return tf.customGrad(() => ({ value: tf.zeros(shape), gradFunc: () => tf.zeros(x.shape) }))(x) as tf.Tensor4D;
}

/** The image of each of boxes [N, R, 4]. */
export function imagesOf({ shape: [batch, count] }: tf.Tensor3D): Int32Array {
  return Int32Array.from({ length: batch * count }, (_, i) => Math.floor(i / count));
}
