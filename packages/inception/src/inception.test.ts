import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { activation, defineFamily, OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildGoogLeNet, googlenet, GOOGLENETS, googlenetSpec, inceptionModule, inceptionV3, inceptionV3Module, naiveInception, type InceptionColumns, type V3Kind } from './index.js';

beforeAll(() => tf.setBackend('wasm'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;

function netOf(shape: readonly number[], block: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = input({ shape: [...shape] });
  return model({ inputs: x, outputs: block(x) });
}
const elements = (net: LayersModel, weight: RegExp) =>
  net.weights.filter(({ originalName }) => weight.test(originalName)).reduce((sum, { shape }) => sum + (shape as number[]).reduce((product, n) => product * n, 1), 0);
const kernels = (net: LayersModel) => elements(net, /kernel$/);
const biases = (net: LayersModel) => elements(net, /bias$/);

// Counted from the layers of Caffe's bvlc_googlenet: columns, map, channels in and out, weights, biases, MACs; then a naive module with its 1x1, 3x3 and 5x5.
it.each<[string, [number, number, number, number, number, number], number, number, number, number, number, number, number, number]>([
  ['3a', [64, 96, 128, 16, 32, 32], 28, 192, 256, 163_328, 368, 128_049_152, 387_072, 416],
  ['3b', [128, 128, 192, 32, 96, 64], 28, 256, 480, 388_096, 640, 304_267_264, 1_089_536, 672],
  ['4a', [192, 96, 208, 16, 48, 64], 14, 480, 512, 375_552, 624, 73_608_192, 1_566_720, 928],
  ['4b', [160, 112, 224, 24, 64, 64], 14, 512, 512, 448_512, 648, 87_908_352, 1_933_312, 960],
  ['4c', [128, 128, 256, 24, 64, 64], 14, 512, 512, 509_440, 664, 99_850_240, 2_064_384, 960],
  ['4d', [112, 144, 288, 32, 64, 64], 14, 512, 528, 604_672, 704, 118_515_712, 2_203_648, 976],
  ['4e', [256, 160, 320, 32, 128, 128], 14, 528, 832, 867_328, 1_024, 169_996_288, 3_345_408, 1_232],
  ['5a', [256, 160, 320, 32, 128, 128], 7, 832, 832, 1_042_432, 1_024, 51_079_168, 5_271_552, 1_536],
  ['5b', [384, 192, 384, 48, 128, 128], 7, 832, 1_024, 1_442_816, 1_264, 70_697_984, 5_857_280, 1_728],
])('module %s has its weights, biases and multiply-accumulates, and costs more without its reductions', (_, row, size, channels, out, weights, bias, macs, naiveWeights, naiveOut) => {
  const [filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, projection] = row;
  const shape = [size, size, channels];
  const net = netOf(shape, (x) => inceptionModule(x, { filters1x1, reduce3x3, filters3x3, reduce5x5, filters5x5, projection, batchNorm: false, kernelInitializer: 'zeros' }));
  expect(net.outputShape).toEqual([null, size, size, out]);
  expect([kernels(net), biases(net), kernelMacs(net)]).toEqual([weights, bias, macs]);
  const naive = netOf(shape, (x) => naiveInception(x, { filters1x1, filters3x3, filters5x5, batchNorm: false, kernelInitializer: 'zeros' }));
  expect([kernels(naive), naive.outputShape.at(-1)]).toEqual([naiveWeights, naiveOut]);
});

it('saves two thirds of the well-known 854 million', () => {
  const widths = { filters1x1: 128, filters3x3: 192, filters5x5: 96, batchNorm: false, kernelInitializer: 'zeros' } as const;
  const naive = netOf([28, 28, 256], (x) => naiveInception(x, widths));
  expect([naive.outputShape.at(-1), kernels(naive), kernelMacs(naive)]).toEqual([672, 1_089_536, 854_196_224]);
  const reduced = netOf([28, 28, 256], (x) => inceptionModule(x, { ...widths, reduce3x3: 64, reduce5x5: 64, projection: 64 }));
  expect([reduced.outputShape.at(-1), kernels(reduced), kernelMacs(reduced)]).toEqual([480, 346_112, 271_351_808]);
});

// Counted from torchvision's inception_v3 at 299x299, batch norms included.
it.each<[string, V3Kind, number | undefined, [number, number], number[], number, number]>([
  ['5b', 'A', 32, [35, 192], [35, 35, 256], 255_904, 312_345_600],
  ['5c', 'A', 64, [35, 256], [35, 35, 288], 277_472, 338_688_000],
  ['5d', 'A', 64, [35, 288], [35, 35, 288], 285_152, 348_096_000],
  ['6a', 'B', undefined, [35, 288], [17, 17, 768], 1_153_280, 401_937_408],
  ['6b', 'C', 128, [17, 768], [17, 17, 768], 1_297_408, 374_063_104],
  ['6c', 'C', 160, [17, 768], [17, 17, 768], 1_691_008, 487_702_528],
  ['6e', 'C', 192, [17, 768], [17, 17, 768], 2_141_952, 617_914_368],
  ['7a', 'D', undefined, [17, 768], [8, 8, 1280], 1_698_304, 291_004_416],
  ['7b', 'E', undefined, [8, 1280], [8, 8, 2048], 5_044_608, 322_437_120],
  ['7c', 'E', undefined, [8, 2048], [8, 8, 2048], 6_076_800, 388_497_408],
])('Mixed_%s has its parameters, multiply-accumulates and shape', (_, kind, width, [size, channels], output, params, macs) => {
  const net = netOf([size, size, channels], (x) => inceptionV3Module(x, { kind, width, kernelInitializer: 'zeros' }));
  expect([net.outputShape.slice(1), trainableParams(net), kernelMacs(net)]).toEqual([output, params, macs]);
});

// Counted by other frameworks: torchvision (whose multiply-accumulates leave out the auxiliary classifiers: those are by hand) and
// pytorchcv; Caffe's train_val.prototxt; d2l's GoogLeNet. The last number: running statistics.
it.each<[string, () => LayersModel, number, number, number]>([
  ['the paper\'s with both auxiliary classifiers', () => googlenet.build('bvlc_googlenet', { auxiliary: true, ...zeros }), 13_378_280, 1_591_044_096, 0],
  ['torchvision\'s googlenet with both', () => googlenet.build('googlenet', { auxiliary: true, ...zeros }), 13_004_888, 1_498_376_192 + 16 * 128 * (512 + 528) + 2 * (2048 * 1024 + 1024 * 1000), 15_072],
  ['Inception v3 with its one', () => inceptionV3.build('inception_v3', { auxiliary: true, ...zeros }), 27_161_264, 5_713_216_096 + 25 * 768 * 128 + 25 * 128 * 768 + 768 * 1000, 36_224],
  ['BN-Inception without the biases in front of batch norm', () => googlenet.build({ ...GOOGLENETS.bn_inception, convBias: false }, zeros), 11_285_224, 2_032_600_064, 20_032],
  ['d2l\'s form for 96x96 grey images', () => googlenet.build({ ...GOOGLENETS.bvlc_googlenet, responseNorm: false }, { inputShape: [96, 96, 1], classes: 10, ...zeros }), 5_977_530, 276_066_304, 0],
])('%s has the published counts', (_, build, params, macs, statistics) => {
  const net = build();
  expect([trainableParams(net), kernelMacs(net), elements(net, /moving_/)]).toEqual([params, macs, statistics]);
});

it.each<[string, () => LayersModel, number[][]]>([
  ['GoogLeNet', () => googlenet.build('bvlc_googlenet', { features: ['inception_3a', 'inception_3b', 'inception_4e', 'inception_5b'], ...zeros }), [[28, 28, 256], [28, 28, 480], [14, 14, 832], [7, 7, 1024]]],
  ['GoogLeNet on odd sizes', () => googlenet.build('googlenet', { inputShape: [75, 91, 3], features: ['inception3a', 'inception4a', 'inception5a'], ...zeros }), [[9, 11, 256], [4, 5, 512], [2, 3, 832]]],
  ['BN-Inception', () => googlenet.build('bn_inception', { features: ['stage1.unit2', 'stage2.unit1', 'stage2.unit5', 'stage3.unit1', 'stage3.unit3'], ...zeros }), [[28, 28, 320], [14, 14, 576], [14, 14, 608], [7, 7, 1056], [7, 7, 1024]]],
  ['Inception v3', () => inceptionV3.build('inception_v3', { features: ['Mixed_5b', 'Mixed_5d', 'Mixed_6a', 'Mixed_6e', 'Mixed_7a', 'Mixed_7c'], ...zeros }), [[35, 35, 256], [35, 35, 288], [17, 17, 768], [17, 17, 768], [8, 8, 1280], [8, 8, 2048]]],
])('the maps of %s have the sizes of the paper', (_, build, shapes) => {
  expect((build().outputShape as number[][]).map((shape) => shape.slice(1))).toEqual(shapes);
});

describe('the order of the channels', () => {
  const small: InceptionColumns = { filters1x1: 1, reduce3x3: 1, filters3x3: 2, reduce5x5: 1, filters5x5: 3 };
  const image = () => tf.tensor4d(Array.from({ length: 16 }, (_, i) => i), [1, 4, 4, 1]);
  const lastChannel = (net: LayersModel) => tf.tidy(() => {
    const y = net.predict(image()) as tf.Tensor4D;
    return tf.squeeze(tf.slice(y, [0, 0, 0, y.shape[3] - 1], [1, -1, -1, 1])).arraySync() as number[][];
  });

  it('puts what is pooled last, and passes it through where there is no projection', () => {
    const highest = [[5, 6, 7, 7], [9, 10, 11, 11], [13, 14, 15, 15], [13, 14, 15, 15]];
    expect(lastChannel(netOf([4, 4, 1], (x) => naiveInception(x, { filters1x1: 1, filters3x3: 1, filters5x5: 1 })))).toEqual(highest);
    expect(lastChannel(netOf([4, 4, 1], (x) => inceptionModule(x, small)))).toEqual(highest);
  });

  it('halves by a pool that starts at the first pixel and rounds up, as the convolutions do on odd sizes too', () => {
    expect(lastChannel(netOf([4, 4, 1], (x) => inceptionModule(x, { ...small, filters1x1: 0, stride: 2 })))).toEqual([[10, 11], [14, 15]]);
    expect(netOf([5, 7, 1], (x) => inceptionModule(x, { ...small, filters1x1: 0, stride: 2 })).outputShape).toEqual([null, 3, 4, 6]);
  });

  it('averages with the padding counted, as torch does, or without, as TensorFlow does', () => {
    const averaged = lastChannel(netOf([4, 4, 1], (x) => inceptionModule(x, { ...small, pool: 'average' })));
    expect([averaged[0]![0], averaged[1]![1]]).toEqual([expect.closeTo(10 / 9, 5), 5]);
    const corner = (countPadding: boolean) => tf.tidy(() => {
      const net = netOf([4, 4, 1], (x) => inceptionV3Module(x, { kind: 'A', width: 1, depthMultiplier: 1e-9, countPadding, batchNorm: false, kernelInitializer: 'ones' }));
      return (net.predict(image()) as tf.Tensor).arraySync() as number[][][][];
    })[0]![0]![0]!.at(-1);
    expect([corner(true), corner(false)]).toEqual([expect.closeTo(10 / 9, 5), expect.closeTo(2.5, 5)]);
  });
});

describe('names its layers', () => {
  const named = (net: LayersModel, below: string) => net.layers.filter(({ name, weights }) => name.startsWith(below) && weights.length > 0).map(({ name }) => name.slice(below.length)).sort();

  it('as Caffe', () => {
    const net = googlenet.build('bvlc_googlenet', { auxiliary: true, ...zeros });
    expect(named(net, 'inception_4a/')).toEqual(['1x1', '3x3', '3x3_reduce', '5x5', '5x5_reduce', 'pool_proj']);
    expect(named(net, 'conv')).toEqual(['1/7x7_s2', '2/3x3', '2/3x3_reduce']);
    expect(named(net, 'loss')).toEqual(['1/classifier', '1/conv', '1/fc', '2/classifier', '2/conv', '2/fc', '3/classifier']);
  });

  it('as pytorchcv, whose halving modules have fewer branches', () => {
    const net = googlenet.build('bn_inception', zeros);
    const both = (...paths: string[]) => paths.flatMap((path) => [`${path}.bn`, `${path}.conv`]);
    expect(named(net, 'features.stage1.unit2.branches.')).toEqual(both('branch1', 'branch2.conv1', 'branch2.conv2', 'branch3.conv1', 'branch3.conv2', 'branch3.conv3', 'branch4.conv'));
    expect(named(net, 'features.stage2.unit1.branches.')).toEqual(both('branch1.conv1', 'branch1.conv2', 'branch2.conv1', 'branch2.conv2', 'branch2.conv3'));
    expect(named(net, 'features.init_block.')).toEqual(both('conv1', 'conv2.conv1', 'conv2.conv2'));
    expect(named(net, 'output')).toEqual(['']);
  });

  it('as torchvision, the auxiliary classifiers too', () => {
    expect(named(googlenet.build('googlenet', { auxiliary: true, ...zeros }), 'aux2.')).toEqual(['conv.bn', 'conv.conv', 'fc1', 'fc2']);
    expect(named(inceptionV3.build('inception_v3', { auxiliary: true, ...zeros }), 'AuxLogits.')).toEqual(['conv0.bn', 'conv0.conv', 'conv1.bn', 'conv1.conv', 'fc']);
  });

  it('in a block of your own as tf.layers does', () => {
    const twice = netOf([6, 6, 2], (x) => inceptionModule(inceptionModule(x, { reduce3x3: 1, filters3x3: 1, reduce5x5: 1, filters5x5: 1, naming: 'caffe' }), { reduce3x3: 1, filters3x3: 1, reduce5x5: 1, filters5x5: 1 }));
    expect(new Set(twice.layers.map(({ name }) => name)).size).toBe(twice.layers.length);
  });
});

it('puts a part behind every module, for families made of this one', () => {
  const places: (string | undefined)[] = [];
  const gated = defineFamily({
    id: 'gated', paper: googlenet.paper, input: [28, 28, 1], classes: 10, variants: { gated: GOOGLENETS.googlenet_tiny }, spec: googlenetSpec,
    build: (x, spec, context) => buildGoogLeNet(x, spec, context, (y, { name }) => {
      places.push(name);
      return activation(y, { kind: 'sigmoid', name: `${name}.gate` });
    }),
  });
  const net = gated.build('gated', { features: ['inception4a'] });
  expect(places).toEqual(['inception3a', 'inception4a', 'inception5a']);
  expect(net.outputs[0]!.sourceLayer.name).toBe('inception4a.gate');
});

it('leaves the last classifier as it is when auxiliary ones are added', () => {
  const x = tf.randomUniform([2, 28, 28, 1], 0, 1, 'float32', 1);
  const alone = googlenet.build('googlenet_tiny').predict(x) as tf.Tensor;
  const [logits, aux] = googlenet.build('googlenet_tiny', { auxiliary: true }).predict(x) as [tf.Tensor, tf.Tensor];
  expect(logits.arraySync()).toEqual(alone.arraySync());
  expect(aux.shape).toEqual([2, 10]);
  tf.dispose([x, alone, logits, aux]);
});

it('drops out at the reference\'s rates, at another one, or not at all', () => {
  const rates = (net: LayersModel) => net.layers.filter((layer) => layer.getClassName() === 'Dropout').map((layer) => [layer.name, layer.getConfig()['rate']]);
  expect(rates(googlenet.build('bvlc_googlenet', { auxiliary: true, ...zeros })).sort()).toEqual([['loss1/drop_fc', 0.7], ['loss2/drop_fc', 0.7], ['pool5/drop_7x7_s1', 0.4]]);
  expect(rates(googlenet.build('googlenet', zeros))).toEqual([['dropout', 0.2]]);
  expect(rates(inceptionV3.build('inception_v3', { dropout: 0.1, ...zeros }))).toEqual([['dropout', 0.1]]);
  expect(rates(googlenet.build('googlenet', { auxiliary: true, dropout: 0, ...zeros }))).toEqual([]);
});

describe('refuses by name', () => {
  const x = () => input({ shape: [8, 8, 3] });
  const columns = { reduce3x3: 2, filters3x3: 4, reduce5x5: 2, filters5x5: 4 };
  it.each<[string, () => unknown, RegExp]>([
    ['a misspelt column', () => inceptionModule(x(), { ...columns, reduce3X3: 2 } as never), /^inceptionModule: unknown option reduce3X3, did you mean reduce3x3\?/],
    ['a module without a 3x3', () => inceptionModule(x(), { ...columns, filters3x3: undefined as never, name: '3a' }), /^inceptionModule "3a": filters3x3 must be an integer >= 1, got nothing/],
    ['a 1x1 that would skip positions', () => inceptionModule(x(), { ...columns, filters1x1: 8, stride: 2 }), /filters1x1 must be 0 with stride 2: it would see a quarter of the positions, got 8/],
    ['a stride of 3', () => inceptionModule(x(), { ...columns, stride: 3 }), /stride must be an integer from 1 to 2, got 3/],
    ['a kernel that no form has', () => inceptionModule(x(), { ...columns, large: '7x7' as '5x5' }), /large must be one of 5x5, 3x3, double3x3, got "7x7"/],
    ['no options at all', () => naiveInception(x(), undefined as never), /^naiveInception: options must be an object/],
    ['module C without a width', () => inceptionV3Module(x(), { kind: 'C' }), /^inceptionV3Module: width must be an integer >= 1 in module C, got nothing/],
    ['module E with a width', () => inceptionV3Module(x(), { kind: 'E', width: 3 }), /width must be absent in module E, got 3/],
    ['a module F', () => inceptionV3Module(x(), { kind: 'F' as 'E' }), /kind must be one of A, B, C, D, E, got "F"/],
    ['an image too small to halve twice', () => inceptionV3.build('inception_v3', { inputShape: [74, 74, 3], ...zeros }), /conv2d "Mixed_7a\.branch3x3_2\.conv": kernelSize must be/],
    ['an image too small for the auxiliary classifier', () => inceptionV3.build('inception_v3', { inputShape: [96, 96, 3], auxiliary: true, ...zeros }), /avgPool "AuxLogits\.pool": poolSize must be at most the padded input/],
    ['auxiliary classifiers that a network has not', () => googlenet.build('bn_inception', { auxiliary: true, ...zeros }), /^bn_inception: auxiliary must be false: this network has no auxiliary classifiers, got true/],
    ['auxiliary classifiers without the last one', () => googlenet.build('googlenet', { auxiliary: true, includeTop: false, ...zeros }), /^googlenet: auxiliary must be false without the classifier, got true/],
    ['an auxiliary classifier nowhere', () => googlenet.build({ ...GOOGLENETS.googlenet_tiny, auxiliary: { after: ['inception4c'], pool: 'adaptive' } }, { inputShape: [28, 28, 1], auxiliary: true }), /^googlenet: auxiliary\.after must be one of inception3a, .*got "inception4c"/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
