import { adaptiveAvgPool2d } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineOp, elements, inputShape, known } from '../op.js';

/** Cells overlap where the output size does not divide the input's, and are up to one position wider than their spacing. */
const widestCell = (length: number, cells: number) =>
  Math.max(...Array.from({ length: cells }, (_, i) => Math.ceil(((i + 1) * length) / cells) - Math.floor((i * length) / cells)));

export const adaptiveAvgPool = defineOp<'adaptiveAvgPool'>({
  kind: 'adaptiveAvgPool',
  shape: (inputs, { outputSize }) => [inputShape(inputs, 0)[0] ?? null, ...outputSize, known(inputShape(inputs, 0), 3)],
  cost: (inputs) => ({ macs: 0, elementwise: elements(inputShape(inputs, 0)) }),
  evaluate: ([x], { outputSize }) => adaptiveAvgPool2d(x as Tensor4D, outputSize),
  window: (inputs, { outputSize }) => {
    const [h, w] = [known(inputShape(inputs, 0), 1), known(inputShape(inputs, 0), 2)];
    const strides = [Math.max(Math.floor(h / outputSize[0]), 1), Math.max(Math.floor(w / outputSize[1]), 1)] as const;
    return { size: [widestCell(h, outputSize[0]), widestCell(w, outputSize[1])], strides, before: [0, 0] };
  },
});
