import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { fixtureStream, relativeError } from '@convkit/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { adaptiveAvgPool2d, AvgPoolLayer, batchNormalize, batchNormalizeTraining, convolve2d, depthwiseConvolve2d, localResponseNormalize, MaxPoolLayer, shuffleChannels } from './index.js';

interface TensorSpec { shape: number[]; scale?: number; shift?: number }
interface Reference { shape: number[]; data?: number[]; first?: number[]; last?: number[]; l2?: number }
interface Attributes {
  stride: [number, number]; dilation: [number, number]; padding: [number, number, number, number]; kernel: [number, number]; output_size: [number, number]; groups: number;
  ceil_mode: boolean; count_include_pad: boolean; training: boolean; eps: number; size: number; alpha: number; beta: number; k: number;
}
interface Case { name: string; op: string; attrs: Attributes; inputs: Record<string, TensorSpec>; outputs: Record<string, Reference>; grads: Record<string, Reference> }

const { cases } = JSON.parse(readFileSync(new URL('../../../testing/fixtures/operators.json', import.meta.url), 'utf8')) as { cases: Case[] };
// Float32 against float64 references; the fixtures state 1e-4 as the limit of any correct float32 build.
const TOLERANCE = 1e-4;

type Inputs = Record<string, tf.Tensor>;
const nhwc = (x: tf.Tensor) => tf.transpose(x, [0, 2, 3, 1]) as tf.Tensor4D;
const nchw = (x: tf.Tensor) => tf.transpose(x, [0, 3, 1, 2]);

/** Each operator of the fixtures as a function of torch-layout tensors. */
const operators: Record<string, (inputs: Inputs, attrs: Attributes) => tf.Tensor> = {
  conv2d({ x, w, b }, { stride, dilation, padding, groups }) {
    const attributes = { strides: stride, dilations: dilation, padding };
    const [kernel, image] = [w as tf.Tensor, nhwc(x as tf.Tensor)];
    const channels = image.shape[3];
    if (groups === channels && kernel.shape[1] === 1) {
      const [outputs, , kh, kw] = kernel.shape as [number, number, number, number];
      const depthwise = tf.transpose(tf.reshape(kernel, [channels, outputs / channels, kh, kw]), [2, 3, 0, 1]) as tf.Tensor4D;
      return nchw(depthwiseConvolve2d(image, depthwise, attributes, b as tf.Tensor1D | undefined));
    }
    return nchw(convolve2d(image, tf.transpose(kernel, [2, 3, 1, 0]) as tf.Tensor4D, { ...attributes, groups }, b as tf.Tensor1D | undefined));
  },
  max_pool2d: ({ x }, { kernel, stride, padding, ceil_mode }) =>
    nchw(new MaxPoolLayer({ poolSize: kernel, strides: stride, padding, ceilMode: ceil_mode }).call(nhwc(x as tf.Tensor))),
  avg_pool2d: ({ x }, { kernel, stride, padding, ceil_mode, count_include_pad }) =>
    nchw(new AvgPoolLayer({ poolSize: kernel, strides: stride, padding, ceilMode: ceil_mode, countIncludePad: count_include_pad }).call(nhwc(x as tf.Tensor))),
  adaptive_avg_pool2d: ({ x }, { output_size }) => nchw(adaptiveAvgPool2d(nhwc(x as tf.Tensor), output_size)),
  local_response_norm: ({ x }, attrs) => nchw(localResponseNormalize(nhwc(x as tf.Tensor), attrs)),
  channel_shuffle: ({ x }, { groups }) => nchw(shuffleChannels(nhwc(x as tf.Tensor), groups)),
  batch_norm({ x, gamma, beta, running_mean, running_var }, { training, eps }) {
    const image = nhwc(x as tf.Tensor);
    if (!training) return nchw(batchNormalize(image, running_mean as tf.Tensor, running_var as tf.Tensor, gamma, beta, eps));
    const { y, mean, variance } = batchNormalizeTraining(image, gamma as tf.Tensor1D, beta as tf.Tensor1D, eps);
    tf.dispose([mean, variance]);
    return nchw(y);
  },
};

function expectMatch(actual: tf.Tensor, reference: Reference): void {
  expect(actual.shape).toEqual(reference.shape);
  const values = actual.dataSync();
  if (reference.data) expect(relativeError(values, reference.data)).toBeLessThan(TOLERANCE);
  else {
    expect(relativeError([...values.slice(0, 16), ...values.slice(-16)], [...(reference.first ?? []), ...(reference.last ?? [])])).toBeLessThan(TOLERANCE);
    expect(Math.hypot(...values) / (reference.l2 ?? 0)).toBeCloseTo(1, 4);
  }
}

describe.each(['wasm', 'cpu'])('operators on %s agree with torch', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  test.each(cases.map((c) => [c.name, c] as const))('%s', (name, { op, attrs, inputs, outputs, grads }) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const tensors = Object.fromEntries(Object.entries(inputs).map(([key, { shape, scale, shift }]) => [key, tf.tensor(fixtureStream(`${name}.${key}`, shape, scale, shift), shape)]));
      const operator = operators[op];
      if (!operator) throw new Error(`no operator ${op}`);
      expectMatch(operator(tensors, attrs), outputs.y as Reference);

      const wanted = Object.keys(grads);
      const cotangent = tf.tensor(fixtureStream(`${name}.cotangent`, outputs.y?.shape ?? []), outputs.y?.shape ?? []);
      const loss = (...args: tf.Tensor[]) => {
        const given = { ...tensors, ...Object.fromEntries(wanted.map((key, i) => [key, args[i] as tf.Tensor])) };
        return tf.sum(tf.mul(operator(given, attrs), cotangent)) as tf.Scalar;
      };
      const actual = tf.grads(loss)(wanted.map((key) => tensors[key] as tf.Tensor));
      wanted.forEach((key, i) => expectMatch(actual[i] as tf.Tensor, grads[key] as Reference));
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('the fixtures cover every operator', () => {
  expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(operators)));
});
