/**
 * What gradients of bilinear samples are made of, in ONNX: onnxruntime has operators that sample, but not their gradients
 * (core/bilinear-sample.ts has the same in tfjs). Images lie as [N, C, H W], in G groups of neighbouring channels.
 */
import { int, text } from './program.js';
import type { OnnxWriter } from './writer.js';

const INT64 = 7;

export interface SampledImages {
  readonly batch: number;
  readonly channels: number;
  /** Groups of channels that are sampled at positions of their own. */
  readonly groups: number;
  readonly size: readonly [number, number];
  /** Samples in each image. */
  readonly positions: number;
}

interface Neighbour {
  /** Nearest pixel inside, as a number. */
  readonly at: string;
  /** Share of the sample; 0 outside. */
  readonly weight: string;
  /** Derivative of the share by the position. */
  readonly slope: string;
}

/** The neighbours below and above positions along an axis. */
function neighbours(w: OnnxWriter, position: string, length: number): [Neighbour, Neighbour] {
  const clipped = w.op('Clip', [position, w.number(-2), w.number(length + 1)]);
  const low = w.op('Floor', [clipped]);
  const distance = w.op('Sub', [clipped, low]);
  const neighbour = (pixel: string, share: string, rises: boolean): Neighbour => {
    const at = w.op('Clip', [pixel, w.number(0), w.number(length - 1)]);
    const within = w.asFloat(w.op('Equal', [at, pixel]));
    return { at, weight: w.op('Mul', [share, within]), slope: rises ? within : w.op('Neg', [within]) };
  };
  return [neighbour(low, w.op('Sub', [w.number(1), distance]), false), neighbour(w.op('Add', [low, w.number(1)]), distance, true)];
}

export interface BilinearSamples {
  /** The samples, or their derivatives by row or column: [N, G, C / G, M]. */
  total(part: 'weight' | 'byRow' | 'byColumn'): string;
  /** An image's gradient [N, C, H W] and what the samples' gradients [N, G, C / G, M] add to it. */
  scatter(imageGradient: string, gradient: string): string;
}

/** Samples of an image [N, C, H W] at rows and columns [N, G, 1, M], in pixels; outside is 0. */
export function writeSamples(w: OnnxWriter, image: string, rows: string, columns: string, { batch, channels, groups, size: [height, width], positions }: SampledImages): BilinearSamples {
  const [grouped, flat] = [[batch, groups, channels / groups, positions], [batch, channels, positions]];
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const across = neighbours(w, columns, width);
  const corners = neighbours(w, rows, height).flatMap((row) => across.map((column) => {
    const index = w.op('Cast', [w.op('Add', [mul(row.at, w.number(width)), column.at])], { to: int(INT64) });
    const everywhere = w.reshape(w.op('Expand', [index, w.integers(grouped)]), flat);
    const value = w.reshape(w.op('GatherElements', [image, everywhere], { axis: int(2) }), grouped);
    return { index: everywhere, value, weight: mul(row.weight, column.weight), byRow: mul(row.slope, column.weight), byColumn: mul(row.weight, column.slope) };
  }));
  return {
    total: (part) => corners.map((corner) => mul(corner.value, corner[part])).reduce((a, b) => w.op('Add', [a, b])),
    scatter: (imageGradient, gradient) => {
      const shares = w.op('Concat', corners.map(({ weight }) => w.reshape(mul(gradient, weight), flat)), { axis: int(2) });
      const indices = w.op('Concat', corners.map(({ index }) => index), { axis: int(2) });
      return w.op('ScatterElements', [imageGradient, indices, shares], { axis: int(2), reduction: text('add') });
    },
  };
}
