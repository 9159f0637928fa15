import type { Inside } from './shape-outlines.js';
import type { RandomStream } from './random.js';

/** One object to draw: centre and circumradius in pixels, `cos` and `sin` of its turn, the value of each channel in [0, 1]. */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly cos: number;
  readonly sin: number;
  readonly colour: readonly number[];
}

/** A canvas of floats in [0, 1], [height, width, channels]. */
export interface Canvas {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float64Array;
}

const SUPERSAMPLES = 4;

/**
 * Blends one object into the canvas, its edge smoothed by 4 x 4 samples a pixel, and writes `mark` into `mask` ([height, width])
 * wherever at least half of the pixel is covered.
 * @returns the tight box of those pixels, [y1, x1, y2, x2] in pixels, upper ends exclusive.
 */
export function drawObject(canvas: Canvas, mask: Uint8Array, inside: Inside, placement: Placement, mark: number): readonly [number, number, number, number] {
  const { x, y, radius, cos, sin, colour } = placement;
  const { height, width, channels, values } = canvas;
  const box: [number, number, number, number] = [height, width, 0, 0];
  const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(height, Math.ceil(y + radius))];
  const [left, right] = [Math.max(0, Math.floor(x - radius)), Math.min(width, Math.ceil(x + radius))];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      let hits = 0;
      for (let j = 0; j < SUPERSAMPLES; j++) {
        const dy = (row + (j + 0.5) / SUPERSAMPLES - y) / radius;
        for (let i = 0; i < SUPERSAMPLES; i++) {
          const dx = (column + (i + 0.5) / SUPERSAMPLES - x) / radius;
          if (dx * dx + dy * dy <= 1 && inside(cos * dx + sin * dy, cos * dy - sin * dx)) hits++;
        }
      }
      if (hits === 0) continue;
      const cover = hits / (SUPERSAMPLES * SUPERSAMPLES);
      const pixel = row * width + column;
      for (let c = 0; c < channels; c++) {
        const at = pixel * channels + c;
        values[at] = (values[at] ?? 0) * (1 - cover) + (colour[c] ?? 0) * cover;
      }
      if (cover < 0.5) continue;
      mask[pixel] = mark;
      box[0] = Math.min(box[0], row);
      box[1] = Math.min(box[1], column);
      box[2] = Math.max(box[2], row + 1);
      box[3] = Math.max(box[3], column + 1);
    }
  }
  return box;
}

/** Fills the canvas with a straight gradient: `middle` in the centre, `middle` + and - `span / 2` at the ends along (cos, sin). */
export function drawGradient(canvas: Canvas, middle: readonly number[], span: number, [cos, sin]: readonly [number, number]): void {
  const { height, width, channels, values } = canvas;
  const reach = Math.abs(cos) + Math.abs(sin);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const along = (cos * ((column + 0.5) / width - 0.5) + sin * ((row + 0.5) / height - 0.5)) / reach;
      for (let c = 0; c < channels; c++) values[(row * width + column) * channels + c] = (middle[c] ?? 0) + span * along;
    }
  }
}

/** Writes the canvas as bytes, with noise of standard deviation `noise` added (a sum of four uniforms: close to normal, and exact on every engine). */
export function developCanvas(canvas: Canvas, noise: number, random: RandomStream, target: Uint8Array): void {
  // A sum of four uniforms has variance 4/12.
  const scale = noise * Math.sqrt(3);
  const { values } = canvas;
  for (let i = 0; i < values.length; i++) {
    const deviation = noise > 0 ? (random() + random() + random() + random() - 2) * scale : 0;
    target[i] = Math.floor(Math.min(1, Math.max(0, (values[i] ?? 0) + deviation)) * 255 + 0.5);
  }
}

/** A direction by chance as [cos, sin]: a point in the disc, pushed to its rim. No sine or cosine, whose last bit differs between engines. */
export function randomDirection(random: RandomStream): readonly [cos: number, sin: number] {
  for (;;) {
    const [x, y] = [2 * random() - 1, 2 * random() - 1];
    const r = x * x + y * y;
    if (r <= 1 && r > 0.01) return [x / Math.sqrt(r), y / Math.sqrt(r)];
  }
}
