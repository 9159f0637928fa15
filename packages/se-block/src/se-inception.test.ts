import '@tensorflow/tfjs-backend-cpu';
import { OptionError } from '@convkit/core';
import { trainableParams } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { seInception, SE_INCEPTIONS } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => tf.disposeVariables());

const zeros = { initialWeights: 'zeros' } as const;

// Modules 3a to 5b of the authors' SE-BN-Inception.prototxt.
it('squeezes a sixteenth of what each module puts out, of those that halve the size too', () => {
  const net = seInception.build('se_bn_inception', zeros);
  const units = [2, 5, 3].flatMap((count, stage) => Array.from({ length: count }, (_, i) => `features.stage${stage + 1}.unit${i + 1}`));
  expect(units.map((unit) => net.getLayer(`${unit}.se.conv1`).outputShape.at(-1))).toEqual([16, 20, 36, 36, 36, 38, 38, 66, 64, 64]);
  expect((net.getLayer('features.final_pool').input as SymbolicTensor).sourceLayer.name).toBe('features.stage3.unit3.se.scale');
});

it('has the parameters of the authors\' network', () => {
  // Counters of the prototxt that find 11,944,870 give a gamma and a beta to the layers that multiply by the gates; those learn nothing.
  const gated = 256 + 320 + 3 * 576 + 2 * 608 + 1056 + 2 * 1024;
  expect(trainableParams(seInception.build('se_bn_inception', zeros)) + 2 * gated).toBe(11_944_870);
});

it('takes other attention, and taps modules behind it', () => {
  const spec = { ...SE_INCEPTIONS.se_inception_tiny, attention: { kind: 'scse' } } as const;
  const net = seInception.build(spec, { inputShape: [28, 28, 1], features: ['inception3a'], ...zeros });
  expect(net.outputs[0]?.sourceLayer.name).toBe('inception3a.se.max');
});

it('refuses a network without attention', () => {
  const { attention: _, ...spec } = SE_INCEPTIONS.se_inception_tiny;
  expect(() => seInception.build(spec as never, zeros)).toThrow(OptionError);
  expect(() => seInception.build(spec as never, zeros)).toThrow(/^se-inception: attention must be an object whose kind is one of squeezeExcite/);
});
