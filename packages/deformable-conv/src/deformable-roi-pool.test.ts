/** RoI pooling against numbers by hand, against the authors' loop written out, and its gradients against differences. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { OptionError } from '@convkit/core';
import { relativeError } from '@convkit/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { deformableRoiPool2d, type DeformableRoiPoolOptions } from './index.js';

const plane = (x: tf.Tensor) => (tf.squeeze(x) as tf.Tensor2D).arraySync();

/** 10 row + column: bilinear samples of it are exact, so a bin's mean is 10 (mean row) + (mean column). */
const ramp = () => tf.add(tf.mul(tf.reshape(tf.range(0, 8), [1, 8, 1, 1]), 10), tf.reshape(tf.range(0, 8), [1, 1, 8, 1])) as tf.Tensor4D;

/** deformable_psroi_pooling.cu, one output after the other, in float64. */
function reference(x: tf.Tensor4D, regions: number[][], { pooledSize: k, spatialScale = 1, samplesPerBin = 4, groupSize = 1, offsetScale = 0.1 }: DeformableRoiPoolOptions, offsets?: tf.Tensor4D): number[] {
  const [, height, width, channels] = x.shape;
  const image = x.arraySync();
  const shift = offsets?.arraySync();
  const outputs = channels / groupSize ** 2;
  const round = (v: number) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);
  return regions.flatMap(([batch, x1, y1, x2, y2], n) => Array.from({ length: k * k * outputs }, (_, index) => {
    const [ph, pw, ctop] = [Math.floor(index / (k * outputs)), Math.floor(index / outputs) % k, index % outputs];
    const startW = round(x1!) * spatialScale - 0.5;
    const startH = round(y1!) * spatialScale - 0.5;
    const roiWidth = Math.max((round(x2!) + 1) * spatialScale - 0.5 - startW, 0.1);
    const roiHeight = Math.max((round(y2!) + 1) * spatialScale - 0.5 - startH, 0.1);
    let [transX, transY] = [0, 0];
    if (shift) {
      const parts = shift[n]!.length;
      const classId = Math.floor(ctop / (outputs / (shift[n]![0]![0]!.length / 2)));
      const part = shift[n]![Math.floor((ph / k) * parts)]![Math.floor((pw / k) * parts)]!;
      transX = part[2 * classId]! * offsetScale;
      transY = part[2 * classId + 1]! * offsetScale;
    }
    const wstart = (pw * roiWidth) / k + startW + transX * roiWidth;
    const hstart = (ph * roiHeight) / k + startH + transY * roiHeight;
    const [gh, gw] = [Math.floor((ph * groupSize) / k), Math.floor((pw * groupSize) / k)];
    const c = (ctop * groupSize + gh) * groupSize + gw;
    let [sum, count] = [0, 0];
    for (let ih = 0; ih < samplesPerBin; ih++) {
      for (let iw = 0; iw < samplesPerBin; iw++) {
        let w = wstart + (iw * roiWidth) / k / samplesPerBin;
        let h = hstart + (ih * roiHeight) / k / samplesPerBin;
        if (w < -0.5 || w > width - 0.5 || h < -0.5 || h > height - 0.5) continue;
        w = Math.min(Math.max(w, 0), width - 1);
        h = Math.min(Math.max(h, 0), height - 1);
        const at = (row: number, column: number) => image[batch!]![row]![column]![c]!;
        const [top, bottom, left, right] = [Math.floor(h), Math.ceil(h), Math.floor(w), Math.ceil(w)];
        const [dh, dw] = [h - top, w - left];
        sum += (1 - dh) * ((1 - dw) * at(top, left) + dw * at(top, right)) + dh * ((1 - dw) * at(bottom, left) + dw * at(bottom, right));
        count++;
      }
    }
    return count === 0 ? 0 : sum / count;
  }));
}

describe.each(['wasm', 'cpu'])('deformable RoI pooling on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('means of a ramp are those of the samples\' positions', () => {
    tf.tidy(() => {
      // Columns 1 to 4: from 0.5, 4 wide; two bins of 2; samples at 0.5 and 1.5, at 2.5 and 3.5.
      const pooled = deformableRoiPool2d(ramp(), tf.tensor2d([[0, 1, 1, 4, 4]]), { pooledSize: 2, samplesPerBin: 2 });
      expect(plane(pooled)).toEqual([[11, 13], [31, 33]]);
    });
  });

  it('an offset moves a bin by its share of the region, x first', () => {
    tf.tidy(() => {
      const regions = tf.tensor2d([[0, 1, 1, 4, 4]]);
      // Bin (0, 1): x by 0.5 of 0.1 of 4. Bin (1, 0): y by -1 of 0.1 of 4, which is 0.4 rows up, 4 less.
      const offsets = tf.tensor4d([0, 0, 0.5, 0, 0, -1, 0, 0], [1, 2, 2, 2]);
      const pooled = deformableRoiPool2d(ramp(), regions, { pooledSize: 2, samplesPerBin: 2 }, offsets);
      expect(relativeError(pooled.dataSync(), [11, 13.2, 27, 33])).toBeLessThan(1e-6);
      const half = deformableRoiPool2d(ramp(), regions, { pooledSize: 2, samplesPerBin: 2 }, offsets, tf.tensor3d([1, 0.5, 0, 2], [1, 2, 2]));
      expect(relativeError(half.dataSync(), [11, 6.6, 0, 66])).toBeLessThan(1e-6);
    });
  });

  it('samples more than half a pixel outside do not count, nearer ones read the border', () => {
    tf.tidy(() => {
      // From column -2.5 in steps of 1: -2.5 and -1.5 do not count, -0.5 reads column 0, then 0.5.
      const pooled = deformableRoiPool2d(ramp(), tf.tensor2d([[0, -2, 0, 1, 0], [0, -20, 0, -10, 0]]), { pooledSize: 1, samplesPerBin: 4 });
      expect(relativeError(pooled.dataSync(), [0.25 + 10 * ((0 + 0 + 0 + 0.25) / 4), 0])).toBeLessThan(1e-6);
    });
  });

  it.each<[string, DeformableRoiPoolOptions, number, [number, number] | undefined]>([
    ['plain', { pooledSize: 3 }, 4, undefined],
    ['at a scale', { pooledSize: 2, spatialScale: 0.5, samplesPerBin: 3 }, 4, [2, 1]],
    ['moved by class', { pooledSize: 3, samplesPerBin: 2, offsetScale: 0.3 }, 4, [3, 2]],
    ['position-sensitive, as R-FCN has it', { pooledSize: 3, groupSize: 3, samplesPerBin: 4 }, 18, [3, 2]],
    ['fewer parts and groups than bins', { pooledSize: 4, groupSize: 2 }, 8, [2, 1]],
  ])('agrees with the authors\' loop: %s', (_, options, channels, offset) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const x = tf.randomUniform<tf.Rank.R4>([2, 9, 7, channels], -1, 1, 'float32', 1);
      const regions = [[1, 1.2, 0.4, 5.6, 7.5], [0, -3, 2, 4, 12], [1, 5, 5, 5, 5], [0, 2.5, -0.5, 9, 3]];
      const offsets = offset && tf.randomUniform<tf.Rank.R4>([4, offset[0], offset[0], 2 * offset[1]], -1, 1, 'float32', 2);
      const actual = deformableRoiPool2d(x, tf.tensor2d(regions), options, offsets);
      expect(actual.shape).toEqual([4, options.pooledSize, options.pooledSize, channels / (options.groupSize ?? 1) ** 2]);
      expect(relativeError(actual.dataSync(), reference(x, regions, options, offsets))).toBeLessThan(1e-5);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gradients of x, offsets and mask agree with central differences', () => {
    tf.tidy(() => {
      const options = { pooledSize: 4, groupSize: 2, samplesPerBin: 2, spatialScale: 0.5 };
      const regions = tf.tensor2d([[1, 2, 3, 12, 15], [0, -2, 0, 9, 9]]);
      const tensors = [tf.randomUniform([2, 8, 8, 8], -1, 1, 'float32', 1), tf.randomUniform([2, 2, 2, 4], -1, 1, 'float32', 3), tf.randomUniform([2, 4, 4], 0, 1, 'float32', 4)];
      const run = ([x, offsets, mask]: tf.Tensor[]) => deformableRoiPool2d(x as tf.Tensor4D, regions, options, offsets as tf.Tensor4D, mask as tf.Tensor3D);
      const cotangent = tf.randomUniform(run(tensors).shape, -1, 1, 'float32', 7).dataSync() as Float32Array;
      const weighted = (y: tf.Tensor) => (y.dataSync() as Float32Array).reduce((sum, value, i) => sum + value * cotangent[i]!, 0);
      const analytic = tf.grads((...args: tf.Tensor[]) => tf.sum(tf.mul(run(args), tf.tensor(cotangent, [2, 4, 4, 2]))))(tensors);
      tensors.forEach((tensor, i) => {
        const direction = tf.randomUniform(tensor.shape, -1, 1, 'float32', 11 + i);
        const along = (step: number) => weighted(run(tensors.map((other, j) => (i === j ? tf.add(tensor, tf.mul(direction, step)) : other))));
        const expected = tf.sum(tf.mul(analytic[i]!, direction)).dataSync()[0]!;
        const size = tf.norm(analytic[i]!).dataSync()[0]!;
        expect(size).toBeGreaterThan(0.1);
        expect(Math.abs((along(5e-4) - along(-5e-4)) / 1e-3 - expected) / size, `argument ${i}`).toBeLessThan(5e-3);
      });
    });
  });
});

it('shapes that do not fit are refused by name', () => {
  tf.tidy(() => {
    const pool = (edit: Partial<DeformableRoiPoolOptions>, regions = [1, 5], offsets?: number[], mask?: number[]) => () =>
      deformableRoiPool2d(tf.zeros([1, 4, 4, 8]), tf.zeros(regions as [number, number]), { pooledSize: 2, ...edit },
        offsets && tf.zeros(offsets as [number, number, number, number]), mask && tf.zeros(mask as [number, number, number]));
    expect(pool({ pooledSize: 0 })).toThrow(/^deformableRoiPool2d: pooledSize must be an integer >= 1, got 0/);
    expect(pool({ groupSize: 3 })).toThrow(/groupSize must be such that its square divides the 8 channels, got 3/);
    expect(pool({}, [1, 4])).toThrow(/regions must be \[R, 5\]: image, x1, y1, x2, y2, got \[1,4\]/);
    expect(pool({}, [1, 5], [2, 2, 2, 2])).toThrow(/offsets must be \[1, P, P, 2 G\], G a divisor of the 8 output channels/);
    expect(pool({}, [1, 5], [1, 2, 2, 6])).toThrow(/offsets must be/);
    expect(pool({}, [1, 5], undefined, [1, 3, 3])).toThrow(/mask must be \[1, 2, 2\], got \[1,3,3\]/);
    expect(pool({ gamma: 1 } as never)).toThrow(OptionError);
  });
});
