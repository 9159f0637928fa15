/** The layers that end a detector: what they take and what they refuse; decoding against the typed arrays' and by hand. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { clipBoxes, decodeBoxes, decodedBoxes, NonMaxSuppressionLayer, suppressBoxes } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const anchors = Float32Array.of(0, 0, 0.5, 0.5, 0.25, 0.5, 0.75, 1);

describe('decodedBoxes', () => {
  const decoded = (offsets: number[][][], options: Partial<Parameters<typeof decodedBoxes>[1]> = {}) => {
    const x = input({ shape: [2, 4] });
    const network = model({ inputs: x, outputs: decodedBoxes(x, { anchors, ...options }) });
    const boxes = tf.tidy(() => (network.predict(tf.tensor3d(offsets)) as tf.Tensor3D).arraySync());
    network.dispose();
    return boxes;
  };

  it('no offsets are the anchors, whole ones move and stretch them, and the image ends at 0 and 1', () => {
    const twice = 5 * Math.log(2);
    expect(decoded([[[0, 0, 0, 0], [0, 0, 0, 0]]])).toEqual([[[0, 0, 0.5, 0.5], [0.25, 0.5, 0.75, 1]]]);
    // Half a side to the right and twice as wide: centre 0.5, from 0 to 1; and half a side down, cut at the border.
    const [[first, second]] = decoded([[[5, 0, twice, 0], [0, 5, 0, 0]]]) as [[number[], number[]]];
    [0, 0, 1, 0.5].forEach((value, i) => expect(first[i]).toBeCloseTo(value, 6));
    [0.25, 0.75, 0.75, 1].forEach((value, i) => expect(second[i]).toBeCloseTo(value, 6));
  });

  it('agrees with decodeBoxes and clipBoxes, beyond the clamp too, in pixels', () => {
    const offsets = [[[1.2, -3, 4, 90], [-7, 2, 0.5, -2]], [[0, 0, 1, 1], [30, 0.1, 0.1, 0.2]]];
    const wanted = offsets.map((image) => clipBoxes(decodeBoxes(Float32Array.from(image.flat()), anchors, { weights: [1, 2, 3, 4], clamp: 1.5 }), [1, 1]).map((value, i) => value * (i % 2 === 0 ? 200 : 100)));
    decoded(offsets, { boxWeights: [1, 2, 3, 4], clamp: 1.5, imageSize: [100, 200] }).forEach((image, n) => image.flat().forEach((value, i) => expect(value).toBeCloseTo(wanted[n]![i]!, 3)));
  });

  it('holds a copy of its anchors, which are no parameters to train', () => {
    const own = anchors.slice();
    const x = input({ shape: [2, 4] });
    const network = model({ inputs: x, outputs: decodedBoxes(x, { anchors: own, name: 'boxes' }) });
    own.fill(0);
    expect([network.trainableWeights.length, network.weights.map(({ originalName, shape }) => `${originalName} ${shape.join('x')}`)]).toEqual([0, ['boxes/anchors 2x4']]);
    expect([...network.weights[0]!.read().dataSync()]).toEqual([...anchors]);
    network.dispose();
  });

  it('says what is wrong', () => {
    const x = input({ shape: [2, 4] });
    expect(() => decodedBoxes(x, { anchors: anchors.subarray(4), name: 'boxes' })).toThrow('decodedBoxes "boxes": input must be offsets [N, 1, 4], got [null,2,4]');
    expect(() => decodedBoxes(x, { anchors: anchors.subarray(1) })).toThrow('anchors must be a Float32Array or Float64Array of four numbers a box, got 7');
    expect(() => decodedBoxes(x, {} as never)).toThrow('decodedBoxes: anchors must be a Float32Array of four numbers an anchor, got nothing');
    expect(() => decodedBoxes(x, { anchors, imageSize: [0, 5] })).toThrow('imageSize must be [height, width], numbers > 0, got [0,5]');
    expect(() => decodedBoxes(x, { anchors, clamp: Infinity })).toThrow('clamp must be a finite number > 0');
  });
});

describe('suppressBoxes', () => {
  it('leaves the background out and counts classes behind it', () => {
    const [boxes, scores] = [input({ shape: [2, 4] }), input({ shape: [2, 3] })];
    const network = model({ inputs: [boxes, scores], outputs: suppressBoxes(boxes, scores, { background: true, limit: 3, scoreThreshold: 0.2 }) });
    const found = tf.tidy(() => (network.predict([tf.tensor3d([[[0, 0, 1, 1], [2, 2, 3, 3]]]), tf.tensor3d([[[0.75, 0.25, 0], [0.125, 0.25, 0.625]]])]) as tf.Tensor3D).arraySync());
    expect(found).toEqual([[[2, 2, 3, 3, 0.625, 1], [0, 0, 1, 1, 0.25, 0], [2, 2, 3, 3, 0.25, 0]]]);
    network.dispose();
  });

  it('says what is wrong', () => {
    const of = (...shape: number[]) => input({ shape });
    expect(() => suppressBoxes(of(2, 5), of(2, 3), { name: 'found' })).toThrow('suppressBoxes "found": boxes must be [N, R, 4] with a known R, got [null,2,5]');
    expect(() => suppressBoxes(of(2, 4), of(3, 3))).toThrow('scores must be [N, 2, K] with a known K of at least 1, got [null,3,3]');
    expect(() => suppressBoxes(of(2, 4), of(2, 1), { background: true })).toThrow('a known K of at least 2');
    expect(() => new NonMaxSuppressionLayer({}).apply(of(2, 4))).toThrow('inputs must be two tensors, [boxes, scores]');
    expect(() => suppressBoxes(of(2, 4), of(2, 3), { threshold: 1.5 })).toThrow('threshold must be a finite number >= 0 and <= 1');
    expect(() => suppressBoxes(of(2, 4), of(2, 3), { limit: Infinity })).toThrow('limit must be an integer >= 1');
    expect(() => suppressBoxes(of(2, 4), of(2, 3), { scoreThreshold: -Infinity })).toThrow('scoreThreshold must be a finite number');
    expect(() => suppressBoxes(of(2, 4), of(2, 3), { candidate: 3 } as never)).toThrow('did you mean candidates?');
  });
});
