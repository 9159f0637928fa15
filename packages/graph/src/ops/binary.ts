import { activate, sumActivated, type OpAttributes, type ValueShape } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { PLAIN, unblocked } from '../onnx/layout.js';
import { broadcastable } from '../onnx/broadcast.js';
import type { OnnxValue, OnnxWriter } from '../onnx/writer.js';
import { reducedTo } from '../onnx/gradient.js';
import { defineOp, elements } from '../op.js';

const functions = { add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, max: tf.maximum, min: tf.minimum } as const;

const ONNX_TYPES = { add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', max: 'Max', min: 'Min' } as const;

/** d loss / d a and d loss / d b, written on demand, in the shape of the result. Where a = b, the maximum is a's and the minimum too, as in tfjs. */
function binaryGradients(w: OnnxWriter, kind: OpAttributes['binary']['kind'], a: string, b: string, y: string, dy: string): [() => string, () => string] {
  const chosen = (condition: string) => (): string => w.op('Mul', [dy, w.asFloat(condition)]);
  switch (kind) {
    case 'add': return [() => dy, () => dy];
    case 'sub': return [() => dy, () => w.op('Neg', [dy])];
    case 'mul': return [() => w.op('Mul', [dy, b]), () => w.op('Mul', [dy, a])];
    case 'div': return [() => w.op('Div', [dy, b]), () => w.op('Neg', [w.op('Div', [w.op('Mul', [dy, y]), b])])];
    case 'max': return [chosen(w.op('GreaterOrEqual', [a, b])), chosen(w.op('Less', [a, b]))];
    case 'min': return [chosen(w.op('LessOrEqual', [a, b])), chosen(w.op('Greater', [a, b]))];
  }
}

const sameShape = (a: ValueShape, b: ValueShape) => a.length === b.length && a.every((n, axis) => n === b[axis]);

export const binary = defineOp<'binary'>({
  kind: 'binary',
  fuses: true,
  shape: ([a = [], b = []]) => {
    const [long, short] = a.length >= b.length ? [a, b] : [b, a];
    return long.map((n, axis) => {
      const other = short[axis - (long.length - short.length)];
      return n === 1 && other !== undefined ? other : n;
    });
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: elements(output) }),
  evaluate: ([a, b], { kind }, fused) => {
    if (kind === 'add' && fused) return sumActivated(a as tf.Tensor, b as tf.Tensor, fused.kind, fused.alpha);
    const y = functions[kind](a as tf.Tensor, b as tf.Tensor);
    if (fused === undefined) return y;
    const activated = activate(y, fused.kind, fused.alpha);
    if (activated !== y) y.dispose();
    return activated;
  },
  onnx: (w, inputs, { kind }, shape) => {
    const [a, b] = inputs as [OnnxValue, OnnxValue];
    const found = inputs.find((value) => value.shape.length === shape.length && value.layout !== PLAIN)?.layout ?? PLAIN;
    const ofOneShape = inputs.every((value) => sameShape(value.shape, shape));
    const layout = ofOneShape ? found : unblocked(found);
    const [left, right] = [broadcastable(w, a, shape, layout), broadcastable(w, b, shape, layout)];
    return { name: kind === 'add' && ofOneShape ? w.sum(left, right) : w.op(ONNX_TYPES[kind], [left, right]), shape, layout };
  },
  gradient: (w, { inputs, output, upstream, attributes: { kind }, needs }) => {
    const [a, b] = inputs as [OnnxValue, OnnxValue];
    const { layout, shape } = output;
    const dy = w.as(upstream, layout);
    const [left, right] = [broadcastable(w, a, shape, layout), broadcastable(w, b, shape, layout)];
    const gradients = binaryGradients(w, kind, left, right, w.as(output, layout), dy);
    return [a, b].map((value, i) => (needs[i] ? reducedTo(w, { name: (gradients[i] as () => string)(), shape, layout }, value.shape) : undefined));
  },
});
