/** Suppression in a graph is the one on typed arrays, equal scores included: as a layer, and in onnxruntime, whose own operator leaves their order open. */
import '@tensorflow/tfjs-backend-cpu';
import { nonMaxSuppression, suppressBoxes, type SuppressBoxesOptions } from '@convkit/anchors';
import { randomStream } from '@convkit/core';
import { createSession, toOnnx, toProgram } from '@convkit/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('cpu'));

interface Scene {
  images: number;
  rows: number;
  kinds: number;
  /** Different scores that there are. */
  levels: number;
}

/** Boxes in heaps; some are turned inside out, one score is no number. */
function sceneOf({ images, rows, kinds, levels }: Scene) {
  const next = randomStream(4);
  const boxes = Float32Array.from(Array.from({ length: images * rows }, () => {
    const [x, y] = [Math.floor(3 * next()) / 4 + 0.1 * next(), Math.floor(3 * next()) / 4 + 0.1 * next()];
    return [x, y, x + 0.3 * next() - 0.02, y + 0.3 * next() - 0.02];
  }).flat());
  const scores = Float32Array.from({ length: images * rows * kinds }, () => Math.floor(levels * next()) / levels);
  scores[1] = Number.NaN;
  return { boxes, scores };
}

/** What the layer says, by the typed arrays' function: the best of each class, suppressed together. */
function wantedOf({ images, rows, kinds }: Scene, boxes: Float32Array, scores: Float32Array, options: Required<Pick<SuppressBoxesOptions, 'threshold' | 'scoreThreshold' | 'candidates' | 'limit'>>) {
  const { threshold, scoreThreshold, candidates, limit } = options;
  return Array.from({ length: images }, (_, n) => {
    const found = Array.from({ length: kinds }, (__, kind) => Array.from({ length: rows }, (___, row) => ({ row, kind, score: scores[(n * rows + row) * kinds + kind]! }))
      .filter(({ score }) => score > scoreThreshold).sort((a, b) => b.score - a.score || a.row - b.row).slice(0, candidates)).flat();
    const own = found.map(({ row }) => [...boxes.subarray(4 * (n * rows + row), 4 * (n * rows + row) + 4)]);
    const kept = nonMaxSuppression(Float32Array.from(own.flat()), Float32Array.from(found, ({ score }) => score), { classes: Int32Array.from(found, ({ kind }) => kind), threshold, limit });
    const filled = Array.from(kept, (i) => [...own[i]!, found[i]!.score, found[i]!.kind]);
    return [...filled, ...Array.from({ length: limit - kept.length }, () => [0, 0, 0, 0, 0, -1])];
  });
}

describe.each<[string, Scene, Parameters<typeof wantedOf>[3]]>([
  ['many equal scores, few candidates', { images: 3, rows: 200, kinds: 4, levels: 10 }, { threshold: 0.4, scoreThreshold: 0.1, candidates: 30, limit: 50 }],
  ['more candidates than boxes', { images: 3, rows: 60, kinds: 2, levels: 1000 }, { threshold: 0.3, scoreThreshold: 0.05, candidates: 400, limit: 40 }],
  ['more places than boxes', { images: 2, rows: 5, kinds: 2, levels: 3 }, { threshold: 0, scoreThreshold: 0, candidates: 400, limit: 50 }],
  ['nothing above the threshold', { images: 2, rows: 7, kinds: 3, levels: 5 }, { threshold: 0.5, scoreThreshold: 1, candidates: 4, limit: 9 }],
  ['one box, one class, one place', { images: 1, rows: 1, kinds: 2, levels: 100 }, { threshold: 0.5, scoreThreshold: -1, candidates: 1, limit: 1 }],
  ['nothing is suppressed, scores may be negative', { images: 2, rows: 40, kinds: 3, levels: 4 }, { threshold: 1, scoreThreshold: -2, candidates: 10, limit: 6 }],
])('%s', (_, scene, options) => {
  const { images, rows, kinds } = scene;
  const { boxes, scores } = sceneOf(scene);
  const wanted = wantedOf(scene, boxes, scores, options).flat(2);
  const network = () => {
    const [b, s] = [input({ shape: [rows, 4], name: 'boxes' }), input({ shape: [rows, kinds], name: 'scores' })];
    return model({ inputs: [b, s], outputs: suppressBoxes(b, s, options) });
  };

  test('as a layer', () => {
    tf.tidy(() => {
      const found = network().predict([tf.tensor3d(boxes, [images, rows, 4]), tf.tensor3d(scores, [images, rows, kinds])]) as tf.Tensor;
      expect([found.shape, [...found.dataSync()]]).toEqual([[images, options.limit, 6], [...Float32Array.from(wanted)]]);
    });
  });

  test('in onnxruntime, in a file for any number of images', async () => {
    const session = await createSession(network(), { threads: 1 });
    const [found] = await session.run([{ data: boxes, shape: [images, rows, 4] }, { data: scores, shape: [images, rows, kinds] }]);
    await session.dispose();
    expect([found!.shape, [...found!.data]]).toEqual([[images, options.limit, 6], [...Float32Array.from(wanted)]]);
  });
});

test('the file holds one operator for it, of ONNX alone, and every version of the operators says it', async () => {
  const [b, s] = [input({ shape: [9, 4], name: 'boxes' }), input({ shape: [9, 2], name: 'scores' })];
  const network = model({ inputs: [b, s], outputs: suppressBoxes(b, s, { limit: 3 }) });
  for (const opset of [17, 22]) {
    const program = await toProgram(network, { opset });
    expect(program.nodes.filter(({ type }) => type === 'NonMaxSuppression')).toHaveLength(1);
    expect(program.opsets).toEqual({ '': opset });
    expect(program.outputs[0]!.shape).toEqual(['N', 3, 6]);
    const session = await createSession(await toOnnx(network, { opset }), { threads: 1 });
    const [found] = await session.run([{ data: new Float32Array(2 * 36), shape: [2, 9, 4] }, { data: new Float32Array(2 * 18).fill(0.5), shape: [2, 9, 2] }]);
    await session.dispose();
    // Boxes without an area take nothing away: the first three of the first class, twice.
    expect([...found!.data]).toEqual(Array.from({ length: 6 }, () => [0, 0, 0, 0, 0.5, 0]).flat());
  }
  network.dispose();
});
