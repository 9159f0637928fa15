/** The contract suite itself: each check fails on a layer with that fault, and on no other. */
import '@tensorflow/tfjs-backend-cpu';
import { type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { checkContract, checkSaving, type Snapshot } from './checks.js';
import { TOLERANCES } from './tolerances.js';

type Fault = 'none' | 'lowering' | 'gradient' | 'noGradient' | 'leak' | 'training' | 'shape' | 'saving';

/** y = tanh(x w), with one fault. */
class FaultyLayer extends layers.Layer {
  /** @nocollapse */
  static readonly className = 'ConvkitFaulty';
  private readonly fault: Fault;
  private kernel!: ReturnType<layers.Layer['addWeight']>;

  constructor(options: { fault: Fault }) {
    super({ name: 'faulty' });
    this.fault = options.fault;
  }

  override build(shape: number[]): void {
    this.kernel = this.addWeight('kernel', [shape.at(-1)!], 'float32', initializers.ones());
    super.build(shape);
  }

  override computeOutputShape(shape: number[]): number[] {
    return this.fault === 'shape' ? [...shape.slice(0, -1), 1] : shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], { training }: { training?: boolean }): tf.Tensor {
    if (this.fault === 'leak') tf.keep(tf.scalar(1));
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0] : inputs)!;
      const w = this.fault === 'noGradient' ? tf.add(this.kernel.read(), tf.sqrt(tf.sub(this.kernel.read(), this.kernel.read()))) : this.kernel.read();
      const z = tf.mul(x, w);
      const y = this.fault === 'gradient' ? tf.customGrad((input) => ({ value: tf.tanh(input as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy }))(z) : tf.tanh(z);
      return this.fault === 'training' && training === true ? tf.mul(y, 1.01) : y;
    });
  }

  lower(g: Lowering, [x]: readonly [Value]): Value {
    const y = g.op('binary', [x, g.weight(this.kernel)], { kind: 'mul' });
    return this.fault === 'lowering' ? y : g.op('activation', [y], { kind: 'tanh' });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), fault: this.fault, ...(this.fault === 'saving' ? { now: nextNumber() } : {}) };
  }
}

let number = 0;
const nextNumber = () => number++;

const descriptor = (fault: Fault) => ({
  exported: 'faulty', title: fault, input: [4, 5, 2] as const, make: (x: SymbolicTensor) => new FaultyLayer({ fault }).apply(x) as SymbolicTensor,
});

beforeAll(async () => {
  tf.serialization.registerClass(FaultyLayer as unknown as tf.serialization.SerializableConstructor<FaultyLayer>);
  await tf.setBackend('cpu');
});

const checksThatFail = async (fault: Fault, reference?: Snapshot) => [...new Set((await checkContract(descriptor(fault), TOLERANCES.cpu, reference)).failures.map(({ check }) => check))];

test.each<[Fault, string[]]>([
  ['none', []], ['lowering', ['lowering']], ['gradient', ['gradient']], ['noGradient', ['gradient']], ['leak', ['leak']], ['training', ['training']],
])('a layer with the fault "%s" fails %j', async (fault, checks) => {
  expect(await checksThatFail(fault)).toEqual(checks);
});

test('a symbolic shape that is not the eager one is seen', async () => {
  expect(await checksThatFail('shape')).toContain('shape');
});

test('a layer that does not come back as it was is seen', async () => {
  expect(await checkSaving(descriptor('none'))).toEqual([]);
  expect((await checkSaving(descriptor('saving'))).map(({ check }) => check)).toEqual(['saving']);
});

test('values and gradients of another backend are what a snapshot is compared with', async () => {
  const { snapshot } = await checkContract(descriptor('none'), TOLERANCES.cpu);
  expect(await checksThatFail('none', snapshot)).toEqual([]);
  const moved = (values: Float32Array) => values.map((value, i) => (i === 3 ? value + 0.1 : value));
  expect(await checksThatFail('none', { ...snapshot, output: moved(snapshot.output) })).toEqual(['values']);
  expect(await checksThatFail('none', { ...snapshot, trained: moved(snapshot.trained) })).toEqual(['values']);
  expect(await checksThatFail('none', { ...snapshot, gradients: snapshot.gradients.map((values, i) => (i === 0 ? moved(values) : values)) })).toEqual(['gradient']);
});
