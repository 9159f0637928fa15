/** Counts of torchvision and of Dive into Deep Learning; shapes, names and bad options. */
import '@tensorflow/tfjs-backend-cpu';
import { DEFAULT_BOXES, GRID_ANCHORS } from '@convkit/anchors';
import { conv2d, type BuildOptions } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { featurePyramid, predictionHead, retinanet, ssd, tinySsd, TINY_SSDS, vggSsd, VGG_SSDS, withDetections, type Detector } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const zeros = { initialWeights: 'zeros' } as const;
const trainable = ({ model: network }: Detector) => network.trainableWeights.reduce((sum, { shape }) => sum + shape.reduce<number>((product, n) => product * (n ?? 1), 1), 0);
const shapesOf = ({ model: network }: Detector) => network.outputs.map(({ shape }) => shape.slice(1));

/** Three maps of a few convolutions. */
function small(side = 32): LayersModel {
  const x = input({ shape: [side, side, 3] });
  const first = conv2d(x, { filters: 4, kernelSize: 3, strides: 4, padding: 1, name: 'one' });
  const second = conv2d(first, { filters: 6, kernelSize: 3, strides: 2, padding: 1, name: 'two' });
  return model({ inputs: x, outputs: [first, second, conv2d(second, { filters: 8, kernelSize: 3, strides: 2, padding: 1, name: 'three' })] });
}

describe('SSD on VGG', () => {
  it.each([[90, 35_641_826], [20, 26_285_486]])("SSD300 with %d classes has torchvision's %d parameters and 8,732 boxes", (classes, params) => {
    const detector = vggSsd('ssd300_vgg16', { classes, ...zeros });
    expect(trainable(detector)).toBe(params);
    expect(shapesOf(detector)).toEqual([[8732, classes + 1], [8732, 4]]);
    expect(detector.anchors.length).toBe(4 * DEFAULT_BOXES.ssd300.anchors);
    detector.model.dispose();
  });

  it('SSD512 has the parameters of its layers and the 24,564 boxes of the paper', () => {
    const detector = vggSsd('ssd512_vgg16', zeros);
    // VGG's convolutions, the scale, fc6, fc7, the extra layers (1x1 and 3x3, the last 4x4), and the heads: 91 + 4 for every anchor.
    const pair = (from: number, narrow: number, to: number, k: number) => from * narrow + narrow + k * k * narrow * to + to;
    const extras = pair(1024, 256, 512, 3) + pair(512, 128, 256, 3) + 2 * pair(256, 128, 256, 3) + pair(256, 128, 256, 4);
    const heads = [[512, 4], [1024, 6], [512, 6], [256, 6], [256, 6], [256, 4], [256, 4]].reduce((sum, [c, a]) => sum + 95 * a! * (9 * c! + 1), 0);
    expect(trainable(detector)).toBe(14_714_688 + 512 + (9 * 512 * 1024 + 1024) + (1024 * 1024 + 1024) + extras + heads);
    expect(trainable(detector)).toBe(VGG_SSDS.ssd512_vgg16.params);
    expect(shapesOf(detector)[0]).toEqual([24_564, 91]);
    detector.model.dispose();
  });

  it("layers are called as torchvision's modules", () => {
    const detector = vggSsd('ssd300_vgg16', { classes: 1, ...zeros });
    const names = new Set(detector.model.layers.map(({ name }) => name));
    for (const name of ['backbone.features.21', 'backbone.extra.0.1', 'backbone.extra.0.7.1', 'backbone.extra.4.2', 'head.classification_head.module_list.5', 'head.regression_head.module_list.0']) expect(names, name).toContain(name);
    detector.model.dispose();
  });
});

describe('tinySsd', () => {
  it.each(Object.values(TINY_SSDS))("of $classes classes has the book's $params parameters and $anchors anchors", ({ classes, params, anchors }) => {
    const detector = tinySsd({ classes, ...zeros });
    expect(trainable(detector)).toBe(params);
    expect(shapesOf(detector)).toEqual([[anchors, classes + 1], [anchors, 4]]);
    expect(detector.anchors.length).toBe(4 * anchors);
    const backbone = detector.model.layers.filter(({ name }) => name.startsWith('blk_')).flatMap(({ trainableWeights }) => trainableWeights);
    expect(backbone.reduce((sum, { shape }) => sum + shape.reduce<number>((product, n) => product * (n ?? 1), 1), 0)).toBe(885_840);
    detector.model.dispose();
  });

  it('may be smaller', () => {
    const detector = tinySsd({ classes: 3, inputShape: [32, 48, 1], base: [4, 8], stages: [8], sizes: [[0.2, 0.3], [0.4], [0.8]], ratios: [1, 2] });
    // 8 x 12 cells of three anchors, 4 x 6 and 1 x 1 of two.
    expect(shapesOf(detector)[0]).toEqual([3 * 96 + 2 * 24 + 2, 4]);
    detector.model.dispose();
    expect(() => tinySsd({ inputShape: [32, 32, 3] })).toThrow('tinySsd: inputShape must be at least 64 high and wide: it is halved 6 times');
    expect(() => tinySsd({ stages: [8] })).toThrow('sizes must be a list for each of the 3 maps');
    expect(() => tinySsd({ clases: 3 } as never)).toThrow('did you mean classes?');
  });
});

describe('SSD on any network', () => {
  it('takes the outputs of a model, or layers by name, and adds maps', () => {
    const whole = ssd({ backbone: small(), classes: 2 });
    // Maps 8, 4 and 2; default boxes with the ratios 2 and 3: six in every cell.
    expect(shapesOf(whole)).toEqual([[6 * (64 + 16 + 4), 3], [6 * (64 + 16 + 4), 4]]);
    expect(whole.anchors.length).toBe(4 * 6 * 84);
    whole.model.dispose();
    const more = ssd({ backbone: small(), features: ['one', 'two'], classes: 2, extras: [{ filters: 8 }, { filters: 8, kernelSize: 2, stride: 1, padding: 0 }], boxes: { ratios: [[], [2], [2, 3], [2]], scales: [0.1, 0.2, 0.4, 0.6, 0.8] } });
    expect(shapesOf(more)[1]).toEqual([2 * 64 + 4 * 16 + 6 * 4 + 4 * 1, 4]);
    more.model.dispose();
  });

  it('takes something that builds, with names of taps', () => {
    const asked: object[] = [];
    const detector = ssd({ backbone: { build: (options: BuildOptions) => (asked.push(options), small(options.inputShape?.[0])) }, features: ['a', 'b'], inputShape: [64, 64, 3], classes: 1, kind: 'separable', extras: [{ filters: 4 }], seed: 3 });
    expect(asked).toEqual([{ features: ['a', 'b'], inputShape: [64, 64, 3], initialWeights: 'random', seed: 3 }]);
    expect(detector.model.layers.some(({ name }) => name === 'backbone.extra.0.1.0')).toBe(true);
    detector.model.dispose();
  });

  it('says what is wrong', () => {
    const backbone = small();
    expect(() => ssd({ backbone, features: ['won'], classes: 1 })).toThrow('ssd: features must be names of layers of');
    expect(() => ssd({ backbone, features: ['won'], classes: 1 })).toThrow('Did you mean one?');
    expect(() => ssd({ backbone: { build: small } as never, classes: 1 })).toThrow('features must be a list of feature taps, got nothing');
    expect(() => ssd({ backbone, classes: 1, inputShape: [32, 32, 3] })).toThrow('inputShape must be left out for a model');
    expect(() => ssd({ backbone: 'mobilenet_v2' as never, classes: 1 })).toThrow('backbone must be a tf.LayersModel or { build(options) => tf.LayersModel }, got "mobilenet_v2" (string)');
    expect(() => ssd({ backbone, classes: 1, boxes: { ratios: [[2]] } })).toThrow('ratios must be one for each of the 3 maps');
    expect(() => ssd({ backbone, classes: 1, extras: [{ filters: 4, kernelSize: 7 }] })).toThrow('extraMap "backbone.extra.0": kernelSize must be at most 4 on a map of [2, 2] with padding 1');
    const open = input({ shape: [null, null, 3] });
    expect(() => ssd({ backbone: model({ inputs: open, outputs: conv2d(open, { filters: 2, kernelSize: 1 }) }), classes: 1 })).toThrow('a known H, W and C');
    backbone.dispose();
  });
});

describe('feature pyramids', () => {
  it('levels have one width, and each gets what stands above it', () => {
    const backbone = small(40);
    const levels = featurePyramid(backbone.outputs, { filters: 5, extraLevels: 2, name: 'fpn' });
    expect(levels.map(({ shape }) => shape.slice(1))).toEqual([[10, 10, 5], [5, 5, 5], [3, 3, 5], [2, 2, 5], [1, 1, 5]]);
    expect(() => featurePyramid([...backbone.outputs].reverse())).toThrow('featurePyramid: maps must be maps from large to small');
    expect(() => predictionHead(backbone.outputs, { anchors: [1, 2], columns: 4 })).toThrow('anchors must be one number for each of the 3 maps');
    backbone.dispose();
  });
});

describe('RetinaNet', () => {
  const boxes = { sizes: [[8, 10], [16, 20], [32, 40]], ratios: [0.5, 1, 2] };

  it('levels share the heads, and every class starts at the prior', () => {
    const detector = retinanet({ backbone: small(), classes: 3, filters: 8, depth: 2, extraLevels: 0, boxes, prior: 0.02 });
    expect(shapesOf(detector)).toEqual([[6 * 84, 3], [6 * 84, 4]]);
    const tower = 9 * 8 * 8 + 8;
    const heads = 4 * tower + (9 * 8 * 18 + 18) + (9 * 8 * 24 + 24);
    const fpn = [4, 6, 8].reduce((sum, c) => sum + c * 8 + 8 + tower, 0);
    const own = 9 * (3 * 4 + 4 * 6 + 6 * 8) + 18;
    expect(trainable(detector)).toBe(own + fpn + heads);
    const [logits] = tf.tidy(() => (detector.model.apply(tf.zeros([1, 32, 32, 3])) as tf.Tensor[]).map((output) => output.dataSync()));
    logits!.forEach((z) => expect(1 / (1 + Math.exp(-z))).toBeCloseTo(0.02, 4));
    detector.model.dispose();
  });

  it('anchors are shares of the image, whatever its aspect', () => {
    const x = input({ shape: [32, 64, 3] });
    const backbone = model({ inputs: x, outputs: conv2d(x, { filters: 2, kernelSize: 1, strides: 8 }) });
    const { anchors, model: network } = retinanet({ backbone, classes: 1, filters: 2, depth: 0, extraLevels: 0, boxes: { sizes: [[16]], ratios: [1] } });
    // The second cell of the first row stands at x = 8 of 64 pixels.
    expect([...anchors.subarray(4, 8)]).toEqual([0, -0.25, 0.25, 0.25]);
    expect(anchors.length / 4).toBe(4 * 8);
    network.dispose();
  });

  it('says what is wrong', () => {
    const backbone = small();
    expect(() => retinanet({ backbone, classes: 1, extraLevels: 1 })).toThrow(`boxes must be sizes for each of the 4 levels, got ${GRID_ANCHORS.retinanet.sizes.length} (number)`);
    expect(() => retinanet({ backbone, classes: 1, extraLevels: 0, boxes: { ...boxes, sizes: [[8], [16, 20], [32]] } })).toThrow('as many sizes on every level');
    backbone.dispose();
  });
});

describe('a detector that ends in boxes', () => {
  it('has the weights of the detector and its anchors, and as many places as it is told, or as many as its kind has', () => {
    const detector = ssd({ backbone: small(), classes: 2, ...zeros });
    const whole = withDetections(detector, { limit: 12 });
    expect([whole.inputs[0]!.shape, whole.outputShape, whole.name]).toEqual([[null, 32, 32, 3], [null, 12, 6], 'ssd_detections']);
    expect(whole.weights.length).toBe(detector.model.weights.length + 1);
    expect(new Set(whole.trainableWeights)).toEqual(new Set(detector.model.trainableWeights));
    expect(withDetections(detector).outputShape).toEqual([null, 200, 6]);
    whole.dispose();
    const levels = retinanet({ backbone: small(), classes: 3, filters: 8, depth: 0, extraLevels: 0, boxes: { sizes: [[8], [16], [32]], ratios: [1] } });
    expect(withDetections(levels).outputShape).toEqual([null, 300, 6]);
  });

  it('says what is wrong', () => {
    const detector = tinySsd({ inputShape: [64, 64, 3], ...zeros });
    expect(() => withDetections(detector, { limits: 3 } as never)).toThrow('withDetections: unknown option limits, did you mean limit?');
    expect(() => withDetections(detector, { imageSize: [64] as never })).toThrow('withDetections: imageSize must be [height, width], numbers > 0, got [64] (array)');
    expect(() => withDetections(detector, { scoreThreshold: 2 })).toThrow('scoreThreshold must be a finite number >= 0 and <= 1, got 2');
    detector.model.dispose();
  });
});
