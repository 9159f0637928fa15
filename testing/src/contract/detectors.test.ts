/** Detectors as whole networks: costs that others print, onnxruntime against tfjs, and a training step of both engines against the loss for tfjs. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { randomStream } from '@convkit/core';
import { mobilenetV3, MOBILENETS_V3 } from '@convkit/depthwise';
import { assignAnchors, decodeDetections, detect, detectionLoss, registerLayers, retinanet, ssd, tinySsd, trainerLosses, trainerTargets, vggSsd, VGG_SSDS, withDetections, type Detector } from '@convkit/detection';
import { compile } from '@convkit/graph';
import { createSession, toOnnx } from '@convkit/onnx';
import { profile } from '@convkit/profile';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { relativeError } from '../index.js';
import { reload } from './contract.js';

const zeros = { initialWeights: 'zeros' } as const;

describe('costs', () => {
  beforeAll(() => tf.setBackend('cpu'));
  const costs = ({ model }: Detector) => {
    const { params, macs, runningStats } = profile(model);
    model.dispose();
    return { params, macs, runningStats };
  };
  /** Multiply-accumulates of square convolutions, each [kernel, from, to, height of the result]. */
  const sum = (layers: readonly (readonly [number, number, number, number])[]) => layers.reduce((total, [k, from, to, side]) => total + k * k * from * to * side * side, 0);
  const heads = (maps: readonly (readonly [number, number, number])[]) => maps.map(([from, anchors, side]) => [3, from, anchors * 95, side] as const);

  it("SSD300's are those of its layers", () => {
    const { params, macs } = costs(vggSsd('ssd300_vgg16', zeros));
    expect(macs).toBe(sum([
      [3, 3, 64, 300], [3, 64, 64, 300], [3, 64, 128, 150], [3, 128, 128, 150], [3, 128, 256, 75], [3, 256, 256, 75], [3, 256, 256, 75], [3, 256, 512, 38], [3, 512, 512, 38], [3, 512, 512, 38],
      [3, 512, 512, 19], [3, 512, 512, 19], [3, 512, 512, 19], [3, 512, 1024, 19], [1, 1024, 1024, 19],
      [1, 1024, 256, 19], [3, 256, 512, 10], [1, 512, 128, 10], [3, 128, 256, 5], [1, 256, 128, 5], [3, 128, 256, 3], [1, 256, 128, 3], [3, 128, 256, 1],
      ...heads([[512, 4, 38], [1024, 6, 19], [512, 6, 10], [256, 6, 5], [256, 4, 3], [256, 4, 1]]),
    ]));
    expect({ params, macs }).toEqual({ params: VGG_SSDS.ssd300_vgg16.params, macs: VGG_SSDS.ssd300_vgg16.macs });
  });

  it("SSD512's are those of its layers", () => {
    const { params, macs } = costs(vggSsd('ssd512_vgg16', zeros));
    expect(macs).toBe(sum([
      [3, 3, 64, 512], [3, 64, 64, 512], [3, 64, 128, 256], [3, 128, 128, 256], [3, 128, 256, 128], [3, 256, 256, 128], [3, 256, 256, 128], [3, 256, 512, 64], [3, 512, 512, 64], [3, 512, 512, 64],
      [3, 512, 512, 32], [3, 512, 512, 32], [3, 512, 512, 32], [3, 512, 1024, 32], [1, 1024, 1024, 32],
      [1, 1024, 256, 32], [3, 256, 512, 16], [1, 512, 128, 16], [3, 128, 256, 8], [1, 256, 128, 8], [3, 128, 256, 4], [1, 256, 128, 4], [3, 128, 256, 2], [1, 256, 128, 2], [4, 128, 256, 1],
      ...heads([[512, 4, 64], [1024, 6, 32], [512, 6, 16], [256, 6, 8], [256, 6, 4], [256, 4, 2], [256, 4, 1]]),
    ]));
    expect({ params, macs }).toEqual({ params: VGG_SSDS.ssd512_vgg16.params, macs: VGG_SSDS.ssd512_vgg16.macs });
  });

  it('RetinaNet on ResNet-50 has the 34,014,999 parameters and 151.54 G of torchvision, which freezes the 53,120 of the batch norms', () => {
    const backbone = zoo.get('resnet50');
    const { params, macs, runningStats } = costs(retinanet({ backbone, features: ['layer2', 'layer3', 'layer4'], inputShape: [800, 800, 3], classes: 91, ...zeros }));
    expect(runningStats).toBe(53_120);
    expect(params - 53_120).toBe(34_014_999);
    expect(Math.round(macs / 1e7)).toBe(15_154);
  });

  it('SSDLite on MobileNet v3 has the 3,440,060 parameters and 0.583 G of torchvision, whose last blocks are half as wide', () => {
    const { blocks, ...row } = MOBILENETS_V3.mobilenet_v3_large;
    const { stem, head, width } = row;
    const halved = blocks.map((block, i) => (i < 12 ? block : { ...block, filters: 80 }));
    const backbone = mobilenetV3.build({ width, stem, head, blocks: halved }, { includeTop: false, inputShape: [320, 320, 3], ...zeros });
    const scales = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1];
    const detector = ssd({
      // The first map is the expanded one inside a block: a layer's name, not a tap's.
      backbone, features: ['features.13.block.0.1', 'features.16.1'], kind: 'separable', classes: 90,
      extras: [{ filters: 512 }, { filters: 256 }, { filters: 256 }, { filters: 128 }], boxes: { ratios: Array.from({ length: 6 }, () => [2, 3]), scales }, ...zeros,
    });
    expect(detector.anchors.length / 4).toBe(3234);
    const { params, macs } = costs(detector);
    expect(params).toBe(3_440_060);
    expect(Math.round(macs / 1e6)).toBe(583);
  });
});

const SIDE = 64;
const DETECTORS: Record<string, () => Detector> = {
  tinySsd: () => tinySsd({ classes: 3, inputShape: [SIDE, SIDE, 3], base: [8, 8], stages: [8, 8, 8], seed: 2 }),
  'ssd on MobileNet v2': () => ssd({ backbone: zoo.get('mobilenet_v2_tiny'), features: ['features.3', 'features.6'], inputShape: [SIDE, SIDE, 3], classes: 3, extras: [{ filters: 16 }], kind: 'separable', seed: 2 }),
  retinanet: () => retinanet({
    backbone: zoo.get('resnet_tiny'), features: ['layer2', 'layer3'], inputShape: [SIDE, SIDE, 3], classes: 3, filters: 16, depth: 1, extraLevels: 1, seed: 2,
    boxes: { sizes: [[16, 20], [24, 32], [40, 48]], ratios: [0.5, 1, 2] },
  }),
};

/** Heads that are sure of what they say, as trained ones are: the probabilities of new ones are all alike. */
function sharpened(detector: Detector): Detector {
  detector.model.weights.filter(({ originalName, shape }) => originalName.startsWith('head.classification') && shape.length === 4).forEach((weight, i) => {
    weight.write(tf.tidy(() => tf.randomNormal(weight.shape as number[], 0, 0.3, 'float32', i + 1)));
  });
  return detector;
}

describe.each(Object.entries(DETECTORS))('%s', (_, build) => {
  beforeAll(async () => {
    registerLayers();
    await tf.setBackend('wasm');
  });
  const next = randomStream(7);
  const images = Float32Array.from({ length: 2 * SIDE * SIDE * 3 }, () => next());
  const truths = [
    { boxes: Float32Array.of(0.1, 0.15, 0.5, 0.45, 0.4, 0.5, 0.9, 0.95), classes: Int32Array.of(0, 2) },
    { boxes: Float32Array.of(0.3, 0.1, 0.6, 0.7), classes: Int32Array.of(1) },
  ];

  it('is exported: onnxruntime gives what tfjs gives, down to the boxes', async () => {
    const detector = build();
    const x = tf.tensor4d(images, [2, SIDE, SIDE, 3]);
    const wanted = tf.tidy(() => (detector.model.apply(x) as tf.Tensor[]).map((output) => output.dataSync() as Float32Array));
    const found = await detect(detector, x);
    const session = await createSession(detector.model, { threads: 1 });
    const [logits, offsets] = await session.run([{ data: images, shape: [2, SIDE, SIDE, 3] }]);
    await session.dispose();
    expect(relativeError(logits!.data, wanted[0]!)).toBeLessThan(1e-4);
    expect(relativeError(offsets!.data, wanted[1]!)).toBeLessThan(1e-4);
    expect(logits!.shape).toEqual([2, detector.anchors.length / 4, wanted[0]!.length / (detector.anchors.length / 2)]);
    expect(decodeDetections(detector, logits!.data, offsets!.data).map(({ classes }) => classes.length)).toEqual(found.map(({ classes }) => classes.length));
    x.dispose();
    detector.model.dispose();
  });

  it('ends in boxes: as layers, saved and loaded, compiled and in a file for onnxruntime, those that detect finds', async () => {
    const detector = sharpened(build());
    const options = { imageSize: [SIDE, 2 * SIDE], scoreThreshold: 0.2, threshold: 0.3, candidates: 150, limit: 300 } as const;
    const x = tf.tensor4d(images, [2, SIDE, SIDE, 3]);
    const wanted = await detect(detector, x, options);
    wanted.forEach(({ classes }) => expect(new Set(classes).size, 'every kind is found').toBe(3));
    expect(Math.min(...wanted.map(({ scores }) => scores.length))).toBeLessThan(300);
    const whole = withDetections(detector, options);
    expect(whole.outputShape).toEqual([null, 300, 6]);

    const ends: [string, tf.Tensor][] = [['layers', whole.predict(x) as tf.Tensor]];
    const loaded = await reload(whole);
    ends.push(['loaded', loaded.predict(x) as tf.Tensor]);
    const program = compile(whole);
    ends.push(['compiled', program.predict(x) as tf.Tensor]);
    const session = await createSession(await toOnnx(whole), { threads: 1 });
    ends.push(['exported', (await session.predict(x)) as tf.Tensor]);
    await session.dispose();
    for (const [how, found] of ends) {
      const rows = (found as tf.Tensor3D).arraySync();
      found.dispose();
      wanted.forEach(({ boxes, scores, classes }, n) => {
        const filled = rows[n]!.slice(0, scores.length);
        expect(filled.map((row) => row[5]), how).toEqual([...classes]);
        expect(relativeError(filled.map((row) => row[4]!), scores), how).toBeLessThan(1e-4);
        expect(relativeError(filled.flatMap((row) => row.slice(0, 4)), boxes), how).toBeLessThan(1e-4);
        expect(rows[n]!.slice(scores.length).every((row) => row.join() === '0,0,0,0,0,-1'), how).toBe(true);
      });
    }
    // The smallest end: one box, and nothing above the threshold.
    const [one, nothing] = [withDetections(detector, { ...options, limit: 1 }), withDetections(detector, { ...options, scoreThreshold: 1, limit: 2 })];
    tf.tidy(() => {
      expect(relativeError((one.predict(x) as tf.Tensor).dataSync().slice(0, 4), wanted[0]!.boxes.subarray(0, 4))).toBeLessThan(1e-4);
      expect([...(nothing.predict(x) as tf.Tensor).dataSync()]).toEqual(Array.from({ length: 4 }, () => [0, 0, 0, 0, 0, -1]).flat());
    });
    program.dispose();
    x.dispose();
    for (const network of [loaded, whole]) network.dispose();
  });

  it.each(['onnxruntime', 'tfjs'] as const)('a trainer on %s has the loss and the gradients of detectionLoss', async (engine) => {
    const detector = build();
    const assigned = assignAnchors(detector, truths);
    const trainer = await createTrainer(detector.model, { engine, loss: trainerLosses(detector), threads: 1 });
    const batch = { images, size: 2, ...trainerTargets(detector, assigned) };
    const { loss, gradients } = await trainer.gradients(batch);
    const weights = detector.model.trainableWeights;
    const x = tf.tensor4d(images, [2, SIDE, SIDE, 3]);
    const { value, grads } = tf.variableGrads(() => detectionLoss(detector, detector.model.apply(x, { training: true }) as tf.Tensor[], assigned), weights.map((weight) => weight.read() as tf.Variable));
    expect(Math.abs(loss / value.dataSync()[0]! - 1)).toBeLessThan(1e-4);
    const largest = Math.max(...Object.values(grads).map((gradient) => Math.max(...(gradient.dataSync() as Float32Array).map(Math.abs))));
    for (const weight of weights) {
      const wanted = grads[(weight.read() as tf.Variable).name]!.dataSync() as Float32Array;
      const found = gradients[weight.originalName]!;
      const off = wanted.reduce((most, slope, i) => Math.max(most, Math.abs(slope - found[i]!)), 0);
      // Biases in front of batch norms have no gradient but rounding.
      expect(off / Math.max(...wanted.map(Math.abs), 1e-3 * largest), weight.originalName).toBeLessThan(1e-2);
    }
    const losses: number[] = [];
    for (let step = 0; step < 8; step++) losses.push((await trainer.step(batch, 0.005)).loss);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    tf.dispose([x, value, grads]);
    await trainer.dispose();
    detector.model.dispose();
  });
});
