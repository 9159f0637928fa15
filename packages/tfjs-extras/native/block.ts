/**
 * The product at the bottom of every convolution here: eight pixels by one block of eight output channels. A pixel is a
 * pointer for each tap, so the same code serves convolutions, their input gradients and sampled columns.
 */
import { multiplyAdd, repeated, storeSome, VECTOR } from './simd';

/** Pixels of a block. */
export const PIXELS: i32 = 8;

/** Bytes of the pointers of one tap of a block. */
export const POINTERS: usize = 32;

// @ts-ignore: decorator
@inline
function finish(target: usize, first: v128, second: v128, width: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  storeSome(target, f32x4.min(f32x4.max(first, lows), highs), width);
  if (width > 4) storeSome(target + VECTOR, f32x4.min(f32x4.max(second, lows), highs), width - 4);
}

/** Four pixels by eight channels: eight sums stay in registers, with two vectors of weights and one number of a pixel. */
function wide(pixels: usize, taps: usize, tapSize: usize, live: i32, weights: usize, inner: i32, offset: usize, bias: usize, targets: usize, targetOffset: usize, count: i32, width: i32, low: f32, high: f32): void {
  let y00 = v128.load(bias);
  let y01 = v128.load(bias, VECTOR);
  let y10 = y00;
  let y11 = y01;
  let y20 = y00;
  let y21 = y01;
  let y30 = y00;
  let y31 = y01;
  const tapBytes = <usize>inner << 5;
  for (let l = 0; l < live; l++) {
    let x0 = <usize>load<u32>(pixels) + offset;
    let x1 = <usize>load<u32>(pixels, 4) + offset;
    let x2 = <usize>load<u32>(pixels, 8) + offset;
    let x3 = <usize>load<u32>(pixels, 12) + offset;
    let w = weights + <usize>load<u32>(taps) * tapBytes;
    pixels += POINTERS;
    taps += tapSize;
    let i = inner;
    for (; i >= 2; i -= 2) {
      let w0 = v128.load(w);
      let w1 = v128.load(w, VECTOR);
      let x = repeated(x0);
      y00 = multiplyAdd(x, w0, y00);
      y01 = multiplyAdd(x, w1, y01);
      x = repeated(x1);
      y10 = multiplyAdd(x, w0, y10);
      y11 = multiplyAdd(x, w1, y11);
      x = repeated(x2);
      y20 = multiplyAdd(x, w0, y20);
      y21 = multiplyAdd(x, w1, y21);
      x = repeated(x3);
      y30 = multiplyAdd(x, w0, y30);
      y31 = multiplyAdd(x, w1, y31);
      w0 = v128.load(w, 2 * VECTOR);
      w1 = v128.load(w, 3 * VECTOR);
      x = v128.load_splat<f32>(x0, 4);
      y00 = multiplyAdd(x, w0, y00);
      y01 = multiplyAdd(x, w1, y01);
      x = v128.load_splat<f32>(x1, 4);
      y10 = multiplyAdd(x, w0, y10);
      y11 = multiplyAdd(x, w1, y11);
      x = v128.load_splat<f32>(x2, 4);
      y20 = multiplyAdd(x, w0, y20);
      y21 = multiplyAdd(x, w1, y21);
      x = v128.load_splat<f32>(x3, 4);
      y30 = multiplyAdd(x, w0, y30);
      y31 = multiplyAdd(x, w1, y31);
      x0 += 8;
      x1 += 8;
      x2 += 8;
      x3 += 8;
      w += 4 * VECTOR;
    }
    if (i > 0) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, VECTOR);
      let x = repeated(x0);
      y00 = multiplyAdd(x, w0, y00);
      y01 = multiplyAdd(x, w1, y01);
      x = repeated(x1);
      y10 = multiplyAdd(x, w0, y10);
      y11 = multiplyAdd(x, w1, y11);
      x = repeated(x2);
      y20 = multiplyAdd(x, w0, y20);
      y21 = multiplyAdd(x, w1, y21);
      x = repeated(x3);
      y30 = multiplyAdd(x, w0, y30);
      y31 = multiplyAdd(x, w1, y31);
    }
  }
  finish(<usize>load<u32>(targets) + targetOffset, y00, y01, width, low, high);
  if (count > 1) finish(<usize>load<u32>(targets, 4) + targetOffset, y10, y11, width, low, high);
  if (count > 2) finish(<usize>load<u32>(targets, 8) + targetOffset, y20, y21, width, low, high);
  if (count > 3) finish(<usize>load<u32>(targets, 12) + targetOffset, y30, y31, width, low, high);
}

/** Eight pixels by four channels, for the narrow groups: half of a wide block would be zeros. */
function narrow(pixels: usize, taps: usize, tapSize: usize, live: i32, weights: usize, inner: i32, offset: usize, bias: usize, targets: usize, targetOffset: usize, count: i32, width: i32, low: f32, high: f32): void {
  let y0 = v128.load(bias);
  let y1 = y0;
  let y2 = y0;
  let y3 = y0;
  let y4 = y0;
  let y5 = y0;
  let y6 = y0;
  let y7 = y0;
  const tapBytes = <usize>inner << 5;
  for (let l = 0; l < live; l++) {
    const x0 = <usize>load<u32>(pixels) + offset;
    const x1 = <usize>load<u32>(pixels, 4) + offset;
    const x2 = <usize>load<u32>(pixels, 8) + offset;
    const x3 = <usize>load<u32>(pixels, 12) + offset;
    const x4 = <usize>load<u32>(pixels, 16) + offset;
    const x5 = <usize>load<u32>(pixels, 20) + offset;
    const x6 = <usize>load<u32>(pixels, 24) + offset;
    const x7 = <usize>load<u32>(pixels, 28) + offset;
    let w = weights + <usize>load<u32>(taps) * tapBytes;
    pixels += POINTERS;
    taps += tapSize;
    const end = <usize>inner << 2;
    for (let at: usize = 0; at < end; at += 4) {
      const w0 = v128.load(w);
      y0 = multiplyAdd(repeated(x0, at), w0, y0);
      y1 = multiplyAdd(repeated(x1, at), w0, y1);
      y2 = multiplyAdd(repeated(x2, at), w0, y2);
      y3 = multiplyAdd(repeated(x3, at), w0, y3);
      y4 = multiplyAdd(repeated(x4, at), w0, y4);
      y5 = multiplyAdd(repeated(x5, at), w0, y5);
      y6 = multiplyAdd(repeated(x6, at), w0, y6);
      y7 = multiplyAdd(repeated(x7, at), w0, y7);
      w += 2 * VECTOR;
    }
  }
  finish(<usize>load<u32>(targets) + targetOffset, y0, y0, width, low, high);
  if (count > 1) finish(<usize>load<u32>(targets, 4) + targetOffset, y1, y1, width, low, high);
  if (count > 2) finish(<usize>load<u32>(targets, 8) + targetOffset, y2, y2, width, low, high);
  if (count > 3) finish(<usize>load<u32>(targets, 12) + targetOffset, y3, y3, width, low, high);
  if (count > 4) finish(<usize>load<u32>(targets, 16) + targetOffset, y4, y4, width, low, high);
  if (count > 5) finish(<usize>load<u32>(targets, 20) + targetOffset, y5, y5, width, low, high);
  if (count > 6) finish(<usize>load<u32>(targets, 24) + targetOffset, y6, y6, width, low, high);
  if (count > 7) finish(<usize>load<u32>(targets, 28) + targetOffset, y7, y7, width, low, high);
}

/**
 * min(max(bias + sum over taps l and channels i of x_l[i] w_l[i], low), high) for up to 8 pixels and 8 output channels.
 * @param pixels 8 pointers a tap; all can be read, also where fewer pixels count.
 * @param taps The number of each of the `live` taps among the weights, `tapSize` bytes apart.
 * @param weights [taps, inner, 8]
 * @param offset Bytes from a pixel's pointer to its first channel.
 * @param targets 8 pointers; `targetOffset` bytes behind them are the outputs.
 */
export function block(pixels: usize, taps: usize, tapSize: usize, live: i32, weights: usize, inner: i32, offset: usize, bias: usize, targets: usize, targetOffset: usize, count: i32, width: i32, low: f32, high: f32): void {
  if (width <= 4) {
    narrow(pixels, taps, tapSize, live, weights, inner, offset, bias, targets, targetOffset, count, width, low, high);
    return;
  }
  wide(pixels, taps, tapSize, live, weights, inner, offset, bias, targets, targetOffset, count < 4 ? count : 4, width, low, high);
  if (count > 4) wide(pixels + VECTOR, taps, tapSize, live, weights, inner, offset, bias, targets + VECTOR, targetOffset, count - 4, width, low, high);
}
