import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError, receptiveField } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drn, DRNS } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;
const dilation = (net: LayersModel, layer: string) => (net.getLayer(layer).getConfig()['dilationRate'] as number[])[0];

it('A dilates its last stages but for their first blocks', () => {
  const net = drn.build('drn_a_50', zeros);
  expect(['layer2.1', 'layer3.0', 'layer3.1', 'layer4.0', 'layer4.1'].map((block) => dilation(net, `${block}.conv2`))).toEqual([1, 1, 2, 1, 4]);
  expect(['layer1.0.relu', 'layer2.0.relu', 'layer3.0.relu', 'layer4.2.relu'].map((name) => net.getLayer(name).outputShape.slice(1))).toEqual([[56, 56, 256], [28, 28, 512], [28, 28, 1024], [28, 28, 2048]]);
});

it('C and D dilate both convolutions of their blocks from the first on, and undilate at the end', () => {
  const stage4 = (unit: number, part: string) => `features.stage4.unit${unit}.body.${part}`;
  const c = drn.build('drn_c_26', zeros);
  expect([3, 4, 5, 6, 7, 8].map((unit) => [1, 2].map((i) => dilation(c, stage4(unit, `conv${i}.conv`))))).toEqual([[2, 2], [2, 2], [4, 4], [4, 4], [2, 2], [1, 1]]);
  const d = drn.build('drn_d_22', zeros);
  expect([7, 8].map((unit) => dilation(d, stage4(unit, 'conv')))).toEqual([2, 1]);
  const shape = (net: LayersModel, name: string) => net.getLayer(name).outputShape.slice(1);
  expect([shape(d, 'features.init_block.bn'), shape(d, 'features.stage2.unit1.body.bn'), shape(d, stage4(8, 'bn'))]).toEqual([[224, 224, 16], [112, 112, 32], [28, 28, 512]]);
});

it('the last two levels have no shortcut: no lattice of an earlier level reaches the output', () => {
  const net = drn.build('drn_c_42', zeros);
  const joins = net.layers.filter((layer) => layer.getClassName() === 'Add').length;
  expect(joins).toBe(1 + 1 + 3 + 4 + 6 + 3);
  net.dispose();
});

describe('the projection that nothing reads', () => {
  const spec = { form: 'C', block: 'bottleneck', depths: [1, 1, 1, 1, 1, 1, 1, 1], width: 1, unusedProjection: true } as const;
  it('changes parameters and multiply-adds, but no value', () => {
    const [without, withIt] = [false, true].map((unusedProjection) => drn.build({ ...spec, unusedProjection }, { inputShape: [16, 16, 3], classes: 2 }));
    // Width 1: level 6 gives 128 channels, level 7 has 32, on 2x2 positions; 64 for batch norm.
    expect(trainableParams(withIt!) - trainableParams(without!)).toBe(128 * 32 + 64);
    expect(kernelMacs(withIt!) - kernelMacs(without!)).toBe(128 * 32 * 4);
    tf.tidy(() => {
      const x = tf.randomUniform([2, 16, 16, 3], -1, 1, 'float32', 1);
      expect((withIt!.predict(x) as tf.Tensor).dataSync()).toEqual((without!.predict(x) as tf.Tensor).dataSync());
    });
    expect(withIt!.layers.map(({ name }) => name)).toContain('features.stage4.unit4.identity_conv.conv');
  });

  it('gets a gradient of zeros', () => {
    const net = drn.build(spec, { inputShape: [16, 16, 3], classes: 2 });
    tf.tidy(() => {
      const x = tf.randomUniform([2, 16, 16, 3], -1, 1, 'float32', 1);
      const { grads } = tf.variableGrads(() => tf.sum(net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar);
      expect(Object.keys(grads)).toHaveLength(net.trainableWeights.length);
      const unused = Object.entries(grads).filter(([name]) => name.includes('unit4.identity_conv'));
      expect(unused.map(([, gradient]) => tf.sum(tf.abs(gradient)).dataSync()[0])).toEqual([0, 0, 0]);
    });
  });
});

describe('as a segmenter', () => {
  it.each([['drn_d_22', 'output'], ['drn_a_50', 'fc']] as const)('%s gives a map at stride 8, or one at the size of the image', (id, classifier) => {
    const options = { inputShape: [96, 64, 3] as const, classes: 19, ...zeros };
    const map = drn.build({ ...DRNS[id], output: 'map' }, options);
    expect(map.outputShape).toEqual([null, 12, 8, 19]);
    expect(map.getLayer(classifier).getWeights().map((weight) => weight.shape.slice(-1))).toEqual([[19], [19]]);
    map.dispose();
    expect(drn.build({ ...DRNS[id], output: 'image' }, options).outputShape).toEqual([null, 96, 64, 19]);
  });

  it('the image is the fixed transposed convolution of the map', () => {
    const [map, image] = (['map', 'image'] as const).map((output) => drn.build({ ...DRNS.drn_tiny, output }, { inputShape: [24, 32, 1], classes: 1 }));
    const taps = Array.from({ length: 16 }, (_, i) => 1 - Math.abs(i / 8 - 15 / 16));
    tf.tidy(() => {
      const x = tf.randomUniform([1, 24, 32, 1], -1, 1, 'float32', 2);
      const kernel = tf.tensor4d(taps.flatMap((a) => taps.map((b) => a * b)), [16, 16, 1, 1]);
      const expected = tf.conv2dTranspose(map!.predict(x) as tf.Tensor4D, kernel, [1, 24, 32, 1], 8, [[0, 0], [4, 4], [4, 4], [0, 0]] as unknown as 'valid');
      expect(tf.max(tf.abs(tf.sub(image!.predict(x) as tf.Tensor, expected))).dataSync()[0]).toBeLessThan(1e-5);
    });
  });
});

it('is a backbone: the last map, or the levels asked for', () => {
  expect(drn.build('drn_d_22', { includeTop: false, ...zeros }).outputShape).toEqual([null, 28, 28, 512]);
  expect(drn.build('drn_c_58', { features: ['layer3', 'layer6', 'layer8'], ...zeros }).outputShape).toEqual([[null, 56, 56, 256], [null, 28, 28, 2048], [null, 28, 28, 512]]);
  expect(drn.build('drn_a_50', { features: ['layer2', 'layer4'], ...zeros }).outputShape).toEqual([[null, 28, 28, 512], [null, 28, 28, 2048]]);
});

it('keeps the receptive field of the strided network', () => {
  // One block of ResNet's stages 3 and 4: strided, and dilated from the first convolution on as C and D are (levels 5 and 6).
  const strided = [{ kernelSize: 3, stride: 2 }, ...Array.from({ length: 3 }, () => ({ kernelSize: 3 })), { kernelSize: 3, stride: 2 }, ...Array.from({ length: 3 }, () => ({ kernelSize: 3 }))];
  const torchvision = [1, 2, 2, 2, 2, 4, 4, 4].map((rate) => ({ kernelSize: 3, dilation: rate }));
  expect(receptiveField(torchvision).size).toBe(receptiveField(strided).size);
});

describe('refuses by name', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a depth that does not exist', () => drn.build('drn_d_23' as 'drn_d_22'), /^drn: variant must be one of drn_a_50, .*Did you mean drn_d_22\?/],
    ['four levels of D', () => drn.build({ form: 'D', block: 'basic', depths: [1, 1, 1, 1] }, zeros), /^drn: depths must be 8 integers >= 1 for the form D, got \[1,1,1,1\]/],
    ['eight stages of A', () => drn.build({ form: 'A', block: 'basic', depths: [1, 1, 1, 1, 1, 1, 1, 1] }, zeros), /depths must be 4 integers >= 1 for the form A/],
    ['a form that does not exist', () => drn.build({ form: 'B', block: 'basic', depths: [1] } as never), /form must be one of A, C, D, got "B"/],
    ['another output', () => drn.build({ ...DRNS.drn_tiny, output: 'pixels' as never }), /output must be one of logits, map, image, got "pixels"/],
    ['a tap that does not exist', () => drn.build('drn_tiny', { features: ['layer9'] }), /features must be one of layer1, .*got "layer9" \(string\)\. Did you mean layer/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
