import * as tf from '@tensorflow/tfjs-core';
import type { Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

/** Stock walks dy with the batch stride of the images, so from the second image on it is elsewhere: one image at a time. */
const resizeNearestNeighborGrad = kernelPatch({
  kernelName: 'ResizeNearestNeighborGrad',
  backends: ['cpu'],
  wrong: () => ({ inputs: { images: tf.ones([2, 1, 1, 1]), dy: tf.tensor4d([1, 2, 3, 4, 10, 20, 30, 40], [2, 2, 2, 1]) }, attrs: { alignCorners: false }, expected: [10, 100] }),
  make: (stock) => ({ inputs, backend, attrs }) => {
    if (!stock) throw new Error('the stock kernel is needed');
    return tf.tidy(() => {
      const [images, dys] = [tf.split(inputs['images'] as tf.Tensor4D, inputs['images']?.shape[0] ?? 1), tf.split(inputs['dy'] as tf.Tensor4D, inputs['dy']?.shape[0] ?? 1)];
      const parts = images.map((image, i) => {
        const part = stock({ inputs: { images: image, dy: dys[i] }, backend, ...(attrs ? { attrs } : {}) }) as tf.TensorInfo;
        return tf.engine().makeTensorFromTensorInfo(part);
      });
      return tf.concat(parts, 0);
    });
  },
});

export const RESIZING_PATCHES: readonly Patch[] = [resizeNearestNeighborGrad];
