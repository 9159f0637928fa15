/** Gradient of a convolution's kernel: products of columns of the input and of dy, summed over the pixels. */
import { multiplyAdd, repeated, storeSome, VECTOR } from './simd';

/** kernel[4 rows a stride apart, 8 numbers] += sum over the pairs of x[0..3] dy[0..7]. */
function fourByEight(list: usize, end: usize, xOffset: usize, dyOffset: usize, kernel: usize, stride: usize): void {
  const k1 = kernel + stride;
  const k2 = k1 + stride;
  const k3 = k2 + stride;
  let s00 = v128.load(kernel);
  let s01 = v128.load(kernel, VECTOR);
  let s10 = v128.load(k1);
  let s11 = v128.load(k1, VECTOR);
  let s20 = v128.load(k2);
  let s21 = v128.load(k2, VECTOR);
  let s30 = v128.load(k3);
  let s31 = v128.load(k3, VECTOR);
  for (let pair = list; pair < end; pair += 8) {
    const x = <usize>load<u32>(pair) + xOffset;
    const dy = <usize>load<u32>(pair, 4) + dyOffset;
    const d0 = v128.load(dy);
    const d1 = v128.load(dy, VECTOR);
    let a = repeated(x);
    s00 = multiplyAdd(a, d0, s00);
    s01 = multiplyAdd(a, d1, s01);
    a = v128.load_splat<f32>(x, 4);
    s10 = multiplyAdd(a, d0, s10);
    s11 = multiplyAdd(a, d1, s11);
    a = v128.load_splat<f32>(x, 8);
    s20 = multiplyAdd(a, d0, s20);
    s21 = multiplyAdd(a, d1, s21);
    a = v128.load_splat<f32>(x, 12);
    s30 = multiplyAdd(a, d0, s30);
    s31 = multiplyAdd(a, d1, s31);
  }
  v128.store(kernel, s00);
  v128.store(kernel, s01, VECTOR);
  v128.store(k1, s10);
  v128.store(k1, s11, VECTOR);
  v128.store(k2, s20);
  v128.store(k2, s21, VECTOR);
  v128.store(k3, s30);
  v128.store(k3, s31, VECTOR);
}

/** kernel[4 rows, 4 numbers] += ..., for groups of four channels. */
function fourByFour(list: usize, end: usize, xOffset: usize, dyOffset: usize, kernel: usize, stride: usize): void {
  const k1 = kernel + stride;
  const k2 = k1 + stride;
  const k3 = k2 + stride;
  let s0 = v128.load(kernel);
  let s1 = v128.load(k1);
  let s2 = v128.load(k2);
  let s3 = v128.load(k3);
  for (let pair = list; pair < end; pair += 8) {
    const x = <usize>load<u32>(pair) + xOffset;
    const d = v128.load(<usize>load<u32>(pair, 4) + dyOffset);
    s0 = multiplyAdd(repeated(x), d, s0);
    s1 = multiplyAdd(v128.load_splat<f32>(x, 4), d, s1);
    s2 = multiplyAdd(v128.load_splat<f32>(x, 8), d, s2);
    s3 = multiplyAdd(v128.load_splat<f32>(x, 12), d, s3);
  }
  v128.store(kernel, s0);
  v128.store(k1, s1);
  v128.store(k2, s2);
  v128.store(k3, s3);
}

/** What the blocks leave: one row, up to four numbers. */
function oneRow(list: usize, end: usize, xOffset: usize, dyOffset: usize, kernel: usize, count: i32): void {
  if (count >= 4) {
    let sum = v128.load(kernel);
    for (let pair = list; pair < end; pair += 8) sum = multiplyAdd(repeated(<usize>load<u32>(pair) + xOffset), v128.load(<usize>load<u32>(pair, 4) + dyOffset), sum);
    storeSome(kernel, sum, 4);
    return;
  }
  for (let o = 0; o < count; o++) {
    const at = <usize>o << 2;
    let sum = load<f32>(kernel + at);
    for (let pair = list; pair < end; pair += 8) sum += load<f32>(<usize>load<u32>(pair) + xOffset) * load<f32>(<usize>load<u32>(pair, 4) + dyOffset + at);
    store<f32>(kernel + at, sum);
  }
}

/**
 * Adds to one tap of the kernel, [inner, groups outer], what a list of pixels comes to.
 * @param list Pairs of pointers up to `end`: a pixel of x [groups inner], and of dy [groups outer].
 */
export function addProducts(list: usize, end: usize, kernel: usize, groups: i32, inner: i32, outer: i32): void {
  const stride = (<usize>(groups * outer)) << 2;
  for (let g = 0; g < groups; g++) {
    const x = (<usize>(g * inner)) << 2;
    const dy = (<usize>(g * outer)) << 2;
    const target = kernel + dy;
    let i = 0;
    for (; i + 4 <= inner; i += 4) {
      const xAt = x + ((<usize>i) << 2);
      const row = target + <usize>i * stride;
      let o = 0;
      for (; o + 8 <= outer; o += 8) fourByEight(list, end, xAt, dy + ((<usize>o) << 2), row + ((<usize>o) << 2), stride);
      for (; o + 4 <= outer; o += 4) fourByFour(list, end, xAt, dy + ((<usize>o) << 2), row + ((<usize>o) << 2), stride);
      for (let k = 0; k < 4 && o < outer; k++) oneRow(list, end, xAt + ((<usize>k) << 2), dy + ((<usize>o) << 2), row + <usize>k * stride + ((<usize>o) << 2), outer - o);
    }
    for (; i < inner; i++) {
      for (let o = 0; o < outer; o += 4) oneRow(list, end, x + ((<usize>i) << 2), dy + ((<usize>o) << 2), target + <usize>i * stride + ((<usize>o) << 2), min(outer - o, 4));
    }
  }
}

/** Fields are in the order of `KernelGradient` on the other side. */
@unmanaged
class KernelGradient {
  /** [N, height, width, groups inner] */
  x: u32 = 0;
  /** [N, rows, columns, groups outer] */
  dy: u32 = 0;
  /** [kernelRows, kernelColumns, inner, groups outer] */
  kernel: u32 = 0;
  /** Room for two pointers a pixel of {@link TILE}. */
  scratch: u32 = 0;
  images: i32 = 0;
  height: i32 = 0;
  width: i32 = 0;
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
  groups: i32 = 0;
  inner: i32 = 0;
  outer: i32 = 0;
}

/** Pixels whose dy stays in the cache while the taps go over them. */
const TILE: i32 = 64;

/** Which taps of a row of the kernel {@link listPixels} asks a pixel about. */
// @ts-ignore: decorator
@inline
const WHOLE_ROW: i32 = -1;

/**
 * Lists the pixels from `first` to `end` whose tap (u, v) lies inside the image; returns the list's end. For v = WHOLE_ROW those
 * where every tap of the row does. With `rest`, only those where not every tap of the row does.
 */
function listPixels(p: KernelGradient, list: usize, first: i32, end: i32, u: i32, v: i32, rest: bool): usize {
  const xBytes = (<usize>(p.groups * p.inner)) << 2;
  const dyBytes = (<usize>(p.groups * p.outer)) << 2;
  let column = first % p.columns;
  let row = (first / p.columns) % p.rows;
  let image = first / (p.columns * p.rows);
  const down = u * p.dilationRows - p.top;
  const reach = (p.kernelColumns - 1) * p.dilationColumns;
  for (let i = first; i < end; i++) {
    const y = row * p.strideRows + down;
    const begin = column * p.strideColumns - p.left;
    const whole = begin >= 0 && begin + reach < p.width;
    const x = v == WHOLE_ROW ? begin : begin + v * p.dilationColumns;
    const inside = v == WHOLE_ROW ? whole : x >= 0 && x < p.width && !(rest && whole);
    if (inside && y >= 0 && y < p.height) {
      store<u32>(list, p.x + <u32>(<usize>((image * p.height + y) * p.width + x) * xBytes));
      store<u32>(list, p.dy + <u32>(<usize>i * dyBytes), 4);
      list += 8;
    }
    if (++column == p.columns) {
      column = 0;
      if (++row == p.rows) {
        row = 0;
        image++;
      }
    }
  }
  return list;
}

/** kernel[u, v, c, f] = sum over n, i, j of x[n, i s + u d - top, j s + v d - left, c] dy[n, i, j, f], c within f's group. */
export function kernelGradient(pointer: usize): void {
  const p = changetype<KernelGradient>(pointer);
  const tapBytes = (<usize>(p.inner * p.groups * p.outer)) << 2;
  memory.fill(p.kernel, 0, <usize>(p.kernelRows * p.kernelColumns) * tapBytes);
  const pixels = p.images * p.rows * p.columns;
  const list = <usize>p.scratch;
  // Neighbouring taps read neighbouring pixels: without groups a row of the kernel is one tap of more channels, but at the sides.
  const rowwise = p.groups == 1 && p.dilationColumns == 1 && p.kernelColumns > 1;
  for (let first = 0; first < pixels; first += TILE) {
    const end = min(pixels, first + TILE);
    for (let u = 0; u < p.kernelRows; u++) {
      const kernel = <usize>p.kernel + <usize>(u * p.kernelColumns) * tapBytes;
      if (rowwise) addProducts(list, listPixels(p, list, first, end, u, WHOLE_ROW, false), kernel, 1, p.kernelColumns * p.inner, p.outer);
      for (let v = 0; v < p.kernelColumns; v++) {
        const to = listPixels(p, list, first, end, u, v, rowwise);
        if (to > list) addProducts(list, to, kernel + <usize>v * tapBytes, p.groups, p.inner, p.outer);
      }
    }
  }
}
