import * as tf from '@tensorflow/tfjs-core';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

/**
 * Every s-th row and column of a slice: a 1x1 max pooling with strides, which copies at memory speed. The stock kernel
 * takes element by element, and calls its output float32 whatever the input is.
 */
const stridedSlice = kernelPatch({
  kernelName: 'StridedSlice',
  backends: WASM_BACKENDS,
  wrong: () => ({
    inputs: { x: tf.tensor1d([1, 2, 3], 'int32') },
    attrs: { begin: [0], end: [3], strides: [2], beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 },
    expected: [1, 3],
  }),
  slow: () => ({
    inputs: { x: tf.ones([4, 24, 24, 32]) },
    attrs: { begin: [0, 0, 0, 0], end: [4, 24, 24, 32], strides: [1, 2, 2, 1], beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 },
  }),
  make: (stock) => ({ inputs, backend, attrs }) => {
    if (!stock || !attrs) throw new Error('the stock kernel and its attributes are needed');
    const x = inputs['x'] as tf.Tensor;
    const a = attrs as unknown as Record<'begin' | 'end' | 'strides', number[]> & Record<'beginMask' | 'endMask' | 'ellipsisMask' | 'newAxisMask' | 'shrinkAxisMask', number>;
    const info = tf.slice_util.sliceInfo(x.shape, a.begin, a.end, a.strides, a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask);
    const { begin, strides, finalShapeSparse, finalShape } = info;
    const stepped = strides.flatMap((step, axis) => (step === 1 ? [] : [axis]));
    const [first = 0, second = first + 1] = stepped;
    const neighbours = stepped.length > 0 && stepped.length <= 2 && second === first + 1 && strides.every((step) => step > 0);
    if (info.isIdentity || info.isSimpleSlice || info.sliceDim0 || !neighbours || tf.util.sizeFromShape(finalShapeSparse) === 0) return other(stock, { inputs, backend, attrs });
    return tf.tidy(() => {
      const size = strides.map((step, axis) => ((finalShapeSparse[axis] ?? 1) - 1) * step + 1);
      const sliced = tf.cast(tf.slice(x, begin, size), 'float32');
      const product = (from: number, to: number) => size.slice(from, to).reduce((all, length) => all * length, 1);
      const last = second < size.length ? (size[second] as number) : 1;
      const image = tf.reshape<tf.Rank.R4>(sliced, [product(0, first), size[first] as number, last, product(second + 1, size.length)]);
      const y = tf.maxPool(image, 1, [strides[first] as number, strides[second] ?? 1], 'valid');
      return tf.cast(tf.reshape(y, finalShape), x.dtype);
    });
  },
});

/** The stock kernel, for float32; integers go through it as floats, which hold them up to 2^24. */
function other(stock: tf.KernelFunc, { inputs, backend, attrs }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo | tf.TensorInfo[] {
  const x = inputs['x'] as tf.Tensor;
  if (x.dtype === 'float32') return stock({ inputs, backend, ...(attrs ? { attrs } : {}) });
  return tf.tidy(() => {
    const output = stock({ inputs: { x: tf.cast(x, 'float32') }, backend, ...(attrs ? { attrs } : {}) });
    return tf.cast(tf.engine().makeTensorFromTensorInfo(output as tf.TensorInfo), x.dtype);
  });
}

export const SLICE_PATCHES: readonly Patch[] = [stridedSlice];
