import * as tf from '@tensorflow/tfjs-core';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

/** Sums and means over rows and columns, of bias gradients, batch norm and global pooling: one pooling over the whole map, as XNNPACK has it. */
function overImage(kernelName: 'Sum' | 'Mean'): Patch {
  return kernelPatch({
    kernelName,
    backends: WASM_BACKENDS,
    slow: () => ({ inputs: { x: tf.ones([8, 28, 28, 32]) }, attrs: { axis: [0, 1, 2], keepDims: false } }),
    make: (stock) => ({ inputs, backend, attrs }) => {
      if (!stock) throw new Error('the stock kernel is needed');
      const x = inputs['x'] as tf.Tensor4D;
      const { axis, keepDims } = (attrs ?? {}) as { axis?: number | number[]; keepDims?: boolean };
      const axes = tf.util.parseAxisParam(axis ?? [], x.shape).sort((a, b) => a - b);
      const [images, height, width, channels] = x.shape;
      const batch = axes.length === 3;
      const whole = x.shape.length === 4 && x.dtype === 'float32' && x.size > 0 && axes.join() === (batch ? '0,1,2' : '1,2');
      if (!whole) return stock({ inputs, backend, ...(attrs ? { attrs } : {}) });
      return tf.tidy(() => {
        const means = tf.reshape(tf.avgPool(x, [height, width], 1, 'valid'), [images, channels]);
        const sums = kernelName === 'Sum' ? tf.mul(means, height * width) : means;
        const all = batch ? (kernelName === 'Sum' ? tf.sum(sums, 0) : tf.mean(sums, 0)) : sums;
        return tf.reshape(all, keepDims ? [batch ? 1 : images, 1, 1, channels] : batch ? [channels] : [images, channels]);
      });
    },
  });
}

export const REDUCTION_PATCHES: readonly Patch[] = [overImage('Sum'), overImage('Mean')];
