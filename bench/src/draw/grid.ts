import { affineGrid2d, gridSample2d, thinPlateGrid2d } from '@convkit/spatial-transformer';
import { randomStream } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import { CommandError } from '../errors.js';
import { COLOURS, pixelsFrom, type Mark, type Panel, type Pixels } from './picture.js';

/** Six numbers of an affine map, or control points that a thin-plate spline moves by up to `bend` each way. */
export type Transformation =
  | { readonly kind: 'affine'; readonly theta: readonly number[] }
  | { readonly kind: 'thinPlate'; readonly controls: number; readonly bend: number; readonly seed: number };

/** x and y of where each control point looks. */
function targetsOf({ controls, bend, seed }: Extract<Transformation, { kind: 'thinPlate' }>): [number, number][] {
  const random = randomStream(seed);
  const moved = (i: number) => -1 + (2 * i) / (controls - 1) + bend * (2 * random() - 1);
  return Array.from({ length: controls * controls }, (_, k) => [moved(k % controls), moved(Math.floor(k / controls))]);
}

/** Every pixel has a position and four neighbours as tensors. */
const MAX_PIXELS = 2 ** 20;

/** An image with the positions where the pixels of the result look, as lines (and the control points as dots), and the result. @throws CommandError (usage) for a large image. */
export async function gridPanels(image: Pixels, transformation: Transformation): Promise<[Panel, Panel]> {
  const { height, width, channels } = image;
  if (height * width > MAX_PIXELS) throw new CommandError('usage', `--image must have at most ${MAX_PIXELS} pixels, got ${width} x ${height}`);
  const targets = transformation.kind === 'thinPlate' ? targetsOf(transformation) : [];
  const { grid, result } = tf.tidy(() => {
    const positions = transformation.kind === 'thinPlate'
      ? thinPlateGrid2d(tf.tensor3d([targets]), { size: [height, width], controlPoints: transformation.controls })
      : affineGrid2d(tf.tensor3d([...transformation.theta], [1, 2, 3]), [height, width]);
    const pixels = tf.tensor4d(Float32Array.from(image.values, (value) => value / 255), [1, height, width, channels]);
    return { grid: positions, result: gridSample2d(pixels, positions, { padding: 'zeros', alignCorners: false }) };
  });
  const [at, values] = [(await grid.data()) as Float32Array, (await result.data()) as Float32Array];
  tf.dispose([grid, result]);
  const point = (x: number, y: number): [number, number] => [((x + 1) * width) / 2, ((y + 1) * height) / 2];
  const place = (row: number, column: number) => point(at[2 * (row * width + column)] ?? 0, at[2 * (row * width + column) + 1] ?? 0);
  /** Eight lines each way, the outermost at the border of the result. */
  const lines = (length: number) => Array.from({ length: 9 }, (_, i) => Math.round((i * (length - 1)) / 8));
  const along = (length: number, points: (i: number) => [number, number]): Mark => ({ kind: 'line', points: Array.from({ length }, (_, i) => points(i)), colour: COLOURS[0] });
  const marks: Mark[] = [
    ...lines(height).map((row) => along(width, (column) => place(row, column))),
    ...lines(width).map((column) => along(height, (row) => place(row, column))),
    ...targets.map(([x, y]): Mark => ({ kind: 'dot', at: point(x, y), colour: COLOURS[1] })),
  ];
  return [{ image, marks }, { image: pixelsFrom(values, [height, width, channels]) }];
}
