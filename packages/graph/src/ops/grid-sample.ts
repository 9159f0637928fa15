import { gridSample2d, type GridSampleAttributes } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { writeSamples } from '../onnx/bilinear-gradient.js';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { int, text } from '../onnx/program.js';
import type { OnnxValue, OnnxWriter } from '../onnx/writer.js';
import { defineOp, elements, inputShape, known } from '../op.js';

/** One sample of one channel: four corners by their weights, and their sum. */
const OPERATIONS_A_SAMPLE = 7;

/** Positions of an axis in pixels, and their derivative by the grid's coordinate: a factor, and what clipping and mirroring make of it. */
function writePixels(w: OnnxWriter, u: string, length: number, { padding, alignCorners }: GridSampleAttributes): { at: string; scale: number; slope?: string } {
  const scale = (alignCorners ? length - 1 : length) / 2;
  const op = (type: string, ...inputs: string[]): string => w.op(type, inputs);
  const p = op('Add', op('Mul', u, w.number(scale)), w.number((length - 1) / 2));
  if (padding === 'zeros') return { at: p, scale };
  const clipped = (value: string) => {
    const at = op('Clip', value, w.number(0), w.number(length - 1));
    return { at, inside: w.asFloat(op('Equal', at, value)) };
  };
  if (padding === 'border') {
    const { at, inside } = clipped(p);
    return { at, scale, slope: inside };
  }
  const [low, span] = alignCorners ? [0, length - 1] : [-0.5, length];
  if (span === 0) return { at: op('Mul', p, w.number(0)), scale: 0 };
  const from = op('Sub', p, w.number(low));
  const within = op('Sub', from, op('Mul', op('Floor', op('Div', from, w.number(2 * span))), w.number(2 * span)));
  const past = op('Sub', within, w.number(span));
  const { at, inside } = clipped(op('Add', op('Sub', w.number(span), op('Abs', past)), w.number(low)));
  return { at, scale, slope: op('Mul', op('Neg', op('Sign', past)), inside) };
}

export const gridSample = defineOp<'gridSample'>({
  kind: 'gridSample',
  shape: (inputs) => {
    const [x, grid] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    if (x.length !== 4 || grid.length !== 4 || grid[3] !== 2) throw new Error(`a grid is [N, H', W', 2] for images [N, H, W, C], got [${grid.join(', ')}] for [${x.join(', ')}]`);
    return [x[0] ?? null, known(grid, 1), known(grid, 2), known(x, 3)];
  },
  cost: (_, __, output) => ({ macs: 0, elementwise: OPERATIONS_A_SAMPLE * elements(output) }),
  evaluate: ([x, grid], attributes) => gridSample2d(x as Tensor4D, grid as Tensor4D, attributes),
  onnx: (w, inputs, { padding, alignCorners }, shape) => {
    const [x, grid] = inputs as [OnnxValue, OnnxValue];
    const name = w.op('GridSample', [w.as(x, NCHW), w.as(grid, PLAIN)], {
      mode: text(w.opset >= 20 ? 'linear' : 'bilinear'), padding_mode: text(padding), align_corners: int(alignCorners ? 1 : 0),
    });
    return { name, shape, layout: NCHW };
  },
  gradient: (w, { inputs, upstream, attributes, needs }) => {
    const [x, grid] = inputs as [OnnxValue, OnnxValue];
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const positions = known(grid.shape, 1) * known(grid.shape, 2);
    const numbers = w.reshape(w.as(grid, PLAIN), [batch, 1, positions, 2]);
    const along = (axis: 0 | 1, length: number) => {
      const u = w.op('Slice', [numbers, w.integers([axis]), w.integers([axis + 1]), w.integers([3])]);
      return writePixels(w, w.reshape(u, [batch, 1, 1, positions]), length, attributes);
    };
    const [columns, rows] = [along(0, width), along(1, height)];
    const image = w.reshape(w.as(x, NCHW), [batch, channels, height * width]);
    const { total, scatter } = writeSamples(w, image, rows.at, columns.at, { batch, channels, groups: 1, size: [height, width], positions });
    const dy = w.reshape(w.as(upstream, NCHW), [batch, 1, channels, positions]);
    const moved = (part: 'byRow' | 'byColumn', { scale, slope }: typeof rows) => {
      const byPixel = w.op('Mul', [w.reduce('ReduceSum', w.op('Mul', [dy, total(part)]), [2], true), w.number(scale)]);
      return w.reshape(slope === undefined ? byPixel : w.op('Mul', [byPixel, slope]), [batch, positions, 1]);
    };
    const none = () => w.op('Expand', [w.number(0), w.integers([batch, channels, height * width])]);
    return [
      needs[0] ? { name: w.reshape(scatter(none(), dy), [batch, channels, height, width]), shape: x.shape, layout: NCHW } : undefined,
      needs[1] ? { name: w.reshape(w.op('Concat', [moved('byColumn', columns), moved('byRow', rows)], { axis: int(2) }), grid.shape), shape: grid.shape, layout: PLAIN } : undefined,
    ];
  },
});
