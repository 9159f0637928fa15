import { windowOutput, type Padding, type ValueShape } from '@convkit/core';

/** [N, H', W', channels] of a window over x. */
export function windowedShape(x: ValueShape, size: readonly [number, number], strides: readonly [number, number], [top, bottom, left, right]: Padding, channels: number): ValueShape {
  return [x[0] ?? null, windowOutput(x[1] ?? null, size[0], strides[0], top, bottom), windowOutput(x[2] ?? null, size[1], strides[1], left, right), channels];
}
