/** Deformable convolution: a tile of output pixels is sampled into columns, which are multiplied while they are in the cache. */
import { block, PIXELS, POINTERS } from './block';
import { addProducts } from './kernel-gradient';
import { BLOCK } from './pack';
import { Moved, sample, sampleGradient } from './sampling';

/** Fields are in the order of `Deformable` on the other side. */
@unmanaged
class Deformable {
  /** [N, height, width, channels] */
  x: u32 = 0;
  /** [N, rows, columns, 2 deformableGroups taps] */
  offset: u32 = 0;
  /** [N, rows, columns, deformableGroups taps], or no pointer. */
  mask: u32 = 0;
  /** As `pack` leaves them; for the gradients the transposed ones, each tap by itself. */
  weights: u32 = 0;
  /** [groups, blocks, 8]; for the gradients zeros for every block of the columns. */
  bias: u32 = 0;
  /** [N, rows, columns, groups outer]: the output, or its gradient. */
  y: u32 = 0;
  dx: u32 = 0;
  dKernel: u32 = 0;
  dOffset: u32 = 0;
  dMask: u32 = 0;
  /** As many bytes as {@link deformableScratch} says. */
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
  deformableGroups: i32 = 0;
  groups: i32 = 0;
  outer: i32 = 0;
}

/** Output pixels of a tile. */
const TILE: i32 = 32;

/** Bytes of scratch: columns of a tile, twice; pointers of a block of pixels and of the taps; a list of pairs. */
export function deformableScratch(taps: i32, channels: i32): i32 {
  return 2 * TILE * taps * channels * 4 + taps * 36 + TILE * 4 + TILE * 8 + 64;
}

/** The samples of `count` output pixels from `first` on: [count, taps, channels], times the mask where `masked`. */
function sampleTile(p: Deformable, first: i32, count: i32, columns: usize): void {
  const taps = p.kernelRows * p.kernelColumns;
  const inGroup = p.channels / p.deformableGroups;
  const groupBytes = (<usize>inGroup) << 2;
  const imageBytes = (<usize>(p.height * p.width * p.channels)) << 2;
  const perPixel = p.deformableGroups * taps;
  for (let i = 0; i < count; i++) {
    const at = first + i;
    const image = <usize>p.x + <usize>(at / (p.rows * p.columns)) * imageBytes;
    const row = ((at / p.columns) % p.rows) * p.strideRows - p.top;
    const column = (at % p.columns) * p.strideColumns - p.left;
    for (let t = 0; t < taps; t++) {
      const y = <f32>(row + (t / p.kernelColumns) * p.dilationRows);
      const x = <f32>(column + (t % p.kernelColumns) * p.dilationColumns);
      for (let g = 0; g < p.deformableGroups; g++) {
        const place = at * perPixel + g * taps + t;
        const moved = <usize>p.offset + ((<usize>place) << 3);
        const factor: f32 = p.mask != 0 ? load<f32>(<usize>p.mask + ((<usize>place) << 2)) : 1;
        sample(image + <usize>g * groupBytes, p.height, p.width, p.channels, inGroup, y + load<f32>(moved), x + load<f32>(moved, 4), factor, columns);
        columns += groupBytes;
      }
    }
  }
}

/** y = the convolution of the samples. */
export function deformableConvolve(pointer: usize): void {
  const p = changetype<Deformable>(pointer);
  const taps = p.kernelRows * p.kernelColumns;
  const inner = p.channels / p.groups;
  const pixels = p.images * p.rows * p.columns;
  const pixelBytes = (<usize>(taps * p.channels)) << 2;
  const tapBytes = (<usize>p.channels) << 2;
  const columns = <usize>p.scratch;
  const table = columns + <usize>TILE * pixelBytes;
  // Without groups a pixel's columns are one long row of inner channels; with them, a row a tap.
  const live = p.groups == 1 ? 1 : taps;
  const length = p.groups == 1 ? taps * inner : inner;
  const numbers = table + <usize>live * POINTERS;
  const targets = numbers + ((<usize>live) << 2);
  for (let l = 0; l < live; l++) store<u32>(numbers + ((<usize>l) << 2), l);
  const channelBlocks = (p.outer + BLOCK - 1) / BLOCK;
  const weightBytes = (<usize>(taps * inner)) << 5;
  for (let first = 0; first < pixels; first += TILE) {
    const here = min(pixels - first, TILE);
    sampleTile(p, first, here, columns);
    for (let i = 0; i < here; i++) store<u32>(targets + ((<usize>i) << 2), p.y + (<u32>((first + i) * p.groups * p.outer) << 2));
    for (let g = 0; g < p.groups; g++) {
      for (let b = 0; b < channelBlocks; b++) {
        const at = g * channelBlocks + b;
        for (let i = 0; i < here; i += PIXELS) {
          fillTable(table, columns + <usize>i * pixelBytes, pixelBytes, tapBytes, live);
          block(table, numbers, 4, live, <usize>p.weights + <usize>at * weightBytes, length, (<usize>(g * inner)) << 2, <usize>p.bias + ((<usize>at) << 5),
            targets + ((<usize>i) << 2), (<usize>(g * p.outer + b * BLOCK)) << 2, min(here - i, PIXELS), min(p.outer - b * BLOCK, BLOCK), -Infinity, Infinity);
        }
      }
    }
  }
}

/** Pointers to eight rows of columns, for each tap. Rows behind the last pixel lie in the tile, hold anything, and are not written out. */
function fillTable(table: usize, columns: usize, pixelBytes: usize, tapBytes: usize, live: i32): void {
  for (let l = 0; l < live; l++) {
    for (let i = 0; i < PIXELS; i++) {
      store<u32>(table, <u32>(columns + <usize>l * tapBytes + <usize>i * pixelBytes));
      table += 4;
    }
  }
}

/** Gradients of x, kernel, offset and, where there is one, mask. */
export function deformableGradient(pointer: usize): void {
  const p = changetype<Deformable>(pointer);
  const taps = p.kernelRows * p.kernelColumns;
  const inner = p.channels / p.groups;
  const filters = p.groups * p.outer;
  const pixels = p.images * p.rows * p.columns;
  const tapBytes = (<usize>p.channels) << 2;
  const pixelBytes = <usize>taps * tapBytes;
  const filterBytes = (<usize>filters) << 2;
  const imageBytes = (<usize>(p.height * p.width)) * tapBytes;
  const columns = <usize>p.scratch;
  const gradients = columns + <usize>TILE * pixelBytes;
  const pointers = gradients + <usize>TILE * pixelBytes;
  const targets = pointers + POINTERS;
  const number = targets + <usize>TILE * 4;
  const list = number + 4;
  const moved = changetype<Moved>(list + <usize>TILE * 8);
  memory.fill(p.dx, 0, <usize>p.images * imageBytes);
  memory.fill(p.dKernel, 0, <usize>(taps * inner) * filterBytes);
  store<u32>(number, 0);
  const channelBlocks = (inner + BLOCK - 1) / BLOCK;
  const weightBytes = (<usize>p.outer) << 5;
  for (let first = 0; first < pixels; first += TILE) {
    const here = min(pixels - first, TILE);
    const dy = <usize>p.y + <usize>first * filterBytes;
    sampleTile(p, first, here, columns);
    for (let t = 0; t < taps; t++) {
      const tapAt = <usize>t * tapBytes;
      for (let i = 0; i < here; i++) {
        store<u32>(list + ((<usize>i) << 3), <u32>(columns + <usize>i * pixelBytes + tapAt));
        store<u32>(list + ((<usize>i) << 3), <u32>(dy + <usize>i * filterBytes), 4);
        store<u32>(targets + ((<usize>i) << 2), <u32>(gradients + <usize>i * pixelBytes + tapAt));
      }
      addProducts(list, list + ((<usize>here) << 3), <usize>p.dKernel + <usize>(t * inner) * filterBytes, p.groups, inner, p.outer);
      for (let i = 0; i < here; i += PIXELS) {
        // Pixels behind the last read the last one and are not written.
        for (let k = 0; k < PIXELS; k++) store<u32>(pointers + ((<usize>k) << 2), <u32>(dy + <usize>min(i + k, here - 1) * filterBytes));
        for (let g = 0; g < p.groups; g++) {
          for (let b = 0; b < channelBlocks; b++) {
            const at = (t * p.groups + g) * channelBlocks + b;
            block(pointers, number, 4, 1, <usize>p.weights + <usize>at * weightBytes, p.outer, (<usize>(g * p.outer)) << 2, <usize>p.bias,
              targets + ((<usize>i) << 2), (<usize>(g * inner + b * BLOCK)) << 2, min(here - i, PIXELS), min(inner - b * BLOCK, BLOCK), -Infinity, Infinity);
          }
        }
      }
    }
    scatterTile(p, first, here, gradients, moved);
  }
}

/** What the gradients of a tile's columns mean for x, offset and mask. */
function scatterTile(p: Deformable, first: i32, count: i32, columns: usize, moved: Moved): void {
  const taps = p.kernelRows * p.kernelColumns;
  const inGroup = p.channels / p.deformableGroups;
  const groupBytes = (<usize>inGroup) << 2;
  const imageBytes = (<usize>(p.height * p.width * p.channels)) << 2;
  const perPixel = p.deformableGroups * taps;
  for (let i = 0; i < count; i++) {
    const at = first + i;
    const image = <usize>(at / (p.rows * p.columns)) * imageBytes;
    const row = ((at / p.columns) % p.rows) * p.strideRows - p.top;
    const column = (at % p.columns) * p.strideColumns - p.left;
    for (let t = 0; t < taps; t++) {
      const y = <f32>(row + (t / p.kernelColumns) * p.dilationRows);
      const x = <f32>(column + (t % p.kernelColumns) * p.dilationColumns);
      for (let g = 0; g < p.deformableGroups; g++) {
        const place = at * perPixel + g * taps + t;
        const to = (<usize>place) << 3;
        const factor: f32 = p.mask != 0 ? load<f32>(<usize>p.mask + ((<usize>place) << 2)) : 1;
        const from = image + <usize>g * groupBytes;
        sampleGradient(<usize>p.x + from, <usize>p.dx + from, p.height, p.width, p.channels, inGroup, y + load<f32>(<usize>p.offset + to), x + load<f32>(<usize>p.offset + to, 4), factor, columns, moved);
        store<f32>(<usize>p.dOffset + to, moved.row);
        store<f32>(<usize>p.dOffset + to, moved.column, 4);
        if (p.mask != 0) store<f32>(<usize>p.dMask + ((<usize>place) << 2), moved.factor);
        columns += groupBytes;
      }
    }
  }
}
