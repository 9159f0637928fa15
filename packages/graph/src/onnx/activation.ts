import type { OpAttributes } from '@convkit/core';
import { float, int } from './program.js';
import type { OnnxWriter } from './writer.js';

/** An activation of a value as it lies; softmax over its last axis. */
export function writeActivation(w: OnnxWriter, x: string, { kind, alpha }: OpAttributes['activation']): string {
  switch (kind) {
    case 'linear': return x;
    case 'relu': return w.op('Relu', [x]);
    case 'relu6': return w.op('Clip', [x, w.number(0), w.number(6)]);
    case 'leakyRelu': return w.op('LeakyRelu', [x], { alpha: float(alpha ?? 0.01) });
    case 'elu': return w.op('Elu', [x]);
    case 'selu': return w.op('Selu', [x]);
    case 'sigmoid': return w.op('Sigmoid', [x]);
    case 'hardSigmoid': return w.op('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) });
    case 'kerasHardSigmoid': return w.op('HardSigmoid', [x], { alpha: float(0.2), beta: float(0.5) });
    case 'tanh': return w.op('Tanh', [x]);
    case 'silu': return w.op('Mul', [x, w.op('Sigmoid', [x])]);
    case 'hardSwish': return w.op('HardSwish', [x]);
    case 'gelu': return w.op('Mul', [w.op('Mul', [x, w.number(0.5)]), w.op('Add', [w.op('Erf', [w.op('Mul', [x, w.number(Math.SQRT1_2)])]), w.number(1)])]);
    case 'softplus': return w.op('Softplus', [x]);
    case 'softsign': return w.op('Softsign', [x]);
    case 'exponential': return w.op('Exp', [x]);
    case 'softmax': return w.op('Softmax', [x], { axis: int(-1) });
  }
}
