import * as tf from '@tensorflow/tfjs-core';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

/**
 * Sums of rows by segment, the gradient of tf.gather and of embeddings: a scatter, which adds what falls on one place.
 * wasm has no such kernel; cpu's takes segments x rows steps. Ids outside of [0, segments) are left out, as in TensorFlow.
 */
const unsortedSegmentSum = kernelPatch({
  kernelName: 'UnsortedSegmentSum',
  backends: [...WASM_BACKENDS, 'cpu'],
  slow: () => ({ inputs: { x: tf.ones([64, 8]), segmentIds: tf.range(0, 64, 1, 'int32') }, attrs: { numSegments: 64 } }),
  make: () => ({ inputs, attrs }) => tf.tidy(() => {
    const [x, ids] = [inputs['x'] as tf.Tensor, inputs['segmentIds'] as tf.Tensor];
    const { numSegments } = attrs as unknown as { numSegments: number };
    const inside = tf.logicalAnd(tf.greaterEqual(ids, 0), tf.less(ids, numSegments));
    const rows = tf.where(inside, ids, tf.scalar(numSegments, 'int32'));
    const rest = x.shape.slice(ids.rank);
    const updates = tf.reshape(x, [ids.size, ...rest]);
    const sums = tf.scatterND(tf.cast(tf.reshape(rows, [ids.size, 1]), 'int32'), updates, [numSegments + 1, ...rest]);
    return tf.slice(sums, 0, numSegments);
  }),
});

export const SEGMENT_PATCHES: readonly Patch[] = [unsortedSegmentSum];
