/** Grey-scale dilation on wasm: the stock kernels start from the smallest positive float and never see a maximum <= 0. */
import * as tf from '@tensorflow/tfjs-core';
import { padOrCrop } from '../composed/index.js';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch, type KernelCall } from '../probe.js';

interface DilationAttributes {
  strides: number | [number, number];
  pad: 'same' | 'valid';
  dilations: number | [number, number];
}

const call = (dy?: tf.Tensor): KernelCall => ({
  inputs: { x: tf.tensor4d([-4, -1, -3, -2], [1, 2, 2, 1]), filter: tf.zeros([2, 2, 1]), ...(dy ? { dy } : {}) },
  attrs: { strides: [1, 1], pad: 'valid', dilations: [1, 1] },
});

/** y = max over the taps of x[i s + a d, j s + b d] + filter[a, b]; a tap outside of x does not count. */
const dilation = kernelPatch({
  kernelName: 'Dilation2D',
  backends: WASM_BACKENDS,
  wrong: () => ({ ...call(), expected: [-1] }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const [x, filter] = [inputs['x'] as tf.Tensor4D, inputs['filter'] as tf.Tensor3D];
    const { strides, pad, dilations } = attrs as unknown as DilationAttributes;
    const info = tf.backend_util.computeDilation2DInfo(x.shape, filter.shape, strides, pad, 'NHWC', dilations);
    const { top, bottom, left, right } = info.padInfo;
    const [sh, sw] = [info.strideHeight, info.strideWidth];
    const around = [[0, 0], [top, bottom], [left, right], [0, 0]] as [number, number][];
    const padded = tf.pad(x, around, Number.NEGATIVE_INFINITY);
    const taps = Array.from({ length: info.filterHeight * info.filterWidth }, (_, tap) => {
      const [a, b] = [Math.floor(tap / info.filterWidth), tap % info.filterWidth];
      const [up, before] = [a * info.dilationHeight, b * info.dilationWidth];
      const rest = (axis: 1 | 2, offset: number, outputs: number, step: number) => offset + (outputs - 1) * step + 1 - (padded.shape[axis] ?? 0);
      const window = padOrCrop(padded, [-up, rest(1, up, info.outHeight, sh), -before, rest(2, before, info.outWidth, sw)]);
      return tf.add(tf.maxPool(window, 1, [sh, sw], 'valid'), tf.slice(filter, [a, b, 0], [1, 1, filter.shape[2]]));
    });
    return taps.reduce((highest, tap) => tf.maximum(highest, tap));
  }),
});

/** The gradients only compare x + filter, so they get an x that makes every sum positive. */
function lifted(stock: tf.KernelFunc | undefined): tf.KernelFunc {
  if (!stock) throw new Error('the stock kernel is needed');
  return ({ inputs, backend, attrs }) => {
    const x = tf.tidy(() => tf.add(inputs['x'] as tf.Tensor, tf.sub(1, tf.add(tf.min(inputs['x'] as tf.Tensor), tf.min(inputs['filter'] as tf.Tensor)))));
    const gradient = stock({ inputs: { ...inputs, x }, backend, ...(attrs ? { attrs } : {}) });
    x.dispose();
    return gradient;
  };
}

const inputGradient = kernelPatch({
  kernelName: 'Dilation2DBackpropInput',
  backends: WASM_BACKENDS,
  wrong: () => ({ ...call(tf.ones([1, 1, 1, 1])), expected: [0, 1, 0, 0] }),
  make: lifted,
});

const filterGradient = kernelPatch({
  kernelName: 'Dilation2DBackpropFilter',
  backends: WASM_BACKENDS,
  wrong: () => ({ ...call(tf.ones([1, 1, 1, 1])), expected: [0, 1, 0, 0] }),
  make: lifted,
});

export const MORPHOLOGY_PATCHES: readonly Patch[] = [dilation, inputGradient, filterGradient];
