import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { kernelMacs, trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { aspp, deeplab, DEEPLABS, dilatedStages, summedAspp } from './index.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
afterEach(() => tf.disposeVariables());

function netOf(shape: [number, number, number], make: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = input({ shape });
  return model({ inputs: x, outputs: make(x) });
}
const zeros = { kernelInitializer: 'zeros' } as const;

describe('aspp', () => {
  it('has torchvision\'s parameters, multiply-adds and names', () => {
    const net = netOf([65, 65, 2048], (x) => aspp(x, { name: 'classifier.0', ...zeros }));
    expect(trainableParams(net)).toBe(15_535_104);
    expect(kernelMacs(net)).toBe(63_408_242_688);
    const kernels = net.layers.filter((layer) => layer.getClassName() === 'ConvkitConv').map(({ name }) => name.slice('classifier.0.'.length));
    expect(kernels.sort()).toEqual(['convs.0.0', 'convs.1.0', 'convs.2.0', 'convs.3.0', 'convs.4.1', 'project.0']);
    expect(net.getLayer('classifier.0.concat').outputShape).toEqual([null, 65, 65, 1280]);
  });

  it('a rate as large as the map leaves a 3x3 only its centre', () => {
    const net = netOf([6, 6, 2], (x) => aspp(x, { filters: 3, rates: [6], name: 'aspp' }));
    const branch = model({ inputs: net.inputs[0] as SymbolicTensor, outputs: net.getLayer('aspp.convs.1.0').output as SymbolicTensor });
    tf.tidy(() => {
      const x = tf.randomUniform([1, 6, 6, 2], -1, 1, 'float32', 1) as tf.Tensor4D;
      const kernel = net.getLayer('aspp.convs.1.0').getWeights()[0] as tf.Tensor4D;
      const centre = tf.slice(kernel, [1, 1, 0, 0], [1, 1, -1, -1]);
      const difference = tf.max(tf.abs(tf.sub(branch.predict(x) as tf.Tensor, tf.conv2d(x, centre, 1, 'valid'))));
      expect(difference.dataSync()[0]).toBeLessThan(1e-6);
    });
  });

  it('the branch of the mean has one value a channel', () => {
    const net = netOf([5, 4, 2], (x) => aspp(x, { filters: 3, rates: [1, 2], name: 'aspp' }));
    const branch = model({ inputs: net.inputs[0] as SymbolicTensor, outputs: net.getLayer('aspp.convs.3.resize').output as SymbolicTensor });
    tf.tidy(() => {
      const y = branch.predict(tf.randomUniform([1, 5, 4, 2], 0, 1, 'float32', 2)) as tf.Tensor;
      expect(y.shape).toEqual([1, 5, 4, 3]);
      expect(tf.max(tf.sub(tf.max(y, [1, 2]), tf.min(y, [1, 2]))).dataSync()[0]).toBeLessThan(1e-6);
    });
  });

  it('drops out as it is asked to', () => {
    const rates = (options: object) => netOf([4, 4, 2], (x) => aspp(x, { filters: 2, rates: [1], name: 'aspp', ...options })).layers.filter((layer) => layer.getClassName() === 'Dropout').map((layer) => layer.getConfig()['rate']);
    expect([rates({}), rates({ dropout: 0.1 }), rates({ dropout: 0 })]).toEqual([[0.5], [0.1], []]);
  });
});

it('the pyramid of v2 is the sum of its branches', () => {
  const net = netOf([9, 7, 4], (x) => summedAspp(x, { filters: 3, name: 'aspp' }));
  expect(trainableParams(net)).toBe(4 * (9 * 4 * 3 + 3));
  const outputs = [0, 1, 2, 3].map((i) => net.getLayer(`aspp.conv2d_list.${i}`).output as SymbolicTensor);
  const branches = model({ inputs: net.inputs[0] as SymbolicTensor, outputs });
  tf.tidy(() => {
    const x = tf.randomUniform([1, 9, 7, 4], -1, 1, 'float32', 3);
    const sum = tf.addN(branches.predict(x) as tf.Tensor[]);
    expect(tf.max(tf.abs(tf.sub(net.predict(x) as tf.Tensor, sum))).dataSync()[0]).toBeLessThan(1e-6);
  });
  expect(netOf([5, 5, 2], (x) => summedAspp(x, { filters: 1, rates: [2] })).outputShape).toEqual([null, 5, 5, 1]);
});

describe('deeplab', () => {
  it.each(['deeplabv3_resnet50', 'deeplabv3_resnet101', 'fcn_resnet50', 'fcn_resnet101'] as const)('%s costs what its row states', (id) => {
    const net = deeplab.build(id, { initialWeights: 'zeros' });
    expect({ params: trainableParams(net), macs: kernelMacs(net) }).toEqual({ params: DEEPLABS[id].params, macs: DEEPLABS[id].macs });
    expect(net.outputShape).toEqual([null, 520, 520, 21]);
    net.dispose();
  });

  it('dilates as torchvision does: first blocks keep the dilation of the stage before', () => {
    const net = deeplab.build('deeplabv3_resnet50', { initialWeights: 'zeros' });
    const dilation = (block: string) => (net.getLayer(`backbone.${block}.conv2`).getConfig()['dilationRate'] as number[])[0];
    expect(['layer2.1', 'layer3.0', 'layer3.1', 'layer4.0', 'layer4.1'].map(dilation)).toEqual([1, 1, 2, 2, 4]);
    expect(net.getLayer('classifier.0.convs.1.0').outputShape).toEqual([null, 65, 65, 256]);
    net.dispose();
  });

  it('the pyramid reaches as far at output stride 16, with half the rates', () => {
    const net = deeplab.build({ ...DEEPLABS.deeplabv3_resnet50, outputStride: 16 }, { initialWeights: 'zeros' });
    expect([1, 2, 3].map((i) => (net.getLayer(`classifier.0.convs.${i}.0`).getConfig()['dilationRate'] as number[])[0])).toEqual([6, 12, 18]);
    net.dispose();
  });

  it('stages stride until the output stride is reached', () => {
    const strides = (outputStride: number) => dilatedStages([1, 1, 1, 1], 8, outputStride).map(({ stride, dilation, firstDilation }) => [stride, dilation, firstDilation]);
    expect(strides(32)).toEqual([[1, 1, 1], [2, 1, 1], [2, 1, 1], [2, 1, 1]]);
    expect(strides(16)).toEqual([[1, 1, 1], [2, 1, 1], [2, 1, 1], [1, 2, 1]]);
    expect(strides(4)).toEqual([[1, 1, 1], [1, 2, 1], [1, 4, 2], [1, 8, 4]]);
  });

  it.each([['bottleneck', 8], ['basic', 8], ['basic', 4]] as const)('%s blocks, output stride %d: every tap stays where it was, the positions that the strided network has are equal', (block, outputStride) => {
    const spec = { head: 'fcn', block, depths: [1, 2, 2, 2], width: 4 } as const;
    const [strided, dilated] = [32, outputStride].map((limit) => deeplab.build({ ...spec, outputStride: limit }, { includeTop: false, inputShape: [96, 64, 3] }));
    dilated!.setWeights(strided!.getWeights());
    const step = 32 / outputStride;
    expect(dilated!.outputShape).toEqual([null, 3 * step, 2 * step, block === 'basic' ? 32 : 128]);
    tf.tidy(() => {
      const x = tf.randomUniform([1, 96, 64, 3], -1, 1, 'float32', 6);
      const every = tf.maxPool(dilated!.predict(x) as tf.Tensor4D, 1, step, 'valid');
      const expected = strided!.predict(x) as tf.Tensor4D;
      const scale = tf.max(tf.abs(expected)).dataSync()[0] as number;
      expect(scale).toBeGreaterThan(0);
      expect((tf.max(tf.abs(tf.sub(every, expected))).dataSync()[0] as number) / scale).toBeLessThan(1e-5);
    });
  });

  it('the tiny one segments, and learns with a gradient for every weight', () => {
    const net = deeplab.build('deeplab_tiny');
    expect(net.outputShape).toEqual([null, 32, 32, 4]);
    tf.tidy(() => {
      const x = tf.randomUniform([2, 32, 32, 3], 0, 1, 'float32', 1);
      const loss = () => tf.mean(tf.square(net.apply(x, { training: true }) as tf.Tensor)) as tf.Scalar;
      const { grads } = tf.variableGrads(loss);
      expect(Object.values(grads)).toHaveLength(net.trainableWeights.length);
      for (const gradient of Object.values(grads)) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    });
    net.dispose();
  });

  it('has an auxiliary head on the last stage but one, on request', () => {
    const net = deeplab.build('deeplab_tiny', { auxiliary: true });
    expect(net.outputShape).toEqual([[null, 32, 32, 4], [null, 32, 32, 4]]);
    expect((net.getLayer('aux_classifier.0').input as SymbolicTensor).sourceLayer.name).toBe('backbone.layer2.0.relu');
    net.dispose();
    expect(() => deeplab.build({ ...DEEPLABS.deeplab_tiny, depths: [1] }, { auxiliary: true })).toThrow(/auxiliary must be false: this network has no auxiliary classifiers/);
  });

  it('is a backbone: the last map at stride 8', () => {
    expect(deeplab.build('fcn_resnet50', { initialWeights: 'zeros', includeTop: false, inputShape: [129, 65, 3] }).outputShape).toEqual([null, 17, 9, 2048]);
  });
});

describe('refuses by name', () => {
  const pyramid = (options: object, shape: unknown = [8, 8, 3]) => () => aspp(input({ shape: shape as number[] }), options as never);
  it.each<[string, () => unknown, RegExp]>([
    ['no rates', pyramid({ rates: [], name: 'head' }), /^aspp "head": rates must be a list of at least 1, each an integer >= 1, got \[\]/],
    ['rate 0', pyramid({ rates: [0] }), /rates must be .*got \[0\]/],
    ['a map of unknown size', pyramid({}, [null, null, 3]), /^aspp: input must be a map \[N, H, W, C\] of known height and width/],
    ['full dropout', pyramid({ dropout: 1 }), /dropout must be a finite number >= 0 and < 1, got 1/],
    ['a sum without classes', () => summedAspp(input({ shape: [8, 8, 3] }), {} as never), /^summedAspp: filters must be an integer >= 1, got nothing/],
    ['a head that does not exist', () => deeplab.build({ head: 'lraspp', block: 'basic', depths: [1] } as never), /head must be one of deeplab, fcn, got "lraspp"/],
    ['output stride 2', () => deeplab.build({ ...DEEPLABS.deeplab_tiny, outputStride: 2 }), /outputStride must be an integer >= 4, got 2/],
  ])('%s', (_, wrong, message) => {
    expect(wrong).toThrow(OptionError);
    expect(wrong).toThrow(message);
  });
});
