import { hasNative, nativeBilinearSample, nativeBilinearSampleGradients } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { axisSamples, sumOver } from './box-samples.js';
import type { OpAttributes } from './lowering.js';

/** No pixel has a share in a sample there. */
const FAR = -2;

/**
 * RoIAlign by samples, where the backend has a compiled kernel for them: then that is quicker than products. Boxes [R, 4], the image of each,
 * a fixed number of samples. @returns [R, P, Q, C]; undefined without the kernel.
 */
export function alignBySamples(x: tf.Tensor4D, boxes: tf.Tensor2D, images: Int32Array, attributes: OpAttributes['roiAlign']): tf.Tensor4D | undefined {
  const { outputSize: [down, across], samplingRatio } = attributes;
  if (samplingRatio === 0 || images.length === 0 || !hasNative('bilinearSample', x, boxes)) return undefined;
  const [, height, width, channels] = x.shape;
  const bins = images.length * down * across;
  const total = samplingRatio ** 2;
  const aligned = tf.customGrad((input, save) => {
    const ofBin = tf.tensor1d(Int32Array.from({ length: bins }, (_, bin) => images[Math.floor(bin / (down * across))] ?? 0), 'int32');
    /** The positions along an axis for every bin of every box, [R P Q, 1]. */
    const everyBin = (axis: 0 | 1) => tf.tidy(() => {
      const corner = (i: number) => tf.slice(boxes, [0, i], [-1, 1]);
      const samples = axis === 0 ? axisSamples(corner(1), corner(3), down, height, attributes) : axisSamples(corner(0), corner(2), across, width, attributes);
      return Array.from({ length: samplingRatio }, (_, a) => {
        const { position, counts } = samples.at(a);
        const at = tf.expandDims(tf.add(tf.where(counts, position, FAR), samples.flaw), 2 - axis);
        return tf.reshape(tf.tile(at, axis === 0 ? [1, 1, across] : [1, down, 1]), [bins, 1]) as tf.Tensor2D;
      });
    });
    const [rows, columns] = [everyBin(0), everyBin(1)];
    (save as (tensors: tf.Tensor[]) => void)([input as tf.Tensor, ofBin, ...rows, ...columns]);
    const sample = (i: number) => nativeBilinearSample(input as tf.Tensor4D, rows[Math.floor(i / samplingRatio)] as tf.Tensor2D, columns[i % samplingRatio] as tf.Tensor2D, ofBin) as tf.Tensor2D;
    return {
      value: tf.tidy(() => tf.reshape(tf.div(sumOver(total, sample), total), [images.length, down, across, channels])),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => {
        const [image, which, ...at] = saved as [tf.Tensor4D, tf.Tensor1D, ...tf.Tensor2D[]];
        const share = tf.reshape(tf.div(dy, total), [bins, channels]) as tf.Tensor2D;
        return sumOver(total, (i) => {
          const [row, column] = [at[Math.floor(i / samplingRatio)], at[samplingRatio + (i % samplingRatio)]] as [tf.Tensor2D, tf.Tensor2D];
          return (nativeBilinearSampleGradients(share, image, row, column, which) as [tf.Tensor4D, tf.Tensor2D, tf.Tensor2D])[0];
        });
      }),
    };
  });
  return aligned(x) as tf.Tensor4D;
}
