/**
 * Bilinear samples of images, zero outside, with their gradients from ops that every tfjs backend has: tf.gather's own
 * gradient needs UnsortedSegmentSum, which wasm lacks and the cpu backend runs in O(rows x samples).
 */
import { nativeBilinearSample, nativeBilinearSampleGradients } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';

/**
 * M positions for each of G groups of channels, in pixels: row y lies between the rows floor(y) and floor(y) + 1.
 * Group g is the channels g C/G to (g + 1) C/G - 1.
 */
export interface SamplePositions {
  /** [M, G] */
  rows: tf.Tensor2D;
  /** [M, G] */
  columns: tf.Tensor2D;
  /** Which image each position is in, int32 [M]. */
  images: tf.Tensor1D;
}

/** One of the two neighbours of a position along one axis; all [M, G]. */
interface Neighbour {
  /** Its row or column; where outside the image, the nearest inside. */
  at: tf.Tensor2D;
  /** Its share of the sample: 1 - distance, 0 outside the image. */
  weight: tf.Tensor2D;
  /** Derivative of the share by the position: -1 or 1, 0 outside the image. */
  slope: tf.Tensor2D;
}

/** One of the four pixels around a position. `index` is its row in the table of {@link pixelTable}; the others are [M G, 1]. */
interface Corner {
  index: tf.Tensor1D;
  weight: tf.Tensor2D;
  byRow: tf.Tensor2D;
  byColumn: tf.Tensor2D;
}

/** The neighbours below and above positions along an axis of so many pixels. */
function neighbours(positions: tf.Tensor2D, length: number): [Neighbour, Neighbour] {
  // From one pixel outside on every share is 0; the clip keeps infinity out of the arithmetic. wasm's takes NaN to a bound: a network that diverges must show it.
  const clipped = tf.where(tf.isNaN(positions), positions, tf.clipByValue(positions, -2, length + 1));
  const low = tf.floor(clipped);
  const distance = tf.sub(clipped, low);
  const neighbour = (pixel: tf.Tensor2D, share: tf.Tensor2D, sign: 1 | -1): Neighbour => {
    const at = tf.clipByValue(pixel, 0, length - 1);
    const inside = tf.cast(tf.equal(at, pixel), 'float32') as tf.Tensor2D;
    return { at: tf.cast(at, 'int32') as tf.Tensor2D, weight: tf.mul(share, inside), slope: tf.mul(inside, sign) };
  };
  return [neighbour(low, tf.sub(1, distance) as tf.Tensor2D, -1), neighbour(tf.add(low, 1) as tf.Tensor2D, distance as tf.Tensor2D, 1)];
}

/** Images as a table of pixels: [N, H, W, C] -> [N H W G, C / G]. */
export function pixelTable(x: tf.Tensor4D, groups: number): tf.Tensor2D {
  return tf.reshape(x, [-1, x.shape[3] / groups]);
}

/** The four corners of every position in images [N, H, W, C]. Tidy around it. */
export function cornersOf({ rows, columns, images }: SamplePositions, [, height, width]: readonly [number, number, number, number]): Corner[] {
  const groups = rows.shape[1];
  const first = tf.mul(tf.expandDims(images, 1), tf.scalar(height * width, 'int32'));
  const group = tf.range(0, groups, 1, 'int32');
  const flat = (values: tf.Tensor) => tf.reshape(values, [-1, 1]) as tf.Tensor2D;
  const across = neighbours(columns, width);
  return neighbours(rows, height).flatMap((row) => {
    const line = tf.add(first, tf.mul(row.at, tf.scalar(width, 'int32')));
    return across.map((column) => ({
      index: tf.reshape(tf.add(tf.mul(tf.add(line, column.at), tf.scalar(groups, 'int32')), group), [-1]) as tf.Tensor1D,
      weight: flat(tf.mul(row.weight, column.weight)),
      byRow: flat(tf.mul(row.slope, column.weight)),
      byColumn: flat(tf.mul(row.weight, column.slope)),
    }));
  });
}

/** Samples [M G, C / G]: the sum of the corners, each by its share. */
export function sampleCorners(table: tf.Tensor2D, corners: readonly Corner[]): tf.Tensor2D {
  return tf.addN(corners.map(({ index, weight }) => tf.mul(tf.gather(table, index), weight) as tf.Tensor2D));
}

/** Sums of the samples' gradients [M G, C / G] over the pixels that they came from: the gradient of the table. */
export function scatterCorners(gradient: tf.Tensor2D, corners: readonly Corner[], tableShape: [number, number]): tf.Tensor2D {
  const indices = tf.concat(corners.map(({ index }) => tf.expandDims(index, 1) as tf.Tensor2D), 0);
  const shares = tf.concat(corners.map(({ weight }) => tf.mul(gradient, weight) as tf.Tensor2D), 0);
  return tf.scatterND(indices, shares, tableShape) as tf.Tensor2D;
}

/**
 * What the samples' gradients q come to, summed over each group's channels, all [M G, 1]: `sample` is <q, sample> (the
 * gradient of a factor on the samples), `rows` and `columns` the gradients of the positions (from the right at integers).
 */
export function positionGradients(table: tf.Tensor2D, gradient: tf.Tensor2D, corners: readonly Corner[]) {
  const products = corners.map(({ index }) => tf.sum(tf.mul(gradient, tf.gather(table, index)), 1, true));
  const combined = (part: 'weight' | 'byRow' | 'byColumn') => tf.addN(corners.map((corner, i) => tf.mul(corner[part], products[i] as tf.Tensor) as tf.Tensor2D));
  return { sample: combined('weight'), rows: combined('byRow'), columns: combined('byColumn') };
}

/**
 * Bilinear samples, pixels outside the image being 0: with weights w(d) = max(0, 1 - |d|),
 * y[m, c] = sum over i, j of w(rows[m, g] - i) w(columns[m, g] - j) x[images[m], i, j, c], g the group of channel c.
 * Differentiable in x, rows and columns, once, on every backend.
 * @param x [N, H, W, C]; the G of the positions divides C.
 * @returns [M, C]
 */
export function bilinearSample(x: tf.Tensor4D, { rows, columns, images }: SamplePositions): tf.Tensor2D {
  const groups = rows.shape[1];
  const sample = tf.customGrad((...args) => {
    const [image, y, z, save] = args as unknown as [tf.Tensor4D, tf.Tensor2D, tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    save([image, y, z, images]);
    return {
      value: nativeBilinearSample(image, y, z, images) ?? tf.tidy(() => tf.reshape(sampleCorners(pixelTable(image, groups), cornersOf({ rows: y, columns: z, images }, image.shape)), [-1, image.shape[3]])),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => {
        const [input, ys, xs, which] = saved as [tf.Tensor4D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
        const native = nativeBilinearSampleGradients(dy as tf.Tensor2D, input, ys, xs, which);
        if (native) return native;
        const table = pixelTable(input, groups);
        const gradient = tf.reshape(dy, [-1, table.shape[1]]) as tf.Tensor2D;
        const corners = cornersOf({ rows: ys, columns: xs, images: which }, input.shape);
        const moved = positionGradients(table, gradient, corners);
        return [tf.reshape(scatterCorners(gradient, corners, table.shape), input.shape), tf.reshape(moved.rows, ys.shape), tf.reshape(moved.columns, xs.shape)];
      }),
    };
  });
  return sample(x, rows, columns) as tf.Tensor2D;
}
