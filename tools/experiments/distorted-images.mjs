import { randomStream } from '@convkit/core';

/**
 * Images turned by up to `angle` degrees, scaled by a factor from `scales` and moved to any place where their centre stays a
 * third of the canvas away from its border, each on a black canvas. Jaderberg et al. 2015 (appendix A.4) call it RTS: 45 degrees, 0.7 to 1.2, 42 x 42.
 * @param {Uint8Array} images [N, h, w] @param {{ from: number, to: number, seed: number, angle: number, scales: readonly [number, number] }} options sides in pixels
 * @returns {Float32Array} [N, to, to, 1] from 0 to 1
 */
export function distort(images, { from, to, seed, angle, scales }) {
  const count = images.length / (from * from);
  const result = new Float32Array(count * to * to);
  const random = randomStream(seed);
  const [low, high] = scales;
  for (let n = 0; n < count; n++) {
    const turn = ((2 * random() - 1) * angle * Math.PI) / 180;
    const scale = low + (high - low) * random();
    const [across, down] = [random(), random()].map((u) => (to - 1) * (1 / 3 + u / 3));
    const [cos, sin] = [Math.cos(turn) / scale, Math.sin(turn) / scale];
    const pixel = (/** @type {number} */ y, /** @type {number} */ x) => (y >= 0 && y < from && x >= 0 && x < from ? (images[(n * from + y) * from + x] ?? 0) / 255 : 0);
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        const [dx, dy] = [x - (across ?? 0), y - (down ?? 0)];
        const [u, v] = [cos * dx + sin * dy + (from - 1) / 2, cos * dy - sin * dx + (from - 1) / 2];
        if (u <= -1 || v <= -1 || u >= from || v >= from) continue;
        const [left, top] = [Math.floor(u), Math.floor(v)];
        const [a, b] = [u - left, v - top];
        result[(n * to + y) * to + x] = (1 - b) * ((1 - a) * pixel(top, left) + a * pixel(top, left + 1)) + b * ((1 - a) * pixel(top + 1, left) + a * pixel(top + 1, left + 1));
      }
    }
  }
  return result;
}
