import * as tf from '@tensorflow/tfjs-core';
import { insertZeros, padOrCrop, type Padding } from '../composed/index.js';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

type Shape5D = [number, number, number, number, number];

/** Applies `image` to the rows and columns of every plane, then `column` to the depths: [N, D, H, W, C] as 4-D tensors. */
function byPlanes(x: tf.Tensor5D, image: (planes: tf.Tensor4D) => tf.Tensor4D, column: (depths: tf.Tensor4D) => tf.Tensor4D): tf.Tensor5D {
  const [n, depth, height, width, channels] = x.shape;
  const planes = image(tf.reshape(x, [n * depth, height, width, channels]));
  const [, rows, columns] = planes.shape;
  const depths = column(tf.reshape(planes, [n, depth, 1, rows * columns * channels]));
  return tf.reshape(depths, [n, depths.shape[1], rows, columns, channels]);
}

/** Zero-stuffed dy, convolved with the flipped filter whose channels are exchanged. The stock kernel forgets where a window starts. */
const conv3DInputGradient = kernelPatch({
  kernelName: 'Conv3DBackpropInputV2',
  backends: WASM_BACKENDS,
  wrong: () => ({
    inputs: { dy: tf.tensor5d([1, 2, 4], [1, 3, 1, 1, 1]), filter: tf.tensor5d([1, 10], [2, 1, 1, 1, 1]) },
    attrs: { strides: [1, 1, 1], pad: 'valid', inputShape: [1, 4, 1, 1, 1] },
    expected: [1, 12, 24, 40],
  }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const [dy, filter] = [inputs['dy'] as tf.Tensor5D, inputs['filter'] as tf.Tensor5D];
    const { strides, pad, inputShape } = attrs as unknown as { strides: number | [number, number, number]; pad: 'same' | 'valid'; inputShape: Shape5D };
    const info = tf.backend_util.computeConv3DInfo(inputShape, filter.shape, strides, 1, pad);
    const stuffed = byPlanes(dy, (planes) => insertZeros(planes, [info.strideHeight, info.strideWidth]), (depths) => insertZeros(depths, [info.strideDepth, 1]));
    const { front, top, left } = info.padInfo;
    const sides = (axis: 1 | 2 | 3, taps: number, before: number): [number, number] => [taps - 1 - before, inputShape[axis] - stuffed.shape[axis] + before];
    const image: Padding = [...sides(2, info.filterHeight, top), ...sides(3, info.filterWidth, left)];
    const padded = byPlanes(stuffed, (planes) => padOrCrop(planes, image), (depths) => padOrCrop(depths, [...sides(1, info.filterDepth, front), 0, 0]));
    return tf.conv3d(padded, tf.transpose(tf.reverse(filter, [0, 1, 2]), [0, 1, 2, 4, 3]), 1, 'valid');
  }),
});

export const VOLUME_PATCHES: readonly Patch[] = [conv3DInputGradient];
