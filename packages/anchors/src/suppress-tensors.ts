import * as tf from '@tensorflow/tfjs-core';
import type { Boxes } from './boxes.js';
import type { ScoredBoxes } from './score-decay.js';
import type { SuppressionOptions } from './score-order.js';

/**
 * Any of the suppressions on tensors: reads boxes [N, 4] and scores [N], suppresses on the processor and gives tensors back,
 * `indices` int32 [K] and `scores` [K], best first. They are the caller's to dispose of.
 *
 * `await suppressTensors(nonMaxSuppression, boxes, scores, { threshold: 0.5, classes })`
 */
export async function suppressTensors<Options extends SuppressionOptions>(
  suppress: (boxes: Boxes, scores: Boxes, options?: Options) => Int32Array | ScoredBoxes,
  boxes: tf.Tensor2D,
  scores: tf.Tensor1D,
  { classes, ...options }: Omit<NoInfer<Options>, 'classes'> & { classes?: tf.Tensor1D },
): Promise<{ indices: tf.Tensor1D; scores: tf.Tensor1D }> {
  const [boxValues, scoreValues, classValues] = await Promise.all([boxes.data<'float32'>(), scores.data<'float32'>(), classes?.data()]);
  const given = { ...options, ...(classValues === undefined ? {} : { classes: Int32Array.from(classValues) }) } as unknown as Options;
  const found = suppress(Float32Array.from(boxValues), Float32Array.from(scoreValues), given);
  const indices = found instanceof Int32Array ? found : found.indices;
  const left = found instanceof Int32Array ? Float32Array.from(found, (i) => scoreValues[i] as number) : Float32Array.from(found.scores);
  return { indices: tf.tensor1d(indices, 'int32'), scores: tf.tensor1d(left, 'float32') };
}
