import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as classic from '@convkit/classic';
import * as core from '@convkit/core';
import * as densenet from '@convkit/densenet';
import * as depthwise from '@convkit/depthwise';
import { compile, CompiledModel, trace } from '@convkit/graph';
import * as resnet from '@convkit/resnet';
import * as shufflenet from '@convkit/shufflenet';
import * as vgg from '@convkit/vgg';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkGradients, contractInput, contractModel, difference, reload } from './contract.js';
import { DESCRIPTORS } from './descriptors.js';

/**
 * How far a backend may be off. Values: float32 sums in another order. Gradients: central differences of a float32
 * function with kinks (relu, max) along a random direction.
 */
const TOLERANCES = {
  wasm: { value: 1e-5, gradient: 2e-2 },
  cpu: { value: 1e-5, gradient: 2e-2 },
} as const;

const rows = DESCRIPTORS.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const);

describe.each(Object.entries(TOLERANCES))('the contract of every block and layer on %s', (backend, tolerance) => {
  beforeAll(async () => {
    core.registerLayers();
    await tf.setBackend(backend);
  });

  test.each(rows)('%s', async (_, descriptor) => {
    const network = contractModel(descriptor);
    const x = contractInput(descriptor);
    // The first training pass may make variables of its own.
    tf.tidy(() => void network.apply(x, { training: true }));
    const before = tf.memory().numTensors;

    tf.tidy(() => {
      const y = network.predict(x) as tf.Tensor;
      expect(y.shape, 'symbolic and eager shapes agree').toEqual([x.shape[0], ...network.outputs[0]!.shape.slice(1)]);
      const trained = network.apply(x, { training: true }) as tf.Tensor;
      if (descriptor.trainingDiffers) expect(difference(trained, y), 'training differs').toBeGreaterThan(tolerance.value);
      else expect(difference(trained, y), 'training gives the same').toBeLessThan(tolerance.value);

      const now = network.predict(x) as tf.Tensor;
      const direct = new CompiledModel(trace(network));
      const optimised = compile(network);
      expect(difference(direct.predict(x) as tf.Tensor, now), 'lowering agrees with call').toBeLessThan(tolerance.value);
      expect(difference(optimised.predict(x) as tf.Tensor, now), 'the compiled form agrees').toBeLessThan(tolerance.value);
      direct.dispose();
      optimised.dispose();
    });
    expect(tf.memory().numTensors, 'no tensor is left').toBe(before);

    if (!descriptor.random) {
      const { broken, input, weights } = checkGradients(network, x);
      expect(broken, 'weights without a finite gradient').toEqual([]);
      expect(input, 'gradient of the input').toBeLessThan(tolerance.gradient);
      expect(weights, 'gradient of the weights').toBeLessThan(tolerance.gradient);
      expect(tf.memory().numTensors, 'no tensor is left by the gradient').toBe(before);
    }

    const again = await reload(network);
    const configs = (model: LayersModel) => model.layers.filter((layer) => layer.getClassName().startsWith('Convkit')).map((layer) => layer.getConfig());
    expect(configs(again)).toEqual(configs(network));
    tf.tidy(() => {
      expect(difference(again.predict(x) as tf.Tensor, network.predict(x) as tf.Tensor), 'a saved model is the same').toBeLessThan(1e-7);
    });
    again.dispose();
    network.dispose();
    x.dispose();
  });
});

/** Exports that are neither blocks nor layers. A new export goes here or, if it is one, gets a row. */
const OTHERS = new Set([
  'activate', 'batchNormalize', 'batchNormalizeTraining', 'shuffleChannels', 'gateFactors', 'gateChannels', 'sumWeighted', 'stochasticPoolMean', 'stochasticPoolSample', 'convolve2d', 'depthwiseConvolve2d', 'multiplyMatrices', 'localResponseNormalize',
  'adaptiveAvgPool2d', 'avgPool2d', 'maxPool2d', 'spatialMean', 'effectiveKernel', 'resolvePadding', 'windowOutput', 'hashString', 'normalStream', 'randomStream',
  'defineFamily', 'closest', 'describeValue', 'unknownName', 'readOptions', 'isLowerable', 'registerLayers', 'OptionError', 'blockEntries', 'layersUnder', 'layerLabel',
  'residualNetwork', 'residualStages',
]);

test('every exported block has a row, and every exported layer class is behind one', () => {
  const exported = Object.entries({ ...core, ...classic, ...vgg, ...resnet, ...densenet, ...depthwise, ...shufflenet }).filter(([name, value]) => typeof value === 'function' && !OTHERS.has(name));
  const classes = exported.filter(([, value]) => (value as { prototype?: unknown }).prototype instanceof layers.Layer).map(([name]) => name);
  const blocks = exported.map(([name]) => name).filter((name) => !classes.includes(name));
  expect([...new Set(DESCRIPTORS.map(({ exported }) => exported))].sort()).toEqual([...blocks].sort());

  const used = new Set(DESCRIPTORS.flatMap((descriptor) => contractModel(descriptor).layers.map((layer) => layer.constructor.name)));
  expect(classes.filter((name) => !used.has(name))).toEqual([]);
  expect(core.coreLayers.map((layer) => layer.name).sort()).toEqual([...classes].sort());
});
