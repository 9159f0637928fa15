/** Localisation as VGG did it, in short: a classifier's last layer replaced, trained with both engines, applied densely, merged. */
import '@tensorflow/tfjs-backend-wasm';
import { boxesOfFractions, boxFractions, classBoxTargets, evaluateLocalization, localizer, mergeBoxes } from '@convkit/anchors';
import { denseForm } from '@convkit/evaluation';
import { compile } from '@convkit/graph';
import { createTrainer, type TrainerOptions } from '@convkit/train';
import { vgg } from '@convkit/vgg';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('wasm'));

const SIDE = 12;
const WINDOW = Float32Array.of(0, 0, SIDE, SIDE);
const build = (boxes: 'shared' | 'perClass', seed = 1) =>
  localizer(vgg.build({ stages: [{ filters: 8, kernels: [3] }, { filters: 16, kernels: [3] }], head: { pool: 3, widths: [32], dropout: 0 } }, { classes: 2, inputShape: [SIDE, SIDE, 1], seed }), { boxes, seed });

/** Bright rectangles: class 0 lies, class 1 stands. */
function rectangles(size: number) {
  const images = new Float32Array(size * SIDE * SIDE);
  const boxes = new Float32Array(4 * size);
  const labels = Array.from({ length: size }, (_, n) => n % 2);
  labels.forEach((label, n) => {
    const [w, h] = label === 0 ? [6, 4] : [4, 6];
    const [x, y] = [(7 * n) % (SIDE - w + 1), (5 * n + Math.floor(n / 7)) % (SIDE - h + 1)];
    boxes.set([x, y, x + w, y + h], 4 * n);
    for (let row = y; row < y + h; row++) images.fill(1, (n * SIDE + row) * SIDE + x, (n * SIDE + row) * SIDE + x + w);
  });
  return { images, labels, boxes, fractions: boxFractions(boxes, WINDOW), size };
}

const targetsOf = (boxes: 'shared' | 'perClass', { fractions, labels }: ReturnType<typeof rectangles>) => [boxes === 'shared' ? fractions : classBoxTargets(fractions, labels, 2)];

describe.each(['onnxruntime', 'tfjs'] as const)('with the engine %s', (engine) => {
  const options: TrainerOptions = { engine, loss: 'euclidean', optimizer: { kind: 'adam' }, threads: 1 };

  test.each(['shared', 'perClass'] as const)('%s boxes are learnt: the loss falls to a tenth', async (kind) => {
    const net = build(kind);
    const data = rectangles(32);
    const trainer = await createTrainer(net, options);
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) losses.push((await trainer.step({ images: data.images, size: 32, targets: targetsOf(kind, data) }, 0.005)).loss);
    expect(losses.at(-1)).toBeLessThan(0.1 * losses[0]!);
    await trainer.dispose();
    net.dispose();
  });

  test('the gradient is that of finite differences, and the other class has none', async () => {
    const net = build('perClass');
    const data = rectangles(1);
    const trainer = await createTrainer(net, options);
    const batch = { images: data.images, size: 1, targets: targetsOf('perClass', data) };
    const { gradients } = await trainer.gradients(batch);
    const kernel = gradients['classifier.3.boxes/kernel']!;
    const bias = gradients['classifier.3.boxes/bias']!;
    expect([...bias.subarray(4)]).toEqual([0, 0, 0, 0]);
    await trainer.dispose();
    const lossWith = async (i: number, change: number) => {
      const layer = net.getLayer('classifier.3.boxes');
      const [before, b] = layer.getWeights() as [tf.Tensor, tf.Tensor];
      const values = Float32Array.from(before.dataSync());
      values[i]! += change;
      const after = tf.tensor(values, before.shape);
      layer.setWeights([after, b]);
      const other = await createTrainer(net, options);
      const { loss } = await other.gradients(batch);
      await other.dispose();
      layer.setWeights([tf.tensor(Float32Array.from(values, (value, k) => (k === i ? value - change : value)), before.shape), b]);
      return loss;
    };
    const largest = kernel.indexOf(kernel.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most)));
    const numeric = ((await lossWith(largest, 0.01)) - (await lossWith(largest, -0.01))) / 0.02;
    expect(numeric / kernel[largest]!).toBeCloseTo(1, 2);
    net.dispose();
  });

  test('only the dense layers learn where the others have the rate 0', async () => {
    const net = build('shared');
    const before = net.getWeights().map((weight) => weight.dataSync().slice());
    const data = rectangles(8);
    const trainer = await createTrainer(net, { ...options, rateOf: (name) => (name.startsWith('classifier.') ? 1 : 0) });
    await trainer.step({ images: data.images, size: 8, targets: [data.fractions] }, 0.01);
    await trainer.sync();
    const moved = net.weights.filter((_, i) => net.getWeights()[i]!.dataSync().some((value, k) => value !== before[i]![k])).map(({ originalName }) => originalName);
    expect(moved).toEqual(['classifier.0/kernel', 'classifier.0/bias', 'classifier.3.boxes/kernel', 'classifier.3.boxes/bias']);
    await trainer.dispose();
    net.dispose();
  });
});

test('every position of a larger image says a box in its own window, and the merged ones are the object', () => {
  const net = build('shared');
  // All positions point at the object: what a perfect localizer would say.
  const form = denseForm(net, { inputShape: [20, 16, 1] });
  const program = compile(form.graph);
  const map = program.predict(tf.zeros([1, 20, 16, 1])) as tf.Tensor;
  expect(map.shape).toEqual([1, 3, 2, 4]);
  program.dispose();
  map.dispose();
  const windows = Float32Array.from(Array.from({ length: 6 }, (_, i) => {
    const [y, x] = [Math.floor(i / 2) * form.strides[0], (i % 2) * form.strides[1]];
    return [x, y, x + form.window[1], y + form.window[0]];
  }).flat());
  expect([...windows.subarray(20)]).toEqual([4, 8, 16, 20]);
  const object = Float32Array.of(5, 9, 11, 13);
  const said = boxFractions(Float32Array.from({ length: 24 }, (_, i) => object[i % 4]!), windows);
  const merged = mergeBoxes(boxesOfFractions(said, windows), new Float32Array(6).fill(1));
  expect([...merged.counts]).toEqual([6]);
  expect(evaluateLocalization(merged, { boxes: object }).meanOverlap).toBeCloseTo(1, 5);
  net.dispose();
});
