import { block, PIXELS, POINTERS } from './block';
import { BLOCK } from './pack';

/** Blocks of pixels for which the weights of one block of channels are read: they stay in the first cache meanwhile. */
const BLOCKS: i32 = 8;

/**
 * A convolution at the output pixels of a lattice. An input gradient with stride s is s s of them, each with the taps that
 * meet its pixels. Fields are in the order of `Lattice` on the other side.
 */
@unmanaged
class Lattice {
  /** [N, height, width, groups inner] */
  x: u32 = 0;
  /** As `pack` leaves them. */
  weights: u32 = 0;
  /** [groups, blocks, 8] */
  bias: u32 = 0;
  /** The first output pixel. */
  y: u32 = 0;
  /** groups inner zeros: what the padding holds. */
  zeros: u32 = 0;
  /** Room for 64 pointers a tap and 64 more. */
  scratch: u32 = 0;
  /** Three numbers a tap: which of the weights; the input row and column that the first output pixel meets. */
  taps: u32 = 0;
  live: i32 = 0;
  /** Taps of the weights, live or not. */
  allTaps: i32 = 0;
  images: i32 = 0;
  height: i32 = 0;
  width: i32 = 0;
  /** Pixels of the lattice. */
  rows: i32 = 0;
  columns: i32 = 0;
  /** Input rows and columns between neighbours of the lattice. */
  rowStep: i32 = 0;
  columnStep: i32 = 0;
  /** Numbers in y between images, rows and columns of the lattice. */
  imageStride: i32 = 0;
  rowStride: i32 = 0;
  columnStride: i32 = 0;
  groups: i32 = 0;
  inner: i32 = 0;
  outer: i32 = 0;
  low: f32 = 0;
  high: f32 = 0;
}

const TAP_BYTES: usize = 12;

/** Writes y at every pixel of the lattice. */
export function convolve(pointer: usize): void {
  const p = changetype<Lattice>(pointer);
  const pixels = p.images * p.rows * p.columns;
  const channels = p.groups * p.inner;
  const targets = <usize>p.scratch;
  const table = targets + <usize>(BLOCKS * PIXELS * 4);
  const blockBytes = <usize>p.live * POINTERS;
  const channelBlocks = (p.outer + BLOCK - 1) / BLOCK;
  const weightBytes = (<usize>(p.allTaps * p.inner)) << 5;
  let image = 0;
  let row = 0;
  let column = 0;
  for (let first = 0; first < pixels; first += BLOCKS * PIXELS) {
    const here = min(pixels - first, BLOCKS * PIXELS);
    for (let i = 0; i < BLOCKS * PIXELS; i++) {
      // Pixels behind the last read zeros and are not written.
      const real = i < here;
      let to = table + <usize>(i / PIXELS) * blockBytes + ((<usize>(i % PIXELS)) << 2);
      for (let l = 0; l < p.live; l++) {
        const tap = <usize>p.taps + <usize>l * TAP_BYTES;
        const r = load<i32>(tap, 4) + row * p.rowStep;
        const c = load<i32>(tap, 8) + column * p.columnStep;
        const inside = real && r >= 0 && r < p.height && c >= 0 && c < p.width;
        store<u32>(to, inside ? p.x + (<u32>(((image * p.height + r) * p.width + c) * channels) << 2) : p.zeros);
        to += POINTERS;
      }
      if (!real) continue;
      store<u32>(targets + ((<usize>i) << 2), p.y + (<u32>(image * p.imageStride + row * p.rowStride + column * p.columnStride) << 2));
      if (++column == p.columns) {
        column = 0;
        if (++row == p.rows) {
          row = 0;
          image++;
        }
      }
    }
    for (let g = 0; g < p.groups; g++) {
      for (let b = 0; b < channelBlocks; b++) {
        const at = g * channelBlocks + b;
        const weights = <usize>p.weights + <usize>at * weightBytes;
        const bias = <usize>p.bias + ((<usize>at) << 5);
        for (let i = 0; i < here; i += PIXELS) {
          block(table + <usize>(i / PIXELS) * blockBytes, <usize>p.taps, TAP_BYTES, p.live, weights, p.inner, (<usize>(g * p.inner)) << 2, bias,
            targets + ((<usize>i) << 2), (<usize>(g * p.outer + b * BLOCK)) << 2, min(here - i, PIXELS), min(p.outer - b * BLOCK, BLOCK), p.low, p.high);
        }
      }
    }
  }
}
