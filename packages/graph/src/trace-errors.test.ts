import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type Lowering, type Value } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile, graphOf, isKind, trace, TraceError } from './index.js';

const L = tfl.layers;
type Tensor = tfl.SymbolicTensor;
const apply = (layer: InstanceType<typeof L.Layer>, x: Tensor | Tensor[]) => layer.apply(x) as Tensor;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function modelOf(shape: (number | null)[], make: (x: Tensor) => Tensor): tfl.LayersModel {
  const input = tfl.input({ shape });
  return tfl.model({ inputs: input, outputs: make(input), name: 'net' });
}

describe('a plug-in layer', () => {
  /** y = 2x, by what its `lower` says. */
  class Twice extends L.Layer {
    static readonly className = 'Twice';
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      return tf.mul(Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs, 2);
    }
    lower(g: Lowering, [x]: readonly [Value]): Value {
      return g.op('binary', [x, x], { kind: 'add' });
    }
  }

  test('is read through its lower, costed and compiled', () => {
    const model = modelOf([2, 2, 1], (x) => apply(new Twice({}), x));
    const x = tf.tensor4d([1, -2, 3, 0.5], [1, 2, 2, 1]);
    const y = compile(model).predict(x) as tf.Tensor;
    expect([...y.dataSync()]).toEqual([2, -4, 6, 1]);
    tf.dispose([x, y]);
  });

  test('whose lower returns nothing, throws, or stands for two outputs is named', () => {
    class Forgetful extends Twice {
      override lower(): Value {
        return undefined as never;
      }
    }
    class Wrong extends Twice {
      override lower(g: Lowering, [x]: readonly [Value]): Value {
        return g.op('dense', [x, g.constant(0, [7, 2])], {});
      }
    }
    class Double extends Twice {
      override computeOutputShape(shape: (number | null)[]): (number | null)[][] {
        return [shape, shape];
      }
    }
    expect(() => trace(modelOf([2, 2, 1], (x) => apply(new Forgetful({ name: 'f' }), x)))).toThrow(/layer "f" of class Twice: lower\(g, inputs\) must return what g\.op\(\.\.\.\) returns, got nothing/);
    expect(() => trace(modelOf([2, 2, 1], (x) => apply(new Wrong({ name: 'w' }), x)))).toThrow(/layer "w" of class Twice: the weights take 7 input channels, the input \[, 2, 2, 1\] has 1/);
    expect(() => trace(modelOf([2, 2, 1], (x) => (new Double({ name: 'd' }).apply(x) as Tensor[])[0] as Tensor))).toThrow(/layer "d" of class Twice has 2 outputs/);
  });

  test('is not mistaken for a stock one by an odd class name', () => {
    class Odd extends L.Layer {
      static readonly className = 'constructor';
    }
    expect(() => trace(modelOf([2, 2, 1], (x) => apply(new Odd({ name: 'odd' }), x)))).toThrow(/layer "odd" of class constructor cannot be read/);
  });
});

describe('what cannot be traced is refused by name', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['no model', () => trace(null as never), /trace: model must be a tf\.LayersModel, got null/],
    ['a misspelt option', () => trace(modelOf([2, 2, 1], (x) => apply(L.reLU(), x)), { inputSize: [2, 2, 1] } as never), /unknown option inputSize/],
    ['an impossible size', () => trace(modelOf([2, 2, 1], (x) => apply(L.reLU(), x)), { inputShape: [0, 2, 1] }), /inputShape must be 3 positive integers \(H, W, C\)/],
    ['a size for a model that takes no image', () => trace(modelOf([9], (x) => apply(L.reLU(), x)), { inputShape: [3, 3, 1] }), /inputShape must be left out/],
    ['a size for a graph', () => compile(trace(modelOf([2, 2, 1], (x) => apply(L.reLU(), x))), { inputShape: [2, 2, 1] }), /the shapes of a traced graph are fixed/],
    ['an activation without an op', () => trace(modelOf([2, 2, 1], (x) => apply(L.activation({ activation: 'mish' as never, name: 'm' }), x))), /layer "m" \(Activation\): activation must be one of/],
    ['softmax over another axis', () => trace(modelOf([2, 2, 1], (x) => apply(L.softmax({ axis: 1, name: 's' }), x))), /layer "s" \(Softmax\): axis must be the last one, got 1/],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(OptionError);
    expect(act).toThrow(message);
  });

  test('a sequential model without layers', () => {
    expect(() => trace(tfl.sequential({ name: 'empty' }))).toThrow(TraceError);
  });
});

test('another input size changes every shape, batch aside', () => {
  const model = modelOf([null, null, 3], (x) => apply(L.maxPooling2d({ poolSize: 2 }), apply(L.conv2d({ filters: 4, kernelSize: 3 }), x)));
  const graph = trace(model, { inputShape: [12, 9, 3] });
  expect(graph.nodes.filter((node) => isKind(node, 'conv2d') || isKind(node, 'maxPool')).map(({ shape }) => shape)).toEqual([[null, 10, 7, 4], [null, 5, 3, 4]]);
  expect(graphOf(graph)).toBe(graph);
});

test('compiled models check what they get', () => {
  const a = tfl.input({ shape: [2, 2, 1], name: 'a' });
  const b = tfl.input({ shape: [2, 2, 1], name: 'b' });
  const compiled = compile(tfl.model({ inputs: [a, b], outputs: apply(L.add(), [a, b]), name: 'sum' }));
  const x = tf.ones([1, 2, 2, 1]);
  expect(() => compiled.predict(x)).toThrow(/compiled "sum": predict must get 2 tensors, got 1/);
  expect(() => compiled.predict([x, tf.ones([1, 2, 3, 1])])).toThrow(/input "b" must have the shape \[, 2, 2, 1\], got \[1, 2, 3, 1\]/);
  expect([...(compiled.predict([x, x]) as tf.Tensor).dataSync()]).toEqual([2, 2, 2, 2]);
});

test('a network of 2,000 layers is read without recursion', () => {
  const model = modelOf([1, 1, 1], (x) => {
    let y = x;
    for (let i = 0; i < 2000; i++) y = apply(L.reLU({ name: `r${i}` }), y);
    return y;
  });
  expect(trace(model).nodes).toHaveLength(2001);
});
