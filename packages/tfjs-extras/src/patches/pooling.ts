/** Pooling kernels of wasm: gradients and arg max of windows without a positive value, and gradients of large windows. */
import * as tf from '@tensorflow/tfjs-core';
import { averagePoolGradient, raisePositive } from '../composed/index.js';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

interface PoolKernelAttributes {
  filterSize: number | number[];
  strides: number | number[];
  pad: number | 'same' | 'valid';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  includeBatchInIndex?: boolean;
}

const poolAttributes = (attrs: tf.NamedAttrMap | undefined) => attrs as unknown as PoolKernelAttributes;
const pooling2 = { filterSize: [2, 2], strides: [2, 2], pad: 'valid' } as const;
const pooling3 = { filterSize: [1, 2, 2], strides: [1, 2, 2], pad: 'valid' } as const;

/** A stock gradient kernel that only compares its input: it gets one without values <= 0. */
function raised(stock: tf.KernelFunc | undefined): tf.KernelFunc {
  if (!stock) throw new Error('the stock kernel is needed');
  return ({ inputs, backend, attrs }) => {
    const [input, output] = [raisePositive(inputs['input'] as tf.Tensor), raisePositive(inputs['output'] as tf.Tensor)];
    const dx = stock({ inputs: { ...inputs, input, output }, backend, ...(attrs ? { attrs } : {}) });
    tf.dispose([input, output]);
    return dx;
  };
}

const maxPoolGrad = kernelPatch({
  kernelName: 'MaxPoolGrad',
  backends: WASM_BACKENDS,
  wrong: () => ({ inputs: { dy: tf.ones([1, 1, 1, 1]), input: tf.tensor4d([-4, -1, -3, -2], [1, 2, 2, 1]), output: tf.fill([1, 1, 1, 1], -1) }, attrs: pooling2, expected: [0, 1, 0, 0] }),
  make: raised,
});

const maxPool3DGrad = kernelPatch({
  kernelName: 'MaxPool3DGrad',
  backends: WASM_BACKENDS,
  wrong: () => ({ inputs: { dy: tf.ones([1, 1, 1, 1, 1]), input: tf.tensor5d([-4, -1, -3, -2], [1, 1, 2, 2, 1]), output: tf.fill([1, 1, 1, 1, 1], -1) }, attrs: pooling3, expected: [0, 1, 0, 0] }),
  make: raised,
});

/** The maximum over the window's rows and columns, then over its depths: two 2-D poolings, which are right. */
const maxPool3D = kernelPatch({
  kernelName: 'MaxPool3D',
  backends: WASM_BACKENDS,
  wrong: () => ({ inputs: { x: tf.tensor5d([-4, -1, -3, -2], [1, 1, 2, 2, 1]) }, attrs: pooling3, expected: [-1] }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const x = inputs['x'] as tf.Tensor5D;
    const { filterSize, strides, pad, dimRoundingMode } = poolAttributes(attrs);
    const info = tf.backend_util.computePool3DInfo(x.shape, filterSize as number, strides as number, 1, pad, dimRoundingMode);
    const { front, back, top, bottom, left, right } = info.padInfo;
    const [n, depth, height, width, channels] = x.shape;
    const maximum = (image: tf.Tensor4D, size: [number, number], steps: [number, number], padding: [number, number, number, number]) => {
      const cells = [[0, 0], [padding[0], padding[1]], [padding[2], padding[3]], [0, 0]] as [number, number][];
      return tf.maxPool(padding.some((cell) => cell > 0) ? tf.pad(image, cells, Number.NEGATIVE_INFINITY) : image, size, steps, 'valid');
    };
    const planes = maximum(tf.reshape(x, [n * depth, height, width, channels]), [info.filterHeight, info.filterWidth], [info.strideHeight, info.strideWidth], [top, bottom, left, right]);
    const columns = tf.reshape<tf.Rank.R4>(planes, [n, depth, info.outHeight * info.outWidth, channels]);
    return tf.reshape(maximum(columns, [info.filterDepth, 1], [info.strideDepth, 1], [front, back, 0, 0]), [n, info.outDepth, info.outHeight, info.outWidth, channels]);
  }),
});

/** The stock kernel's positions of the raised input; the values are those of max pooling. */
const maxPoolWithArgmax = kernelPatch({
  kernelName: 'MaxPoolWithArgmax',
  backends: WASM_BACKENDS,
  wrong: () => ({ inputs: { x: tf.tensor4d([-4, -1, -3, -2], [1, 2, 2, 1]) }, attrs: { ...pooling2, includeBatchInIndex: false }, expected: [-1] }),
  make: (stock) => ({ inputs, backend, attrs }) => {
    if (!stock || !attrs) throw new Error('the stock kernel and its attributes are needed');
    const x = inputs['x'] as tf.Tensor4D;
    const { filterSize, strides, pad } = poolAttributes(attrs);
    const input = raisePositive(x);
    const [high, positions] = stock({ inputs: { x: input }, backend, attrs }) as tf.TensorInfo[] as [tf.TensorInfo, tf.TensorInfo];
    tf.dispose([input, tf.engine().makeTensorFromTensorInfo(high)]);
    return [tf.maxPool(x, filterSize as number, strides as number, pad), positions];
  },
});

/** Stock divides by all cells of a window, while the pooling itself leaves padding out; on wasm it takes a step for every cell of every window. */
const avgPoolGrad = kernelPatch({
  kernelName: 'AvgPoolGrad',
  backends: [...WASM_BACKENDS, 'cpu', 'webgl', 'webgpu'],
  wrong: () => ({ inputs: { dy: tf.ones([1, 2, 1, 1]), input: tf.ones([1, 2, 1, 1]) }, attrs: { filterSize: [2, 1], strides: [1, 1], pad: 'same' }, expected: [0.5, 1.5] }),
  slow: () => ({ inputs: { dy: tf.ones([1, 1, 1, 32]), input: tf.ones([1, 24, 24, 32]) }, attrs: { filterSize: [24, 24], strides: [1, 1], pad: 'valid' } }),
  make: () => ({ inputs, attrs }) => {
    const [dy, input] = [inputs['dy'] as tf.Tensor4D, inputs['input'] as tf.Tensor4D];
    const { filterSize, strides, pad, dimRoundingMode } = poolAttributes(attrs);
    const info = tf.backend_util.computePool2DInfo(input.shape, filterSize as number, strides as number, 1, pad, dimRoundingMode);
    const { top, bottom, left, right } = info.padInfo;
    return averagePoolGradient(dy, input.shape, { size: [info.filterHeight, info.filterWidth], strides: [info.strideHeight, info.strideWidth], padding: [top, bottom, left, right] });
  },
});

/** The mean over a box is the mean over its depths of the means over its planes, so its gradient is that of two 2-D poolings. */
const avgPool3DGrad = kernelPatch({
  kernelName: 'AvgPool3DGrad',
  backends: [...WASM_BACKENDS, 'cpu', 'webgl', 'webgpu'],
  wrong: () => ({ inputs: { dy: tf.ones([1, 2, 1, 1, 1]), input: tf.ones([1, 2, 1, 1, 1]) }, attrs: { filterSize: [2, 1, 1], strides: [1, 1, 1], pad: 'same' }, expected: [0.5, 1.5] }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const [dy, input] = [inputs['dy'] as tf.Tensor5D, inputs['input'] as tf.Tensor5D];
    const { filterSize, strides, pad, dimRoundingMode } = poolAttributes(attrs);
    const info = tf.backend_util.computePool3DInfo(input.shape, filterSize as number, strides as number, 1, pad, dimRoundingMode);
    const { front, back, top, bottom, left, right } = info.padInfo;
    const [n, depth, height, width, channels] = input.shape;
    const cells = info.outHeight * info.outWidth;
    const columns = tf.reshape<tf.Rank.R4>(dy, [n, info.outDepth, cells, channels]);
    const planes = averagePoolGradient(columns, [n, depth, cells, channels], { size: [info.filterDepth, 1], strides: [info.strideDepth, 1], padding: [front, back, 0, 0] });
    const images = tf.reshape<tf.Rank.R4>(planes, [n * depth, info.outHeight, info.outWidth, channels]);
    const dx = averagePoolGradient(images, [n * depth, height, width, channels], { size: [info.filterHeight, info.filterWidth], strides: [info.strideHeight, info.strideWidth], padding: [top, bottom, left, right] });
    return tf.reshape(dx, input.shape);
  }),
});

export const POOLING_PATCHES: readonly Patch[] = [maxPoolGrad, avgPoolGrad, maxPoolWithArgmax, maxPool3D, maxPool3DGrad, avgPool3DGrad];
