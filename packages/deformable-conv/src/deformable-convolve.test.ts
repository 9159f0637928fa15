/** The tensor function against numbers by hand, and its gradients against differences; torchvision's are in operators.test.ts. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { convolve2d, OptionError, type DeformableAttributes } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { deformableConvolve2d } from './index.js';

function image(rows: number[][]): tf.Tensor4D {
  return tf.tensor4d(rows.flat(), [1, rows.length, rows[0]!.length, 1]);
}
const plane = (x: tf.Tensor) => (tf.squeeze(x) as tf.Tensor2D).arraySync();
const plain: DeformableAttributes = { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1] };
const upTo16 = () => image([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]);
const kernel2x2 = () => tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]);

/** The 2x2 example on a 4x4 image: tap 0 at (0, 0) moves by (0.5, -0.25), tap 3 at (2, 2) by (0.75, 0.5). */
function exampleOffset(): tf.Tensor4D {
  const offset = tf.buffer([1, 3, 3, 8]);
  offset.set(0.5, 0, 0, 0, 0);
  offset.set(-0.25, 0, 0, 0, 1);
  offset.set(0.75, 0, 2, 2, 6);
  offset.set(0.5, 0, 2, 2, 7);
  return offset.toTensor() as tf.Tensor4D;
}

describe.each(['wasm', 'cpu'])('deformable convolution on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  test.each([[-0.5, 0.5], [-0.99, 0.01], [-1, 0], [-1.5, 0], [3.5, 2], [3.99, 0.04], [4, 0], [Infinity, 0], [-Infinity, 0]])('a column 1 to 4 read at %f is %f', (dy, expected) => {
    tf.tidy(() => {
      const offset = tf.buffer([1, 4, 1, 2]);
      offset.set(dy, 0, 0, 0, 0);
      const y = deformableConvolve2d(image([[1], [2], [3], [4]]), tf.ones([1, 1, 1, 1]), offset.toTensor() as tf.Tensor4D, plain);
      const values = [...y.dataSync()];
      expect(values[0]).toBeCloseTo(expected, 5);
      expect(values.slice(1)).toEqual([2, 3, 4]);
    });
  });

  test('an offset that is no number gives no number, there only', () => {
    tf.tidy(() => {
      const y = deformableConvolve2d(image([[1], [2]]), tf.ones([1, 1, 1, 1]), tf.tensor4d([0, 0, Number.NaN, 0], [1, 2, 1, 2]), plain);
      expect([...y.dataSync()]).toEqual([1, Number.NaN]);
    });
  });

  test('two taps that move change two outputs, and the gradients are those of torchvision', () => {
    tf.tidy(() => {
      const [x, kernel, offset] = [upTo16(), kernel2x2(), exampleOffset()];
      expect(plane(convolve2d(x, kernel, { ...plain, groups: 1 }))).toEqual([[44, 54, 64], [84, 94, 104], [124, 134, 144]]);
      expect(plane(deformableConvolve2d(x, kernel, offset, plain))).toEqual([[45.25, 54, 64], [84, 94, 104], [124, 134, 88]]);
      const [dx, dkernel, doffset] = tf.grads((a, b, c) => tf.sum(deformableConvolve2d(a as tf.Tensor4D, b as tf.Tensor4D, c as tf.Tensor4D, plain)))([x, kernel, offset]);
      expect(plane(dx!)).toEqual([[0.375, 3, 3, 2], [4.375, 10, 10, 6], [4, 10, 10, 6], [3, 7, 7, 0.5]]);
      expect(plane(dkernel!)).toEqual([[55.25, 63], [90, 85]]);
      const moved = doffset!.arraySync() as number[][][][];
      expect(moved[0]![0]![0]!.slice(0, 2)).toEqual([3, 3]);
      expect(moved[0]![2]![2]!.slice(6)).toEqual([-32, -16]);
      expect(moved[0]![1]![1]!.slice(2, 4), 'at an integer, from the right').toEqual([8, 2]);
    });
  });

  test('a mask of a half halves the response, and its gradient is what each tap reads', () => {
    tf.tidy(() => {
      const [x, kernel, offset, mask] = [upTo16(), kernel2x2(), exampleOffset(), tf.fill<tf.Rank.R4>([1, 3, 3, 4], 0.5)];
      expect(plane(deformableConvolve2d(x, kernel, offset, plain, mask))).toEqual([[22.625, 27, 32], [42, 47, 52], [62, 67, 44]]);
      const dmask = tf.grad((m) => tf.sum(deformableConvolve2d(x, kernel, offset, plain, m as tf.Tensor4D)))(mask);
      expect((dmask.arraySync() as number[][][][])[0]![0]![0]).toEqual([2.25, 4, 15, 24]);
    });
  });

  test('deformable groups move their own half of the channels', () => {
    tf.tidy(() => {
      const x = tf.concat([upTo16(), tf.add(upTo16(), 16)], 3) as tf.Tensor4D;
      const offset = tf.tile(tf.tensor4d([0, 0, 0, 1], [1, 1, 1, 4]), [1, 4, 4, 1]) as tf.Tensor4D;
      const y = deformableConvolve2d(x, tf.ones([1, 1, 2, 1]), offset, plain);
      expect(plane(y)).toEqual([[19, 21, 23, 4], [27, 29, 31, 8], [35, 37, 39, 12], [43, 45, 47, 16]]);
    });
  });

  test.each([
    ['plain', { strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1] }, 1],
    ['stride', { strides: [2, 3], padding: [1, 1, 1, 1], dilations: [1, 1] }, 1],
    ['dilation', { strides: [1, 1], padding: [2, 2, 3, 3], dilations: [2, 3] }, 1],
    ['stride with dilation, padding on one side, groups', { strides: [2, 1], padding: [0, 3, 2, 0], dilations: [2, 1] }, 2],
  ] as const)('without offsets it is the ordinary convolution: %s', (_, attributes, groups) => {
    tf.tidy(() => {
      // Small integers: both sums are exact in float32, whatever their order.
      const x = tf.round(tf.randomUniform<tf.Rank.R4>([2, 8, 9, 4], -8, 8, 'float32', 3)) as tf.Tensor4D;
      const kernel = tf.round(tf.randomUniform<tf.Rank.R4>([3, 2, 4 / groups, 6], -8, 8, 'float32', 5)) as tf.Tensor4D;
      const expected = convolve2d(x, kernel, { ...attributes, groups });
      const [n, h, w] = expected.shape;
      for (const deformableGroups of [1, 2, 4]) {
        const y = deformableConvolve2d(x, kernel, tf.zeros([n, h, w, 12 * deformableGroups]), attributes);
        expect([...y.dataSync()]).toEqual([...expected.dataSync()]);
      }
    });
  });

  test('gradients of all arguments agree with central differences away from integer positions', () => {
    tf.tidy(() => {
      const attributes: DeformableAttributes = { strides: [2, 1], padding: [1, 0, 1, 2], dilations: [1, 2] };
      // Offsets between 0.1 and 0.9 beyond an integer from -3 to 2: no step of 1e-3 crosses one.
      const whole = tf.floor(tf.randomUniform([1, 2, 7, 24], -3, 3, 'float32', 1));
      const tensors = [
        tf.randomUniform([1, 5, 6, 4], -1, 1, 'float32', 2), tf.randomUniform([3, 2, 2, 4], -1, 1, 'float32', 3),
        tf.add(whole, tf.randomUniform(whole.shape, 0.1, 0.9, 'float32', 4)), tf.randomUniform([1, 2, 7, 12], 0, 1, 'float32', 5), tf.randomUniform([4], -1, 1, 'float32', 6),
      ];
      const run = (args: tf.Tensor[]) => deformableConvolve2d(...(args.slice(0, 3) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]), attributes, ...(args.slice(3) as [tf.Tensor4D, tf.Tensor1D]));
      const cotangent = tf.randomUniform(run(tensors).shape, -1, 1, 'float32', 7);
      const analytic = tf.grads((...args: tf.Tensor[]) => tf.sum(tf.mul(run(args), cotangent)))(tensors);
      const dot = (a: tf.Tensor, b: tf.Tensor) => {
        const [left, right] = [a.dataSync(), b.dataSync()] as [Float32Array, Float32Array];
        return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
      };
      tensors.forEach((tensor, i) => {
        const direction = tf.randomUniform(tensor.shape, -1, 1, 'float32', 11 + i);
        const along = (step: number) => dot(run(tensors.map((other, j) => (i === j ? tf.add(tensor, tf.mul(direction, step)) : other))), cotangent);
        const numeric = (along(1e-3) - along(-1e-3)) / 2e-3;
        expect(Math.abs(numeric - dot(analytic[i]!, direction)) / Math.sqrt(dot(analytic[i]!, analytic[i]!)), `argument ${i}`).toBeLessThan(2e-3);
      });
    });
  });
});

test('offsets, masks and kernels that do not fit are refused by name', () => {
  tf.tidy(() => {
    const x = tf.zeros<tf.Rank.R4>([1, 4, 4, 6]);
    const kernel = tf.zeros<tf.Rank.R4>([3, 3, 6, 4]);
    const offset = (h: number, channels: number) => tf.zeros<tf.Rank.R4>([1, h, h, channels]);
    expect(() => deformableConvolve2d(x, kernel, offset(4, 18), plain)).toThrow(/offset must be \[1, 2, 2, 18 G\], G a divisor of the 6 input channels, got \[1,4,4,18\]/);
    expect(() => deformableConvolve2d(x, kernel, offset(2, 9), plain)).toThrow(/offset must be/);
    expect(() => deformableConvolve2d(x, kernel, offset(2, 72), plain)).toThrow(/offset must be/);
    expect(() => deformableConvolve2d(x, kernel, offset(2, 36), plain, offset(2, 9))).toThrow(/mask must be \[1, 2, 2, 18\], got \[1,2,2,9\]/);
    expect(() => deformableConvolve2d(x, tf.zeros([3, 3, 4, 4]), offset(2, 18), plain)).toThrow(/kernel must be/);
    expect(() => deformableConvolve2d(x, tf.zeros([3, 3, 2, 4]), offset(2, 18), plain)).toThrow(OptionError);
  });
});
