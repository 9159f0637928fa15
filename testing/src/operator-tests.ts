import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { OPERATOR_LIMIT, operatorErrors, type OperatorCase } from './operators.js';

/**
 * Tests that a package's operators have the values and gradients of other frameworks, on wasm and on cpu.
 * @param file The package's `reference/operators.json`, of the format parity-ops/1.
 */
export function testOperators(file: URL): void {
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: OperatorCase[] };
  describe.each(['wasm', 'cpu'])('operators on %s', (backend) => {
    beforeAll(() => tf.setBackend(backend));

    test.each(cases.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
      const before = tf.memory().numTensors;
      const errors = operatorErrors(entry);
      expect(errors).toHaveLength(1 + Object.keys(entry.grads).length);
      for (const { name, error } of errors) expect(error, name).toBeLessThan(OPERATOR_LIMIT);
      expect(tf.memory().numTensors, 'no tensor is left').toBe(before);
    });
  });
}
