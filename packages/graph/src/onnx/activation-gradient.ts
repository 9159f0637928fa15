import type { OpAttributes } from '@convkit/core';
import { writeActivation } from './activation.js';
import { positive } from './gradient.js';
import { float } from './program.js';
import type { OnnxWriter } from './writer.js';

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/**
 * d loss / d x of y = f(x), elementwise, from d loss / d y (softmax: over the last axis). Where f has a kink, the
 * derivative there is the one of tfjs: 0 for relu at 0.
 */
export function writeActivationGradient(w: OnnxWriter, x: string, y: string, dy: string, attributes: OpAttributes['activation']): string {
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const add = (a: string, b: string) => w.op('Add', [a, b]);
  const sub = (a: string, b: string) => w.op('Sub', [a, b]);
  const one = w.number(1);
  /** 1 where 0 < value < upper, that is less than half of it from its half (to the rounding of that difference). A power of 2 as the slope: the product is then exact. */
  const inside = (value: string, upper: number) => w.op('HardSigmoid', [w.op('Abs', [sub(value, w.number(upper / 2))])], { alpha: float(-(2 ** 100)), beta: float(upper / 2 * 2 ** 100) });
  switch (attributes.kind) {
    case 'linear': return dy;
    case 'relu': return mul(dy, positive(w, y));
    case 'relu6': return mul(dy, inside(y, 6));
    case 'leakyRelu': {
      const alpha = attributes.alpha ?? 0.01;
      return mul(dy, add(mul(positive(w, x), w.number(1 - alpha)), w.number(alpha)));
    }
    case 'elu': return mul(dy, add(w.op('Min', [y, w.number(0)]), one));
    case 'selu': {
      const mask = positive(w, x);
      return mul(dy, add(mul(mask, w.number(SELU_SCALE)), mul(sub(one, mask), add(y, w.number(SELU_SCALE * SELU_ALPHA)))));
    }
    case 'sigmoid': return mul(dy, mul(y, sub(one, y)));
    case 'hardSigmoid': return mul(dy, mul(inside(y, 1), w.number(1 / 6)));
    case 'kerasHardSigmoid': return mul(dy, mul(inside(y, 1), w.number(0.2)));
    case 'tanh': return mul(dy, sub(one, mul(y, y)));
    case 'silu': {
      const gate = writeActivation(w, x, { kind: 'sigmoid' });
      return mul(dy, add(gate, mul(y, sub(one, gate))));
    }
    case 'hardSwish': {
      const gate = writeActivation(w, x, { kind: 'hardSigmoid' });
      return mul(dy, add(gate, mul(x, mul(inside(gate, 1), w.number(1 / 6)))));
    }
    case 'gelu': {
      const below = mul(add(w.op('Erf', [mul(x, w.number(Math.SQRT1_2))]), one), w.number(0.5));
      const density = mul(w.op('Exp', [mul(mul(x, x), w.number(-0.5))]), w.number(1 / Math.sqrt(2 * Math.PI)));
      return mul(dy, add(below, mul(x, density)));
    }
    case 'softplus': return mul(dy, w.op('Sigmoid', [x]));
    case 'softsign': {
      const reach = add(w.op('Abs', [x]), one);
      return w.op('Div', [dy, mul(reach, reach)]);
    }
    case 'exponential': return mul(dy, y);
    case 'softmax': return mul(y, sub(dy, w.reduce('ReduceSum', mul(dy, y), [-1], true)));
  }
}
