import type * as tf from '@tensorflow/tfjs-core';
import { boundsOf, nativeKernel, type Clamp, type NativeKernel } from './kernel.js';

export const ELEMENTWISE_KERNELS: readonly NativeKernel[] = [
  nativeKernel<{ a: tf.Tensor; b: tf.Tensor }, { activation: Clamp }>('add', ({ heap, kernels }, { a, b }, { activation }) => {
    const y = heap.output(a.shape);
    const { low, high } = boundsOf(activation);
    kernels.addClamped(heap.pointer(a), heap.pointer(b), heap.pointer(y), a.size, low, high);
    return y;
  }),
];
