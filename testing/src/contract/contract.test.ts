import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { compile, CompiledModel, trace } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { blockPackages } from './block-packages.js';
import { checkGradients, contractInput, contractModel, difference, reload } from './contract.js';
import { DESCRIPTORS, NO_BLOCKS } from './descriptors.js';

/**
 * How far a backend may be off. Values: float32 sums in another order. Gradients: central differences of a float32
 * function with kinks (relu, max) along a random direction.
 */
const TOLERANCES = {
  wasm: { value: 1e-5, gradient: 2e-2 },
  cpu: { value: 1e-5, gradient: 2e-2 },
} as const;

const packages = await blockPackages();
for (const { registerLayers } of packages.values()) registerLayers?.();

const rows = DESCRIPTORS.map((descriptor) => [`${descriptor.exported}: ${descriptor.title}`, descriptor] as const);

describe.each(Object.entries(TOLERANCES))('the contract of every block and layer on %s', (backend, tolerance) => {
  beforeAll(() => tf.setBackend(backend));

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
      const { broken, input, weights } = checkGradients(network, x, descriptor.gradientStep);
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

const exported = [...packages].flatMap(([folder, exports]) => Object.entries(exports).flatMap(([name, value]) => (typeof value === 'function' && !NO_BLOCKS.has(name) ? [{ folder, name, value }] : [])));
const isLayerClass = ({ value }: { value: unknown }) => (value as { prototype?: unknown }).prototype instanceof layers.Layer;

test('every exported block has a row', () => {
  const blocks = exported.filter((entry) => !isLayerClass(entry)).map(({ name }) => name);
  expect([...new Set(DESCRIPTORS.map(({ exported }) => exported))].sort()).toEqual([...new Set(blocks)].sort());
});

test('every exported layer class is behind a row, and its package registers it', () => {
  const used = new Set(DESCRIPTORS.flatMap((descriptor) => contractModel(descriptor).layers.map((layer) => layer.constructor.name)));
  const registered = Object.keys(tf.serialization.SerializationMap.getMap().classNameMap);
  const classes = exported.filter(isLayerClass).map(({ folder, name, value }) => ({ folder, name, className: (value as unknown as typeof layers.Layer & { className: string }).className }));
  expect(classes.length).toBeGreaterThan(0);
  expect(classes.filter(({ name }) => !used.has(name))).toEqual([]);
  expect(classes.filter(({ className }) => !registered.includes(className))).toEqual([]);
});
