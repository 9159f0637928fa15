import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { input, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  activation, avgPool, batchNorm, channelShuffle, conv2d, defineFamily, dense, depthwiseConv2d, dropout, flatten, globalAveragePool, maxPool, option, OptionError,
  padChannels, sliceChannels, type BuildOptions,
} from './index.js';

// Rows of the bad-input catalogue (section 4.1), by their ids: what stock tf.layers accepts in silence or refuses
// without naming the option.

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const image = (...shape: [number, number, number]) => input({ shape: shape.length ? shape : [8, 8, 3] });
const conv = (options: object, x = image(8, 8, 3)) => () => conv2d(x, { filters: 4, kernelSize: 3, ...options } as never);
const pool = (options: object, x = image(8, 8, 3)) => () => maxPool(x, { poolSize: 2, ...options } as never);

const rows: Record<string, [() => unknown, RegExp][]> = {
  'O1 filters that are no positive number': [
    [conv({ filters: 0 }), /conv2d: filters must be an integer >= 1, got 0 \(number\)/],
    [conv({ filters: -4 }), /filters must be an integer >= 1, got -4/],
    [conv({ filters: '8' }), /filters must be an integer >= 1, got "8" \(string\)/],
    [conv({ filters: undefined }), /filters must be an integer >= 1, got nothing/],
  ],
  'O2 fractional filters': [[conv({ filters: 2.5 }), /filters .* got 2.5/], [conv({ filters: Number.NaN }), /filters .* got NaN/]],
  'O3 kernelSize 0': [[conv({ kernelSize: 0 }), /kernelSize must be one integer or 2 integers >= 1, got 0/]],
  'O4 kernelSize negative or fractional': [[conv({ kernelSize: -3 }), /kernelSize .* got -3/], [conv({ kernelSize: 2.5 }), /kernelSize .* got 2.5/]],
  'O5 kernelSize of another length': [[conv({ kernelSize: [3] }), /kernelSize .* got \[3\] \(array\)/], [conv({ kernelSize: [3, 3, 3] }), /kernelSize .* got \[3,3,3\]/]],
  'O6 a kernel larger than its input': [
    [conv({ kernelSize: 9, name: 'stem' }), /conv2d "stem": kernelSize must be at most the padded input, here 8x8 \(H x W\).*effective kernel is 9x9/],
    [conv({ kernelSize: 3, dilationRate: 4 }), /here 8x8 .*effective kernel is 9x9/],
  ],
  'O7 strides 0': [[conv({ strides: 0 }), /strides must be one integer or 2 integers >= 1, got 0/]],
  'O8 fractional strides': [[conv({ strides: 1.5 }), /strides .* got 1.5/]],
  'O9 negative strides': [[conv({ strides: -1 }), /strides .* got -1/], [pool({ strides: [2, -1] }), /maxPool: strides .* got \[2,-1\]/]],
  'O10 dilationRate 0': [[conv({ dilationRate: 0 }), /dilationRate .* got 0/]],
  'O13 padding that does not exist': [
    [conv({ padding: 'Same' }), /padding must be 'same', 'valid' or explicit: .*, got "Same"/],
    [conv({ padding: 'SAME' }), /padding .* got "SAME"/],
    [conv({ padding: 'full' }), /padding .* got "full"/],
    [conv({ padding: -1 }), /padding .* got -1/],
    [conv({ padding: [1, 2, 3] }), /padding .* got \[1,2,3\]/],
    [pool({ padding: 2 }), /padding must be at most half of poolSize \(2x2\), got 2/],
  ],
  'O14 a misspelt required option': [[() => conv2d(image(8, 8, 3), { filters: 4, kernel_size: 3 } as never), /unknown option kernel_size, did you mean kernelSize\?/]],
  'O15 misspelt optional options': [
    [conv({ paddin: 'same' }), /unknown option paddin, did you mean padding\?/],
    [conv({ stride: 2 }), /unknown option stride, did you mean strides\?/],
    [conv({ dilationrate: 2 }), /unknown option dilationrate, did you mean dilationRate\?/],
    [conv({ zzz: 1 }), /unknown option zzz \(options: .*kernelSize/],
  ],
  'O16 groups that divide nothing': [
    [conv({ groups: 3, filters: 9 }, image(8, 8, 8)), /groups must be a divisor of the 8 input channels, got 3/],
    [conv({ groups: 3, filters: 10 }, image(8, 8, 9)), /groups must be a divisor of filters \(10\), got 3/],
  ],
  'O17 groups that are no count': [[conv({ groups: 0 }), /groups .* got 0/], [conv({ groups: -1 }), /groups .* got -1/], [conv({ groups: 1.5 }), /groups .* got 1.5/]],
  'O18 depthMultiplier 0': [[() => depthwiseConv2d(image(8, 8, 3), { kernelSize: 3, depthMultiplier: 0 }), /depthMultiplier must be an integer >= 1, got 0/]],
  'O19 an activation that does not exist': [
    [conv({ activation: 'reluu' }), /activation must be one of linear, relu, .*, got "reluu" \(string\). Did you mean relu\?/],
    [() => activation(image(8, 8, 3), { kind: 'swishh' as never }), /kind must be one of/],
  ],
  'O20 dataFormat, which there is none of': [[conv({ dataFormat: 'nhwc' }), /unknown option dataFormat/]],
  'O21 dropout outside [0, 1)': [1.5, -0.1, 1].map((rate) => [() => dropout(image(8, 8, 3), { rate }), /dropout: rate must be a finite number >= 0 and < 1, got/]),
  'O22 batch-norm momentum 2': [[() => batchNorm(image(8, 8, 3), { momentum: 2 }), /batchNorm: momentum must be a finite number >= 0 and <= 1, got 2/]],
  'O23 batch-norm epsilon -1.5': [[() => batchNorm(image(8, 8, 3), { epsilon: -1.5 }), /epsilon must be a finite number > 0, got -1.5/], [() => batchNorm(image(8, 8, 3), { epsilon: 0 }), /epsilon/]],
  'O24 pooling away the image': [
    [pool({ poolSize: 9, name: 'pool1' }), /maxPool "pool1": poolSize must be at most the padded input, here 8x8/],
    [() => [1, 2, 3, 4, 5].reduce<SymbolicTensor>((x, i) => maxPool(x, { poolSize: 2, name: `pool${i}` }), image(4, 4, 3)), /maxPool "pool3": .*here 1x1/],
    [() => avgPool(image(2, 2, 3), { poolSize: 3 }), /avgPool.*: poolSize .*here 2x2/],
  ],
  'O28 shuffle groups that do not divide the channels': [[() => channelShuffle(image(8, 8, 10), { groups: 3 }), /channelShuffle.*: groups must be a divisor of the 10 channels, got 3/]],
  'channels that are not there': [
    [() => sliceChannels(image(8, 8, 4), { start: 3, size: 2 }), /size must be at most the 4 input channels less start \(3\), got 2/],
    [() => padChannels(image(8, 8, 4), { after: -1 }), /after must be an integer >= 0/],
  ],
  'inputs of another rank': [
    [() => conv2d(flatten(image(8, 8, 3)), { filters: 1, kernelSize: 1 }), /input must be an image batch \[N, H, W, C\]/],
    [() => globalAveragePool(flatten(image(8, 8, 3)), {}), /input must be an image batch/],
    [() => dense(image(8, 8, 3), { units: 2 }), /input must be a flat batch \[N, I\]/],
  ],
  'O38 options that are no options': [
    [() => conv2d(image(8, 8, 3), null as never), /conv2d: options must be an object/],
    [() => conv2d(image(8, 8, 3), { get filters(): number { throw new Error('boom'); }, kernelSize: 3 }), /filters must be a plain value, not a getter that throws/],
    [() => conv2d(image(8, 8, 3), JSON.parse('{"filters": 2, "kernelSize": 3, "__proto__": {"a": 1}}')), /unknown option __proto__/],
  ],
};

describe.each(Object.entries(rows))('%s', (_, cases) => {
  test.each(cases.map(([make, message], i) => [i + 1, make, message] as const))('case %i', (_i, make, message) => {
    const before = tf.memory().numTensors;
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
    expect(tf.memory().numTensors, 'a refusal leaves no tensors').toBe(before);
  });
});

test('O11, O12: stride with dilation is supported, not refused', () => {
  expect(conv({ strides: 2, dilationRate: 2, padding: 2 })().shape).toEqual([null, 4, 4, 4]);
});

test('O38: a frozen options object works and is not written to', () => {
  const options = Object.freeze({ filters: 2, kernelSize: Object.freeze([3, 3]) as [number, number] });
  expect(conv2d(image(8, 8, 3), options).shape).toEqual([null, 6, 6, 2]);
});

const family = defineFamily({
  id: 'toy',
  paper: { title: 'Toy', authors: 'Nobody', year: 2026, url: 'https://example.org' },
  input: [8, 8, 3],
  classes: 4,
  variants: { toy1: { filters: 2 }, toy2: { filters: 4 } },
  spec: { filters: option.integer(1) },
  build(x, { filters }, context) {
    const first = conv2d(x, { filters, kernelSize: 3, name: 'first', ...context.weights('heNormal') });
    const second = conv2d(first, { filters, kernelSize: 3, name: 'second', ...context.weights('heNormal') });
    const features = { first, second };
    if (!context.includeTop) return { output: second, features };
    return { output: dense(globalAveragePool(second, {}), { units: context.classes, name: 'top' }), features };
  },
});

describe('builders', () => {
  const build = (options: unknown, variant: unknown = 'toy1') => () => family.build(variant as 'toy1', options as BuildOptions);
  test.each<[string, () => unknown, RegExp]>([
    ['O27 a variant that does not exist', build({}, 'toy3'), /toy: variant must be one of toy1, toy2, got "toy3" \(string\). Did you mean toy1\?/],
    ['O34 inputShape [8, 8]', build({ inputShape: [8, 8] }), /toy1: inputShape must be 3 positive integers \(H, W, C\), got \[8,8\]/],
    ['O34 inputShape with a zero', build({ inputShape: [0, 8, 3] }), /inputShape .* got \[0,8,3\]/],
    ['O34 inputShape with a negative', build({ inputShape: [8, 8, -3] }), /inputShape .* got \[8,8,-3\]/],
    ['O34 inputShape as text', build({ inputShape: '8x8x3' }), /inputShape .* got "8x8x3" \(string\)/],
    ['O35 an input that is too small', build({ inputShape: [3, 3, 3] }), /conv2d "second": kernelSize must be at most the padded input, here 1x1/],
    ['O36 classes 0', build({ classes: 0 }), /classes must be an integer >= 1, got 0/],
    ['O36 classes 2.5', build({ classes: 2.5 }), /classes .* got 2.5/],
    ['numClasses for classes', build({ numClasses: 10 }), /unknown option numClasses/],
    ['a feature that does not exist', build({ features: ['frist'] }), /features must be one of first, second, got "frist" \(string\). Did you mean first\?/],
    ['no features', build({ features: [] }), /features must be a list of at least 1/],
    ['a feature twice', build({ features: ['first', 'first'] }), /first is there twice/],
    ['initialWeights misspelt', build({ initialWeights: 'zero' }), /initialWeights must be one of random, zeros, got "zero" \(string\). Did you mean zeros\?/],
    ['a spec that is null', build({}, null), /variant must be a variant name or a spec object, got null/],
    ['a spec with another field', build({}, { filters: 2, fitlers: 3 }), /unknown option fitlers, did you mean filters\?/],
  ])('%s', (_, make, message) => {
    const before = tf.memory().numTensors;
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
    expect(tf.memory().numTensors, 'a refused build leaves no weights').toBe(before);
  });

  test('a backbone frees the layers behind its last tap, and dispose frees the rest', () => {
    const before = tf.memory().numTensors;
    const backbone = family.build('toy1', { features: ['first'] });
    expect(tf.memory().numTensors - before).toBe(2);
    expect(backbone.outputs.map(({ shape }) => shape)).toEqual([[null, 6, 6, 2]]);
    backbone.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('the same seed gives the same weights whatever is built before, another seed others', () => {
    const weights = (options: BuildOptions) => {
      const model = family.build('toy2', options);
      const values = model.getWeights().map((weight) => [...weight.dataSync()]);
      model.dispose();
      return values;
    };
    const first = weights({ seed: 3 });
    family.build('toy1').dispose();
    expect(weights({ seed: 3 })).toEqual(first);
    expect(weights({ seed: 4 })).not.toEqual(first);
  });

  test('O37: another channel count and an empty batch', () => {
    const model = family.build('toy1');
    expect(() => model.predict(tf.zeros([1, 8, 8, 4]))).toThrow(/\[null,8,8,3\].*\[1,8,8,4\]/s);
    model.dispose();
  });
});
