import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { install, uninstall } from '@convkit/tfjs-extras';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATOR_LIMIT, operatorErrors, type OperatorCase } from './operators.js';

/**
 * Tests that a package's operators have the values and gradients of other frameworks: on wasm as it is, on wasm with all of
 * tfjs-extras (its compiled kernels too), and on cpu.
 * @param file The package's `reference/operators.json`, of the format parity-ops/1.
 */
export function testOperators(file: URL): void {
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: OperatorCase[] };
  describe.each([
    { name: 'wasm', backend: 'wasm', extras: false },
    { name: 'wasm with tfjs-extras', backend: 'wasm', extras: true },
    { name: 'cpu', backend: 'cpu', extras: false },
  ])('operators on $name', ({ backend, extras }) => {
    beforeAll(async () => {
      await tf.setBackend(backend);
      if (extras) await install();
    });
    afterAll(uninstall);

    test.each(cases.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
      const before = tf.memory().numTensors;
      const errors = operatorErrors(entry);
      expect(errors).toHaveLength(1 + Object.keys(entry.grads).length);
      for (const { name, error } of errors) expect(error, name).toBeLessThan(OPERATOR_LIMIT);
      expect(tf.memory().numTensors, 'no tensor is left').toBe(before);
    });
  });
}
