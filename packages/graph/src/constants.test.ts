import '@tensorflow/tfjs-backend-cpu';
import type { Lowering, Value } from '@convkit/core';
import { channelShuffle, conv2d } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { GraphBuilder } from './builder.js';
import { compile, CompiledModel } from './compile.js';
import { isKind } from './graph.js';
import { trace } from './trace.js';

/** y = x c, c a number of its own for each channel. */
class RampLayer extends layers.Layer {
  static readonly className = 'ConvkitRamp';

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.mul((Array.isArray(inputs) ? inputs[0] : inputs)!, tf.tensor1d([1, 2, 3, 4]));
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    return g.op('binary', [x, g.constant(Float32Array.of(1, 2, 3, 4), [4])], { kind: 'mul' });
  }
}

beforeAll(() => tf.setBackend('cpu'));

test('a layer lowers to numbers of its own, each channel keeping its number when a shuffle is absorbed', () => {
  const x = input({ shape: [2, 2, 4] });
  const shuffled = new RampLayer().apply(channelShuffle(x, { groups: 2 }));
  const network = model({ inputs: x, outputs: conv2d(shuffled as typeof x, { filters: 2, kernelSize: 1 }) });
  const pixels = tf.randomNormal([2, 2, 2, 4], 0, 1, 'float32', 1);
  const own = (network.predict(pixels) as tf.Tensor).dataSync();
  const graph = trace(network);
  expect(compile(network)).toBeDefined();
  for (const program of [new CompiledModel(graph), compile(network)]) (program.predict(pixels) as tf.Tensor).dataSync().forEach((value, i) => expect(value).toBeCloseTo(own[i]!, 5));
  expect(graph.nodes.filter((node) => isKind(node, 'binary'))).toHaveLength(1);
});

test('a constant of another length than its shape is refused', () => {
  expect(() => new GraphBuilder().constant(Float32Array.of(1, 2, 3), [2, 2])).toThrow('a constant of the shape [2, 2] takes 4 numbers, got 3');
});
