import { clone } from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape } from '../op.js';

/** Identity: graphs are traced for inference. */
export const dropout = defineOp<'dropout'>({
  kind: 'dropout',
  aliases: true,
  shape: (inputs) => inputShape(inputs, 0),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x]) => clone(x as Tensor),
  onnx: (_, [x]) => x as OnnxValue,
});
