import { windowOutput, type Padding, type ValueShape } from '@convkit/core';

/** [N, H', W', channels] of a window over x. @throws Error for a window larger than the padded input. */
export function windowedShape(x: ValueShape, size: readonly [number, number], strides: readonly [number, number], [top, bottom, left, right]: Padding, channels: number): ValueShape {
  const [rows, columns] = [windowOutput(x[1] ?? null, size[0], strides[0], top, bottom), windowOutput(x[2] ?? null, size[1], strides[1], left, right)];
  if ((rows ?? 1) < 1 || (columns ?? 1) < 1) {
    throw new Error(`a window of ${size.join('x')} does not fit its input of ${x[1]}x${x[2]} (H x W) with the padding [${[top, bottom, left, right].join(', ')}]`);
  }
  return [x[0] ?? null, rows, columns, channels];
}
