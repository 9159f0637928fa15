/**
 * How a tensor's elements lie in an ONNX program. The graph is NHWC throughout; ONNX' image ops are NCHW, and their
 * kernels have their own orders. A layout is a reshape, a permutation of axes and another reshape, away from the graph's.
 */
import type { ValueShape } from '@convkit/core';

type Shape = readonly (number | null)[];

export interface Layout {
  /** Two layouts of one id and one shape are the same. */
  readonly id: string;
  /** The shape to view the graph's elements in; absent where it is the value's own. */
  readonly before?: Shape;
  /** The axes of that view in their new order. */
  readonly permutation: readonly number[];
  /** The shape that the permuted view takes; absent where it is just permuted. */
  readonly after?: Shape;
  /** So many channels lie together at each position, as onnxruntime's own convolutions want them. The axes are said as the permutation has them. */
  readonly block?: number;
}

/** As the graph has it. */
export const PLAIN: Layout = { id: 'plain', permutation: [] };

/** Images [N, H, W, C] as [N, C, H, W]. */
export const NCHW: Layout = { id: 'nchw', permutation: [0, 3, 1, 2] };

/** onnxruntime's operators on blocked images. */
export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

/** Images [N, H, W, C] as [N, C / block, H, W, block], which onnxruntime declares as [N, C, H, W]. */
export const blockedImages = (block: number): Layout => ({ id: `nchw${block}c`, permutation: NCHW.permutation, block });

/** The layout in which a value by channel can be broadcast: blocks taken apart. */
export const unblocked = (layout: Layout): Layout => (layout.block === undefined ? layout : NCHW);

/** Kernels [kh, kw, I, O] as [O, I, kh, kw]; those of transposed convolutions, [kh, kw, O, I], as [I, O, kh, kw]. */
export const OIHW: Layout = { id: 'oihw', permutation: [3, 2, 0, 1] };

/** Depthwise kernels [kh, kw, C, m] as [C m, 1, kh, kw]. */
export function depthwiseLayout([kh = 1, kw = 1, c = 1, m = 1]: readonly number[]): Layout {
  return { id: 'depthwise', before: [kh, kw, c * m], permutation: [2, 0, 1], after: [c * m, 1, kh, kw] };
}

/** Kernels [kh, kw, I, O] for blocked images: [O / block, I / block, kh, kw, block of I, block of O]. */
export function blockedKernel([kh = 1, kw = 1, i = 1, o = 1]: readonly number[], block: number): Layout {
  return { id: `oihw${block}i${block}o`, before: [kh, kw, i / block, block, o / block, block], permutation: [4, 2, 0, 1, 3, 5], after: [o, i, kh, kw] };
}

/** Kernels [kh, kw, I, O] from images with few channels, as NCHW, to blocked ones: [O / block, I, kh, kw, block]. */
export function entryKernel([kh = 1, kw = 1, i = 1, o = 1]: readonly number[], block: number): Layout {
  return { id: `oihw${block}o entry`, before: [kh, kw, i, o / block, block], permutation: [3, 2, 0, 1, 4], after: [o, i, kh, kw] };
}

/** Depthwise kernels [kh, kw, C, 1] for blocked images: [C / block, kh, kw, block]. */
export function blockedDepthwise([kh = 1, kw = 1, c = 1]: readonly number[], block: number): Layout {
  return { id: `oihw${block}o`, before: [kh, kw, c / block, block], permutation: [2, 0, 1, 3], after: [c, 1, kh, kw] };
}

/** Flattened images [N, H W C], their elements in the order C, H, W. */
export function flattened(image: readonly number[]): Layout {
  return { id: `flattened ${image.join('x')}`, before: [null, ...image], permutation: [0, 3, 1, 2], after: [null, product(image)] };
}

/** [H, W, C] of a flattened image; undefined for other layouts. */
export function imageOf(layout: Layout): readonly number[] | undefined {
  return layout.id.startsWith('flattened') ? (layout.before?.slice(1) as number[]) : undefined;
}

/** Kernels of dense layers [H W C, O] that read flattened images, their rows in the order C, H, W. */
export function flattenedRows(image: readonly number[], outputs: number): Layout {
  return { id: `rows of ${image.join('x')}`, before: [...image, outputs], permutation: [2, 0, 1, 3], after: [product(image), outputs] };
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The shape that the permutation acts on. */
export const viewOf = (layout: Layout, shape: ValueShape): Shape => layout.before ?? shape;

/** The shape of a value in a layout. */
export function shapeIn(layout: Layout, shape: ValueShape): Shape {
  return layout.after ?? (layout === PLAIN ? shape : layout.permutation.map((axis) => viewOf(layout, shape)[axis] ?? null));
}

/** Whether a layout leaves the elements in their order: it then only names another shape. */
export function keepsOrder(layout: Layout, shape: ValueShape): boolean {
  if (layout.block !== undefined) return shape[1] === 1 && shape[2] === 1;
  const view = viewOf(layout, shape);
  const moved = layout.permutation.filter((axis) => view[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0));
}

/** Where an axis of the graph stands in a layout that only permutes. */
export function axisIn(layout: Layout, axis: number): number {
  return layout === PLAIN ? axis : layout.permutation.indexOf(axis);
}

/** The permutation that undoes another. */
export function inverse(permutation: readonly number[]): number[] {
  const back: number[] = [];
  permutation.forEach((axis, i) => { back[axis] = i; });
  return back;
}

/** The elements of a known tensor, put into a layout. */
export function arrange(values: Float32Array, shape: readonly number[], layout: Layout): Float32Array {
  if (keepsOrder(layout, shape)) return values;
  return permute(values, viewOf(layout, shape).map((n) => n ?? 1), layout.permutation);
}

/** The elements of a tensor in a layout, put back into the graph's order. */
export function restore(values: Float32Array, shape: readonly number[], layout: Layout): Float32Array {
  if (keepsOrder(layout, shape)) return values;
  const view = viewOf(layout, shape).map((n) => n ?? 1);
  return permute(values, layout.permutation.map((axis) => view[axis] ?? 1), inverse(layout.permutation));
}

/** Row-major elements of `shape` with its axes permuted. */
function permute(values: Float32Array, shape: readonly number[], permutation: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)));
  const target = permutation.map((axis) => shape[axis] ?? 1);
  const steps = permutation.map((axis) => strides[axis] ?? 1);
  const result = new Float32Array(values.length);
  const index = target.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from] ?? 0;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if (next < (target[axis] ?? 1)) { index[axis] = next; break; }
      from -= next * (steps[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return result;
}
