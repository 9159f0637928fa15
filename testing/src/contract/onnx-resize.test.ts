/** The gradient of a resize in ONNX is that of the layer itself: tfjs has two of its own, one of them for other positions. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { resizeBilinear } from '@convkit/core';
import { trace, type GraphNode } from '@convkit/graph';
import { OnnxWriter, PLAIN, writeBackward, writeForward } from '@convkit/graph/onnx';
import { createSession, encode } from '@convkit/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { difference } from './contract.js';

beforeAll(() => tf.setBackend('wasm'));

const upSampling = (interpolation: 'bilinear' | 'nearest') => (x: SymbolicTensor) => layers.upSampling2d({ size: [2, 3], interpolation }).apply(x) as SymbolicTensor;

test.each<[string, (x: SymbolicTensor) => SymbolicTensor]>([
  ['to a size', (x) => resizeBilinear(x, { size: [4, 11] })],
  ['by a factor, zeros outside', (x) => resizeBilinear(x, { scale: [3, 2], outside: 'zero' })],
  ['tf.layers\' upsampling, bilinear', upSampling('bilinear')],
  ['tf.layers\' upsampling, nearest', upSampling('nearest')],
])('%s', async (_, make) => {
  const symbolic = input({ shape: [6, 7, 3] });
  const network = model({ inputs: symbolic, outputs: make(symbolic) });
  const graph = trace(network);
  const [x, y] = [graph.inputs[0] as GraphNode, graph.outputs[0] as GraphNode];
  const image = tf.randomUniform([2, 6, 7, 3], -1, 1, 'float32', 1);
  const upstream = tf.randomUniform([2, ...(y.shape.slice(1) as number[])], -1, 1, 'float32', 2);

  const w = new OnnxWriter(17);
  const given = (name: string, { shape }: tf.Tensor) => ({ name, shape, layout: PLAIN });
  const info = (name: string, { shape }: tf.Tensor) => ({ name, element: 'float32', shape } as const);
  const values = writeForward(w, graph, (node) => (node === x ? given('x', image) : undefined), {} as never);
  const gradient = writeBackward(w, graph, values, new Map([[y, given('dy', upstream)]]), new Set([x])).get(x)!;
  const dx = w.as(gradient, PLAIN);
  const program = { name: 'resize', opsets: { '': 17 }, nodes: w.nodes, constants: [...w.constants.values()], inputs: [info('x', image), info('dy', upstream)], outputs: [info(dx, image)] };
  const session = await createSession(encode(program, '0'), { threads: 1, spinning: false });
  const [found] = await session.run([image, upstream].map((tensor) => ({ data: tensor.dataSync() as Float32Array, shape: tensor.shape })));
  await session.dispose();

  tf.tidy(() => {
    const own = tf.grad((z) => tf.sum(tf.mul(network.apply(z) as tf.Tensor, upstream)))(image);
    expect(difference(tf.tensor(found!.data, [...found!.shape]), own)).toBeLessThan(1e-5);
  });
  tf.dispose([image, upstream]);
  network.dispose();
});
