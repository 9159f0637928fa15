/**
 * Deformable RoI pooling: Dai et al., "Deformable Convolutional Networks" (arXiv 1703.06211), section 2.2, with the mask of
 * Zhu et al. (arXiv 1811.11168), section 3.2. Numbers and rounding are those of the authors' deformable_psroi_pooling.cu.
 */
import { bilinearSample, multiplyMatrices, option, OptionError, readOptions, sumOf } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';

export interface DeformableRoiPoolOptions {
  /** Bins along each side, the paper's k. */
  pooledSize: number;
  /** From the coordinates of the regions to those of x: 1/16 behind a stride of 16. Default 1. */
  spatialScale?: number;
  /** Samples along each side of a bin: the authors take 4 for R-FCN, 2 for v2. Default 4. */
  samplesPerBin?: number;
  /** Position-sensitive maps along each side: 1 is ordinary RoI pooling, pooledSize is R-FCN's. Default 1. */
  groupSize?: number;
  /** How far an offset of 1 moves a bin, as a share of the region: the paper's gamma. Default 0.1. */
  offsetScale?: number;
}

const entries = {
  pooledSize: option.integer(1),
  spatialScale: option.withDefault(option.number({ above: 0 }), 1),
  samplesPerBin: option.withDefault(option.integer(1), 4),
  groupSize: option.withDefault(option.integer(1), 1),
  offsetScale: option.withDefault(option.number(), 0.1),
} as const;

/** Start and size of the regions along one axis, [R, 1], from their first and last pixel. */
function extentOf(first: tf.Tensor, last: tf.Tensor, scale: number): { start: tf.Tensor; size: tf.Tensor } {
  // C rounds halves away from zero; tf.round takes them to the even neighbour.
  const rounded = (x: tf.Tensor) => tf.mul(tf.sign(x), tf.floor(tf.add(tf.abs(x), 0.5)));
  const start = tf.sub(tf.mul(rounded(first), scale), 0.5);
  const end = tf.sub(tf.mul(tf.add(rounded(last), 1), scale), 0.5);
  return { start, size: tf.maximum(tf.sub(end, start), 0.1) };
}

/** Offsets of the parts [R, P, P, 2 G] as those of the k k bins [R, k k, G, 2]. */
function offsetsOfBins(offsets: tf.Tensor4D, k: number): tf.Tensor4D {
  const [regions, parts, , channels] = offsets.shape;
  const shape: [number, number, number, number] = [regions, k * k, channels / 2, 2];
  if (parts === k) return tf.reshape(offsets, shape);
  // A product with a matrix of zeros and ones: tf.gather has no gradient on wasm.
  const part = (bin: number) => Math.floor((Math.floor(bin / k) * parts) / k) * parts + Math.floor(((bin % k) * parts) / k);
  const choice = tf.oneHot(tf.tensor1d(Array.from({ length: k * k }, (_, bin) => part(bin)), 'int32'), parts * parts) as tf.Tensor2D;
  const byPart = tf.reshape(tf.transpose(tf.reshape(offsets, [regions, parts * parts, channels]), [1, 0, 2]), [parts * parts, -1]) as tf.Tensor2D;
  return tf.reshape(tf.transpose(tf.reshape(multiplyMatrices(tf.cast(choice, 'float32'), byPart), [k * k, regions, channels]), [1, 0, 2]), shape);
}

/** 1 where a sample counts, up to half a pixel outside; no gradient. */
function counts(positions: tf.Tensor, length: number): tf.Tensor {
  return tf.mul(tf.sub(1, tf.step(tf.sub(-0.5, positions))), tf.sub(1, tf.step(tf.sub(positions, length - 0.5))));
}

/** [N, H, W, D s s] as s s times N images [H, W, D], for position-sensitive bins. */
function splitMaps(x: tf.Tensor4D, groupSize: number): tf.Tensor4D {
  const [n, h, w, channels] = x.shape;
  const maps = groupSize * groupSize;
  return maps === 1 ? x : tf.reshape(tf.transpose(tf.reshape(x, [-1, maps])), [maps * n, h, w, channels / maps]);
}

/**
 * Means over bins of regions, each bin moved by its offset: with (x1, y1) and (w, h) a region's start and size in x, bin (i, j)
 * samples bilinearly, a = 0 .. s - 1 and b = 0 .. s - 1, at column x1 + (j + b / s) w / k + gamma w dx_ij and row
 * y1 + (i + a / s) h / k + gamma h dy_ij. Samples more than half a pixel outside do not count; without any the mean is 0.
 * Without offsets it is the plain pooling whose result the offsets are computed from. Differentiable, once, in x, offsets and mask.
 * @param x [N, H, W, C]
 * @param regions [R, 5]: image, then x1, y1, x2, y2 of the first and last pixel.
 * @param offsets [R, P, P, 2 G]: for each of G groups of output channels x, then y (a convolution's are y, then x); bin b reads part floor(b P / k).
 * @param mask [R, k, k]: a factor for each bin, used as given (v2; the authors' is a sigmoid).
 * @returns [R, k, k, C / groupSize²]; output channel d of a bin at (i, j) reads channel (d s + floor(i s / k)) s + floor(j s / k), s = groupSize.
 * @throws OptionError for options and shapes that do not fit.
 */
export function deformableRoiPool2d(x: tf.Tensor4D, regions: tf.Tensor2D, options: DeformableRoiPoolOptions, offsets?: tf.Tensor4D, mask?: tf.Tensor3D): tf.Tensor4D {
  const where = 'deformableRoiPool2d';
  const { pooledSize: k, spatialScale, samplesPerBin, groupSize, offsetScale } = readOptions(where, entries, options);
  return tf.tidy(() => {
    const [n, height, width, channels] = x.shape;
    const [count, fields] = regions.shape;
    const outputs = channels / (groupSize * groupSize);
    const classes = offsets ? offsets.shape[3] / 2 : 1;
    if (fields !== 5) throw new OptionError(where, 'regions', regions.shape, '[R, 5]: image, x1, y1, x2, y2');
    if (!Number.isInteger(outputs)) throw new OptionError(where, 'groupSize', groupSize, `such that its square divides the ${channels} channels`);
    if (offsets && (offsets.shape[0] !== count || offsets.shape[1] !== offsets.shape[2] || outputs % classes !== 0)) {
      throw new OptionError(where, 'offsets', offsets.shape, `[${count}, P, P, 2 G], G a divisor of the ${outputs} output channels`);
    }
    if (mask && String(mask.shape) !== String([count, k, k])) throw new OptionError(where, 'mask', mask.shape, `[${count}, ${k}, ${k}]`);

    const bins = Array.from({ length: k * k }, (_, bin) => [Math.floor(bin / k), bin % k] as const);
    const field = (i: number) => tf.slice(regions, [0, i], [-1, 1]);
    const map = bins.map(([i, j]) => (Math.floor((i * groupSize) / k) * groupSize + Math.floor((j * groupSize) / k)) * n);
    const images = tf.reshape(tf.add(tf.cast(field(0), 'int32'), tf.tensor2d(map, [1, k * k], 'int32')), [-1]) as tf.Tensor1D;
    const moved = offsets && offsetsOfBins(offsets, k);
    /** Samples a = 0 .. s - 1 of every bin along an axis, [R k k, G] each. */
    const samples = (axis: 0 | 1, { start, size }: ReturnType<typeof extentOf>) => {
      const regular = tf.expandDims(tf.add(start, tf.mul(size, tf.tensor2d(bins.map((bin) => bin[axis] / k), [1, k * k]))), 2);
      const sizes = tf.expandDims(size, 2);
      const shift = moved && tf.mul(tf.squeeze(tf.slice(moved, [0, 0, 0, 1 - axis], [-1, -1, -1, 1]), [3]), tf.mul(sizes, offsetScale));
      const first = shift ? tf.add(regular, shift) : regular;
      return Array.from({ length: samplesPerBin }, (_, a) => tf.reshape(tf.add(first, tf.mul(sizes, a / (k * samplesPerBin))), [-1, classes]) as tf.Tensor2D);
    };
    const rows = samples(0, extentOf(field(2), field(4), spatialScale));
    const columns = samples(1, extentOf(field(1), field(3), spatialScale));

    const maps = splitMaps(x, groupSize);
    const flat = (values: tf.Tensor) => tf.reshape(values, [-1, 1]);
    const [sums, used] = [[], []] as [tf.Tensor[], tf.Tensor[]];
    for (const row of rows) {
      for (const column of columns) {
        const counted = flat(tf.mul(counts(row, height), counts(column, width)));
        const sample = bilinearSample(maps, { rows: tf.clipByValue(row, 0, height - 1), columns: tf.clipByValue(column, 0, width - 1), images });
        sums.push(tf.mul(tf.reshape(sample, [-1, outputs / classes]), counted));
        used.push(counted);
      }
    }
    const mean = tf.reshape(tf.div(sumOf(sums), tf.maximum(sumOf(used), 1)), [count, k, k, outputs]) as tf.Tensor4D;
    return mask ? tf.mul(mean, tf.expandDims(mask, 3)) : mean;
  });
}
