/** Gradients of a depthwise convolution with one filter a channel. */
import { multiplyAdd, VECTOR } from './simd';

/** Fields are in the order of `Depthwise` on the other side. */
@unmanaged
class Depthwise {
  /** [N, height, width, channels]: the input, or its gradient. */
  x: u32 = 0;
  /** [kernelRows, kernelColumns, channels]: the gradient of the kernel, or the kernel. */
  kernel: u32 = 0;
  /** [N, rows, columns, channels] */
  dy: u32 = 0;
  /** Room for two pointers a tap. */
  scratch: u32 = 0;
  images: i32 = 0;
  height: i32 = 0;
  width: i32 = 0;
  channels: i32 = 0;
  rows: i32 = 0;
  columns: i32 = 0;
  kernelRows: i32 = 0;
  kernelColumns: i32 = 0;
  strideRows: i32 = 0;
  strideColumns: i32 = 0;
  top: i32 = 0;
  left: i32 = 0;
  dilationRows: i32 = 0;
  dilationColumns: i32 = 0;
}

/** sum over j < count of x[j] dy[j], added to the kernel: one tap along a row, `xStep` and `dyStep` bytes between the pixels. */
function oneTap(x: usize, dy: usize, xStep: usize, dyStep: usize, count: i32, kernel: usize, channels: i32): void {
  let c = channels;
  for (; c >= 4; c -= 4) {
    let sum = v128.load(kernel);
    let from = x;
    let by = dy;
    for (let j = 0; j < count; j++) {
      sum = multiplyAdd(v128.load(from), v128.load(by), sum);
      from += xStep;
      by += dyStep;
    }
    v128.store(kernel, sum);
    x += VECTOR;
    dy += VECTOR;
    kernel += VECTOR;
  }
  for (; c > 0; c--) {
    let sum = load<f32>(kernel);
    let from = x;
    let by = dy;
    for (let j = 0; j < count; j++) {
      sum += load<f32>(from) * load<f32>(by);
      from += xStep;
      by += dyStep;
    }
    store<f32>(kernel, sum);
    x += 4;
    dy += 4;
    kernel += 4;
  }
}

/** The same for three neighbouring taps, `tapStep` bytes apart in x and `kernelStep` in the kernel; channels a multiple of 4. */
function threeTaps(x: usize, dy: usize, xStep: usize, dyStep: usize, count: i32, tapStep: usize, kernel: usize, kernelStep: usize, channels: i32): void {
  let c = channels;
  const second = kernel + kernelStep;
  const third = second + kernelStep;
  let at: usize = 0;
  for (; c >= 8; c -= 8) {
    let a0 = v128.load(kernel + at);
    let a1 = v128.load(kernel + at, VECTOR);
    let b0 = v128.load(second + at);
    let b1 = v128.load(second + at, VECTOR);
    let c0 = v128.load(third + at);
    let c1 = v128.load(third + at, VECTOR);
    let from = x + at;
    let by = dy + at;
    for (let j = 0; j < count; j++) {
      const d0 = v128.load(by);
      const d1 = v128.load(by, VECTOR);
      const next = from + tapStep;
      const last = next + tapStep;
      a0 = multiplyAdd(v128.load(from), d0, a0);
      a1 = multiplyAdd(v128.load(from, VECTOR), d1, a1);
      b0 = multiplyAdd(v128.load(next), d0, b0);
      b1 = multiplyAdd(v128.load(next, VECTOR), d1, b1);
      c0 = multiplyAdd(v128.load(last), d0, c0);
      c1 = multiplyAdd(v128.load(last, VECTOR), d1, c1);
      from += xStep;
      by += dyStep;
    }
    v128.store(kernel + at, a0);
    v128.store(kernel + at, a1, VECTOR);
    v128.store(second + at, b0);
    v128.store(second + at, b1, VECTOR);
    v128.store(third + at, c0);
    v128.store(third + at, c1, VECTOR);
    at += 2 * VECTOR;
  }
  for (let tap = 0; tap < 3 && c > 0; tap++) oneTap(x + at + <usize>tap * tapStep, dy + at, xStep, dyStep, count, kernel + at + <usize>tap * kernelStep, c);
}

/** The first output column whose tap meets the image: the smallest j >= 0 with j stride + from >= 0. */
// @ts-ignore: decorator
@inline
function firstInside(from: i32, stride: i32): i32 {
  return from >= 0 ? 0 : (stride - 1 - from) / stride;
}

/** One more than the last output column whose tap meets the image. */
// @ts-ignore: decorator
@inline
function endInside(from: i32, stride: i32, width: i32, columns: i32): i32 {
  return from >= width ? 0 : min(columns, (width - 1 - from) / stride + 1);
}

/** kernel[u, v, c] = sum over n, i, j of x[n, i s + u d - top, j s + v d - left, c] dy[n, i, j, c]. */
export function depthwiseKernelGradient(pointer: usize): void {
  const p = changetype<Depthwise>(pointer);
  const pixel = <usize>p.channels << 2;
  memory.fill(p.kernel, 0, <usize>(p.kernelRows * p.kernelColumns) * pixel);
  const step = <usize>p.strideColumns * pixel;
  const tapStep = <usize>p.dilationColumns * pixel;
  for (let n = 0; n < p.images; n++) {
    for (let i = 0; i < p.rows; i++) {
      const dyRow = <usize>p.dy + <usize>((n * p.rows + i) * p.columns) * pixel;
      for (let u = 0; u < p.kernelRows; u++) {
        const row = i * p.strideRows + u * p.dilationRows - p.top;
        if (row < 0 || row >= p.height) continue;
        const xRow = <usize>p.x + <usize>((n * p.height + row) * p.width) * pixel;
        for (let v = 0; v < p.kernelColumns; v += 3) {
          const taps = min(p.kernelColumns - v, 3);
          const kernel = <usize>p.kernel + <usize>(u * p.kernelColumns + v) * pixel;
          const from = v * p.dilationColumns - p.left;
          const last = from + (taps - 1) * p.dilationColumns;
          // Where all three taps meet the image they are taken together; what is left at the sides, one by one.
          const begin = firstInside(from, p.strideColumns);
          const end = endInside(last, p.strideColumns, p.width, p.columns);
          const together = taps == 3 && end > begin;
          if (together) threeTaps(xRow + <usize>(begin * p.strideColumns + from) * pixel, dyRow + <usize>begin * pixel, step, pixel, end - begin, tapStep, kernel, pixel, p.channels);
          for (let t = 0; t < taps; t++) {
            const start = from + t * p.dilationColumns;
            const lowest = firstInside(start, p.strideColumns);
            const highest = endInside(start, p.strideColumns, p.width, p.columns);
            const target = kernel + <usize>t * pixel;
            const before = together ? min(begin, highest) : highest;
            if (lowest < before) oneTap(xRow + <usize>(lowest * p.strideColumns + start) * pixel, dyRow + <usize>lowest * pixel, step, pixel, before - lowest, target, p.channels);
            const after = max(lowest, end);
            if (together && after < highest) oneTap(xRow + <usize>(after * p.strideColumns + start) * pixel, dyRow + <usize>after * pixel, step, pixel, highest - after, target, p.channels);
          }
        }
      }
    }
  }
}

/** x[n, y, x, c] = sum over the taps (u, v) and outputs (i, j) that read this pixel of dy[n, i, j, c] kernel[u, v, c]. */
export function depthwiseInputGradient(pointer: usize): void {
  const p = changetype<Depthwise>(pointer);
  const pixel = <usize>p.channels << 2;
  let target = <usize>p.x;
  for (let n = 0; n < p.images; n++) {
    for (let y = 0; y < p.height; y++) {
      for (let x = 0; x < p.width; x++) {
        let list = <usize>p.scratch;
        for (let u = 0; u < p.kernelRows; u++) {
          const down = y + p.top - u * p.dilationRows;
          if (down < 0 || down % p.strideRows != 0) continue;
          const i = down / p.strideRows;
          if (i >= p.rows) continue;
          for (let v = 0; v < p.kernelColumns; v++) {
            const right = x + p.left - v * p.dilationColumns;
            if (right < 0 || right % p.strideColumns != 0) continue;
            const j = right / p.strideColumns;
            if (j >= p.columns) continue;
            store<u32>(list, p.dy + <u32>(<usize>((n * p.rows + i) * p.columns + j) * pixel));
            store<u32>(list, p.kernel + <u32>(<usize>(u * p.kernelColumns + v) * pixel), 4);
            list += 8;
          }
        }
        weigh(<usize>p.scratch, list, target, p.channels);
        target += pixel;
      }
    }
  }
}

/** target[c] = sum over a list of pairs of pointers of the products of what they point to. */
function weigh(list: usize, end: usize, target: usize, channels: i32): void {
  let c = channels;
  let at: usize = 0;
  for (; c >= 16; c -= 16) {
    let y0 = f32x4.splat(0);
    let y1 = y0;
    let y2 = y0;
    let y3 = y0;
    for (let pair = list; pair < end; pair += 8) {
      const a = <usize>load<u32>(pair) + at;
      const b = <usize>load<u32>(pair, 4) + at;
      y0 = multiplyAdd(v128.load(a), v128.load(b), y0);
      y1 = multiplyAdd(v128.load(a, VECTOR), v128.load(b, VECTOR), y1);
      y2 = multiplyAdd(v128.load(a, 2 * VECTOR), v128.load(b, 2 * VECTOR), y2);
      y3 = multiplyAdd(v128.load(a, 3 * VECTOR), v128.load(b, 3 * VECTOR), y3);
    }
    v128.store(target + at, y0);
    v128.store(target + at, y1, VECTOR);
    v128.store(target + at, y2, 2 * VECTOR);
    v128.store(target + at, y3, 3 * VECTOR);
    at += 4 * VECTOR;
  }
  for (; c >= 4; c -= 4) {
    let y = f32x4.splat(0);
    for (let pair = list; pair < end; pair += 8) y = multiplyAdd(v128.load(<usize>load<u32>(pair) + at), v128.load(<usize>load<u32>(pair, 4) + at), y);
    v128.store(target + at, y);
    at += VECTOR;
  }
  for (; c > 0; c--) {
    let y: f32 = 0;
    for (let pair = list; pair < end; pair += 8) y += load<f32>(<usize>load<u32>(pair) + at) * load<f32>(<usize>load<u32>(pair, 4) + at);
    store<f32>(target + at, y);
    at += 4;
  }
}
