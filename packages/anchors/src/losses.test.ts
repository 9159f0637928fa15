/** Losses against torchvision's values, and their gradients against differences. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { boxLoss, boxOverlaps, decodeBoxes, decodeOffsets, focalLoss, priorBias, smoothL1, type Overlap } from './index.js';

const close = (actual: ArrayLike<number>, wanted: ArrayLike<number>, digits = 5) => {
  expect(actual).toHaveLength(wanted.length);
  Array.from(wanted).forEach((value, i) => expect(actual[i], `number ${i}`).toBeCloseTo(value, digits));
};

/** d sum(weights f(x)) / dx by central differences. */
function differences(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, weights: tf.Tensor, step = 1e-2): number[] {
  const values = Array.from(x.dataSync());
  return values.map((_, i) => {
    const at = (change: number) => tf.tidy(() => tf.sum(tf.mul(f(tf.tensor(values.map((v, j) => (j === i ? v + change : v)), x.shape)), weights)).dataSync()[0]!);
    return (at(step) - at(-step)) / (2 * step);
  });
}

function boxes(count: number, seed: number): tf.Tensor2D {
  const next = randomStream(seed);
  return tf.tensor2d(Array.from({ length: count }, () => {
    const [x, y] = [4 * next(), 4 * next()];
    return [x, y, x + 1 + 4 * next(), y + 1 + 4 * next()];
  }));
}

describe.each(['wasm', 'cpu'])('losses on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each<[Overlap, number[]]>([
    ['iou', [0.111111, 0, 1, 0.6]],
    ['giou', [-0.138889, -0.8, 1, 0.6]],
    ['diou', [-0.018889, -0.463115, 1, 0.57561]],
    ['ciou', [-0.019165, -0.464804, 1, 0.57561]],
  ])('the %s loss is 1 - the value of torchvision, and that of the arrays elsewhere', (kind, values) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const one = tf.tile(tf.tensor2d([[0, 0, 2, 2]]), [4, 1]) as tf.Tensor2D;
      const others = tf.tensor2d([1, 1, 3, 4, 4, 4, 6, 5, 0, 0, 2, 2, 0.5, 0, 2.5, 2], [4, 4]);
      close(boxLoss(one, others, { kind }).dataSync(), values.map((value) => 1 - value));
      const [a, b] = [boxes(20, 1), boxes(20, 2)];
      const matrix = boxOverlaps(a.dataSync() as Float32Array, b.dataSync() as Float32Array, { kind });
      close(boxLoss(a, b, { kind }).dataSync(), Array.from({ length: 20 }, (_, i) => 1 - matrix[21 * i]!));
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<Overlap>(['iou', 'giou', 'diou'])('gradients of the %s loss agree with differences', (kind) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const [a, b, weights] = [boxes(6, 3), boxes(6, 4), tf.tensor1d([1, -2, 3, 0.5, 1.5, -1])];
      const [da, db] = tf.grads((x, y) => tf.sum(tf.mul(boxLoss(x as tf.Tensor2D, y as tf.Tensor2D, { kind }), weights)))([a, b]);
      close(da!.dataSync(), differences((x) => boxLoss(x as tf.Tensor2D, b, { kind }), a, weights), 2);
      close(db!.dataSync(), differences((y) => boxLoss(a, y as tf.Tensor2D, { kind }), b, weights), 2);
      expect(Math.max(...da!.dataSync())).toBeGreaterThan(0.1);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("CIoU's alpha is constant: the gradient is that of DIoU and alpha times that of v", () => {
    tf.tidy(() => {
      const [a, b] = [boxes(6, 5), boxes(6, 6)];
      const ones = tf.ones([6]);
      const term = (kind: Overlap) => boxLoss(a, b, { kind }).dataSync();
      const actual = tf.grad((x) => tf.sum(boxLoss(x as tf.Tensor2D, b, { kind: 'ciou' })))(a).dataSync();
      const diou = tf.grad((x) => tf.sum(boxLoss(x as tf.Tensor2D, b, { kind: 'diou' })))(a).dataSync();
      const v = (x: number[][]) => x.map(([x1, y1, x2, y2], i) => {
        const [bx1, by1, bx2, by2] = b.arraySync()[i]!;
        return (4 / Math.PI ** 2) * (Math.atan((x2! - x1!) / (y2! - y1!)) - Math.atan((bx2! - bx1!) / (by2! - by1!))) ** 2;
      });
      const now = v(a.arraySync());
      const alpha = now.map((value, i) => value / (term('iou')[i]! + value));
      const slope = differences((x) => tf.mul(tf.tensor1d(v((x as tf.Tensor2D).arraySync())), tf.tensor1d(alpha)), a, ones);
      close(actual, slope.map((value, i) => value + diou[i]!), 2);
      expect(Math.max(...slope.map(Math.abs))).toBeGreaterThan(0.02);
      // Not that of alpha v with a free alpha.
      const free = differences((x) => boxLoss(x as tf.Tensor2D, b, { kind: 'ciou' }), a, ones);
      expect(Math.max(...free.map((value, i) => Math.abs(value - actual[i]!)))).toBeGreaterThan(0.01);
    });
  });

  it('boxes without sides give finite losses and gradients', () => {
    tf.tidy(() => {
      const [a, b] = [tf.tensor2d([[1, 1, 1, 1], [0, 0, 2, 0]]), tf.tensor2d([[1, 1, 1, 1], [0, 0, 1, 1]])];
      for (const kind of ['iou', 'giou', 'diou', 'ciou'] as const) {
        expect(boxLoss(a, b, { kind }).dataSync().every(Number.isFinite), kind).toBe(true);
        expect(tf.grad((x) => tf.sum(boxLoss(x as tf.Tensor2D, b, { kind })))(a).dataSync().every(Number.isFinite), kind).toBe(true);
      }
    });
  });

  it('decoded offsets are those of the arrays, with gradients up to the clamp', () => {
    tf.tidy(() => {
      const anchors = boxes(5, 7);
      const offsets = tf.randomUniform<tf.Rank.R2>([5, 4], -2, 2, 'float32', 8);
      close(decodeOffsets(offsets, anchors).dataSync(), decodeBoxes(offsets.dataSync() as Float32Array, anchors.dataSync() as Float32Array), 4);
      const weights = tf.randomUniform([5, 4], -1, 1, 'float32', 9);
      const run = (x: tf.Tensor) => decodeOffsets(x as tf.Tensor2D, anchors, { weights: [1, 2, 3, 4], clamp: 0.4 });
      const gradient = tf.grad((x) => tf.sum(tf.mul(run(x), weights)))(offsets).dataSync();
      close(gradient, differences(run, offsets, weights), 2);
      expect(gradient.filter((x) => x === 0).length).toBeGreaterThan(0);
    });
  });

  it('smooth L1 has its values and slopes', () => {
    tf.tidy(() => {
      const x = tf.tensor1d([0.5, 2, -3]);
      const zero = tf.zeros<tf.Rank.R1>([3]);
      close(smoothL1(x, zero).dataSync(), [0.125, 1.5, 2.5]);
      close(smoothL1(tf.tensor1d([0.05, 0.5]), tf.zeros<tf.Rank.R1>([2]), { beta: 1 / 9 }).dataSync(), [0.01125, 0.44444]);
      close(smoothL1(x, zero, { beta: 0 }).dataSync(), [0.5, 2, 3]);
      close(tf.grad((v) => tf.sum(smoothL1(v as tf.Tensor1D, zero)))(tf.tensor1d([0.5, 2, -3])).dataSync(), [0.5, 1, -1]);
      close(tf.grad((v) => tf.sum(smoothL1(v as tf.Tensor1D, zero)))(zero).dataSync(), [0, 0, 0]);
    });
  });

  it('focal loss has the values of torchvision, and gradients', () => {
    tf.tidy(() => {
      const [logits, targets] = [tf.tensor1d([2, -1, 0.5]), tf.tensor1d([1, 0, 0])];
      close(focalLoss(logits, targets).dataSync(), [0.000451, 0.016994, 0.283059], 6);
      for (const options of [{}, { gamma: 0, alpha: null }, { gamma: 1.5, alpha: 0.6 }]) {
        const run = (x: tf.Tensor) => focalLoss(x as tf.Tensor1D, targets, options);
        close(tf.grad((x) => tf.sum(run(x)))(logits).dataSync(), differences(run, logits, tf.ones([3])), 3);
      }
      const plain = focalLoss(logits, targets, { gamma: 0, alpha: null }).dataSync();
      close(plain, [Math.log1p(Math.exp(-2)), Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(0.5))]);
    });
  });

  it('focal loss is finite for the largest logits', () => {
    tf.tidy(() => {
      const [logits, targets] = [tf.tensor1d([1000, -1000, 1000, -1000]), tf.tensor1d([1, 0, 0, 1])];
      close(focalLoss(logits, targets).dataSync(), [0, 0, 750, 250], 2);
      expect(tf.grad((x) => tf.sum(focalLoss(x as tf.Tensor1D, targets)))(logits).dataSync().every(Number.isFinite)).toBe(true);
    });
  });
});

describe('options of losses', () => {
  it('the bias of a prior of 1 %', () => {
    expect(priorBias()).toBeCloseTo(-4.595, 3);
    expect(() => priorBias(1)).toThrow('priorBias: prior must be a number > 0 and < 1');
  });

  it('shapes and names that do not fit are refused', () => {
    const two = tf.zeros<tf.Rank.R2>([2, 4]);
    expect(() => boxLoss(two, tf.zeros([3, 4]))).toThrow('boxLoss: target must be [2, 4]');
    expect(() => boxLoss(tf.zeros([2, 3]), two)).toThrow('predicted must be [N, 4]');
    expect(() => boxLoss(two, two, { kind: 'eiou' as never })).toThrow('kind must be one of iou, giou, diou, ciou');
    expect(() => decodeOffsets(two, tf.zeros([1, 4]))).toThrow('anchors must be [2, 4]');
    expect(() => focalLoss(tf.zeros([2]), tf.zeros([3]) as never)).toThrow("targets must be of the logits' shape [2]");
    two.dispose();
  });
});
