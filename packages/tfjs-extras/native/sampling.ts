/** Bilinear samples, zero outside the image, and their gradients. A position between pixels reads the four around it. */
import { across, multiplyAdd, VECTOR } from './simd';

// Untyped, 1 would be an integer.
// @ts-ignore: decorator
@inline
const ONE: f32 = 1;

/** The nearest pixel inside. */
// @ts-ignore: decorator
@inline
function inside(pixel: i32, length: i32): i32 {
  return pixel < 0 ? 0 : pixel >= length ? length - 1 : pixel;
}

/** Whether a position reads any pixel; at -1 itself with a share of 0, but not without a gradient. */
// @ts-ignore: decorator
@inline
function meets(row: f32, column: f32, height: i32, width: i32): bool {
  return row >= -1 && row < <f32>height && column >= -1 && column < <f32>width;
}

/**
 * target[0..count) = factor times the sample at (row, column); NaN where the position is: a network that diverges must show it.
 * @param image [height, width, stride], from the first channel that is read.
 */
export function sample(image: usize, height: i32, width: i32, stride: i32, count: i32, row: f32, column: f32, factor: f32, target: usize): void {
  if (!meets(row, column, height, width)) {
    const value: f32 = isNaN(row) || isNaN(column) ? NaN : 0;
    for (let c = 0; c < count; c++) store<f32>(target + ((<usize>c) << 2), value);
    return;
  }
  const top = <i32>floor(row);
  const left = <i32>floor(column);
  const down = row - floor(row);
  const right = column - floor(column);
  const upper: f32 = top >= 0 ? (ONE - down) * factor : 0;
  const lower: f32 = top + 1 < height ? down * factor : 0;
  const first: f32 = left >= 0 ? ONE - right : 0;
  const second: f32 = left + 1 < width ? right : 0;
  const topLine = inside(top, height) * width;
  const bottomLine = inside(top + 1, height) * width;
  const l = inside(left, width);
  const r = inside(left + 1, width);
  let a = image + ((<usize>((topLine + l) * stride)) << 2);
  let b = image + ((<usize>((topLine + r) * stride)) << 2);
  let c = image + ((<usize>((bottomLine + l) * stride)) << 2);
  let d = image + ((<usize>((bottomLine + r) * stride)) << 2);
  const wa = f32x4.splat(upper * first);
  const wb = f32x4.splat(upper * second);
  const wc = f32x4.splat(lower * first);
  const wd = f32x4.splat(lower * second);
  let left4 = count;
  for (; left4 >= 4; left4 -= 4) {
    const above = multiplyAdd(v128.load(b), wb, f32x4.mul(v128.load(a), wa));
    const below = multiplyAdd(v128.load(d), wd, f32x4.mul(v128.load(c), wc));
    v128.store(target, f32x4.add(above, below));
    a += VECTOR;
    b += VECTOR;
    c += VECTOR;
    d += VECTOR;
    target += VECTOR;
  }
  for (; left4 > 0; left4--) {
    store<f32>(target, (load<f32>(a) * (upper * first) + load<f32>(b) * (upper * second)) + (load<f32>(c) * (lower * first) + load<f32>(d) * (lower * second)));
    a += 4;
    b += 4;
    c += 4;
    d += 4;
    target += 4;
  }
}

/** Where the gradients of one sample go. */
@unmanaged
export class Moved {
  /** <q, sample>: the gradient of the factor. */
  factor: f32 = 0;
  row: f32 = 0;
  column: f32 = 0;
}

/** gradient[c] += weight q[c] and the sum of q[c] x[c], for one pixel. */
// @ts-ignore: decorator
@inline
function corner(image: usize, gradient: usize, at: usize, q: usize, weight: f32, count: i32): f32 {
  let from = image + at;
  let to = gradient + at;
  const w = f32x4.splat(weight);
  let sums = f32x4.splat(0);
  let c = count;
  for (; c >= 4; c -= 4) {
    const g = v128.load(q);
    sums = multiplyAdd(g, v128.load(from), sums);
    v128.store(to, multiplyAdd(g, w, v128.load(to)));
    q += VECTOR;
    from += VECTOR;
    to += VECTOR;
  }
  let sum = across(sums);
  for (; c > 0; c--) {
    const g = load<f32>(q);
    sum += g * load<f32>(from);
    store<f32>(to, load<f32>(to) + g * weight);
    q += 4;
    from += 4;
    to += 4;
  }
  return sum;
}

/**
 * The gradients of `sample` for q, the gradient of its target: adds to the image's, [height, width, stride] as the image, and writes the others.
 * At whole pixels the position's gradient is the one from the right.
 */
export function sampleGradient(image: usize, gradient: usize, height: i32, width: i32, stride: i32, count: i32, row: f32, column: f32, factor: f32, q: usize, moved: Moved): void {
  if (!meets(row, column, height, width)) {
    const value: f32 = isNaN(row) || isNaN(column) ? NaN : 0;
    moved.factor = value;
    moved.row = value;
    moved.column = value;
    if (isNaN(value)) for (let c = 0; c < count; c++) store<f32>(gradient + ((<usize>c) << 2), NaN);
    return;
  }
  const top = <i32>floor(row);
  const left = <i32>floor(column);
  const down = row - floor(row);
  const right = column - floor(column);
  const hasTop = top >= 0;
  const hasBottom = top + 1 < height;
  const hasLeft = left >= 0;
  const hasRight = left + 1 < width;
  const line = (<usize>stride) << 2;
  let sa: f32 = 0;
  let sb: f32 = 0;
  let sc: f32 = 0;
  let sd: f32 = 0;
  if (hasTop && hasLeft) sa = corner(image, gradient, <usize>(top * width + left) * line, q, (ONE - down) * (ONE - right) * factor, count);
  if (hasTop && hasRight) sb = corner(image, gradient, <usize>(top * width + left + 1) * line, q, (ONE - down) * right * factor, count);
  if (hasBottom && hasLeft) sc = corner(image, gradient, <usize>((top + 1) * width + left) * line, q, down * (ONE - right) * factor, count);
  if (hasBottom && hasRight) sd = corner(image, gradient, <usize>((top + 1) * width + left + 1) * line, q, down * right * factor, count);
  const above = (ONE - right) * sa + right * sb;
  const below = (ONE - right) * sc + right * sd;
  moved.factor = (ONE - down) * above + down * below;
  moved.row = factor * (below - above);
  moved.column = factor * ((ONE - down) * (sb - sa) + down * (sd - sc));
}

/** Fields are in the order of `Samples` on the other side. */
@unmanaged
class Samples {
  /** [N, height, width, channels] */
  x: u32 = 0;
  /** [M, groups] each. */
  rows: u32 = 0;
  columns: u32 = 0;
  /** [M] */
  images: u32 = 0;
  /** [M, channels]: the samples, or their gradient. */
  y: u32 = 0;
  /** Gradients of x, rows and columns. */
  dx: u32 = 0;
  dRows: u32 = 0;
  dColumns: u32 = 0;
  /** Room for a `Moved`. */
  scratch: u32 = 0;
  count: i32 = 0;
  imageCount: i32 = 0;
  height: i32 = 0;
  width: i32 = 0;
  channels: i32 = 0;
  groups: i32 = 0;
}

/** y[m, c] = the sample of x[images[m], :, :, c] at the rows and columns of m and the group of c. */
export function bilinearSample(pointer: usize): void {
  const p = changetype<Samples>(pointer);
  const inGroup = p.channels / p.groups;
  const groupBytes = (<usize>inGroup) << 2;
  const imageBytes = (<usize>(p.height * p.width * p.channels)) << 2;
  let y = <usize>p.y;
  for (let m = 0; m < p.count; m++) {
    const image = <usize>p.x + <usize>load<i32>(<usize>p.images + ((<usize>m) << 2)) * imageBytes;
    for (let g = 0; g < p.groups; g++) {
      const at = (<usize>(m * p.groups + g)) << 2;
      sample(image + <usize>g * groupBytes, p.height, p.width, p.channels, inGroup, load<f32>(<usize>p.rows + at), load<f32>(<usize>p.columns + at), 1, y);
      y += groupBytes;
    }
  }
}

/** The gradients of x, rows and columns. */
export function bilinearSampleGradient(pointer: usize): void {
  const p = changetype<Samples>(pointer);
  const inGroup = p.channels / p.groups;
  const groupBytes = (<usize>inGroup) << 2;
  const imageBytes = (<usize>(p.height * p.width * p.channels)) << 2;
  const moved = changetype<Moved>(<usize>p.scratch);
  memory.fill(p.dx, 0, <usize>p.imageCount * imageBytes);
  let q = <usize>p.y;
  for (let m = 0; m < p.count; m++) {
    const image = <usize>load<i32>(<usize>p.images + ((<usize>m) << 2)) * imageBytes;
    for (let g = 0; g < p.groups; g++) {
      const at = (<usize>(m * p.groups + g)) << 2;
      const from = image + <usize>g * groupBytes;
      sampleGradient(<usize>p.x + from, <usize>p.dx + from, p.height, p.width, p.channels, inGroup, load<f32>(<usize>p.rows + at), load<f32>(<usize>p.columns + at), 1, q, moved);
      store<f32>(<usize>p.dRows + at, moved.row);
      store<f32>(<usize>p.dColumns + at, moved.column);
      q += groupBytes;
    }
  }
}
