/**
 * Deformable convolution: Dai et al., "Deformable Convolutional Networks" (arXiv 1703.06211), and Zhu et al. with the
 * mask (arXiv 1811.11168). Offsets, mask and the rule at the border are torchvision's deform_conv2d, which are the MXNet
 * operator's since 2018; the operator before that was 0 everywhere outside [0, H - 1].
 */
import { nativeDeformableConvolution, nativeDeformableGradients } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { cornersOf, pixelTable, positionGradients, sampleCorners, scatterCorners, type SamplePositions } from './bilinear-sample.js';
import type { DepthwiseAttributes } from './convolve.js';
import { OptionError } from './option-error.js';
import { effectiveKernel, windowOutput } from './padding.js';

/** Weight groups and deformable groups both follow from the shapes of kernel and offset. */
export type DeformableAttributes = DepthwiseAttributes;

interface Sizes {
  /** Output [H', W']. */
  output: [number, number];
  /** Positions: N H' W'. */
  positions: number;
  taps: number;
  groups: number;
  deformableGroups: number;
  filters: number;
}

/** @throws OptionError for channels, offsets or a mask that do not fit each other. */
function sizesOf(x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, { strides, padding: [top, bottom, left, right], dilations }: DeformableAttributes, mask: tf.Tensor4D | undefined): Sizes {
  const where = 'deformableConvolve2d';
  const [n, height, width, channels] = x.shape;
  const [kh, kw, inputs, filters] = kernel.shape;
  const taps = kh * kw;
  const groups = channels / inputs;
  if (!Number.isInteger(groups) || filters % groups !== 0) throw new OptionError(where, 'kernel', kernel.shape, `[kh, kw, C / groups, filters], groups a divisor of the ${channels} input channels and of filters`);
  const output: [number, number] = [
    windowOutput(height, effectiveKernel(kh, dilations[0]), strides[0], top, bottom) ?? 0,
    windowOutput(width, effectiveKernel(kw, dilations[1]), strides[1], left, right) ?? 0,
  ];
  const deformableGroups = offset.shape[3] / (2 * taps);
  const fits = (shape: readonly number[]) => shape[0] === n && shape[1] === output[0] && shape[2] === output[1];
  if (!Number.isInteger(deformableGroups) || channels % deformableGroups !== 0 || !fits(offset.shape)) {
    throw new OptionError(where, 'offset', offset.shape, `[${n}, ${output.join(', ')}, ${2 * taps} G], G a divisor of the ${channels} input channels`);
  }
  if (mask && (mask.shape[3] !== deformableGroups * taps || !fits(mask.shape))) throw new OptionError(where, 'mask', mask.shape, `[${n}, ${output.join(', ')}, ${deformableGroups * taps}]`);
  return { output, positions: n * output[0] * output[1], taps, groups, deformableGroups, filters };
}

/** [N, H', W', G n] -> n tensors [N H' W', G]: offsets or mask in the order of the taps. */
function perTap(values: tf.Tensor4D, { positions, deformableGroups }: Sizes): tf.Tensor2D[] {
  return tf.unstack(tf.transpose(tf.reshape(values, [positions, deformableGroups, values.shape[3] / deformableGroups]), [2, 0, 1])) as tf.Tensor2D[];
}

/** The inverse of {@link perTap}. */
function fromTaps(values: tf.Tensor2D[], shape: [number, number, number, number]): tf.Tensor4D {
  return tf.reshape(tf.transpose(tf.stack(values), [1, 2, 0]), shape);
}

/** [M, n] -> [groups, M, n / groups] */
const byGroup = (values: tf.Tensor, groups: number) => tf.transpose(tf.reshape(values, [-1, groups, (values.shape.at(-1) ?? 0) / groups]), [1, 0, 2]) as tf.Tensor3D;
/** [groups, M, n] -> [M, groups n] */
const fromGroups = (values: tf.Tensor3D) => tf.reshape(tf.transpose(values, [1, 0, 2]), [values.shape[1], -1]) as tf.Tensor2D;

/** The kernel as one matrix [groups, C / groups, F / groups] a tap. */
function tapMatrices(kernel: tf.Tensor4D, { taps, groups, filters }: Sizes): tf.Tensor3D[] {
  const split = tf.reshape(kernel, [taps, kernel.shape[2], groups, filters / groups]);
  return tf.unstack(tf.transpose(split, [0, 2, 1, 3])) as tf.Tensor3D[];
}

/** Where each tap samples: its place in the window of every output position, plus its offset there. */
function tapPositions(kernel: tf.Tensor4D, offset: tf.Tensor4D, { strides, padding, dilations }: DeformableAttributes, sizes: Sizes): SamplePositions[] {
  const [height, width] = sizes.output;
  const everywhere = (value: (m: number) => number) => Float32Array.from({ length: sizes.positions }, (_, m) => value(m));
  const rows = tf.tensor2d(everywhere((m) => (Math.floor(m / width) % height) * strides[0] - padding[0]), [sizes.positions, 1]);
  const columns = tf.tensor2d(everywhere((m) => (m % width) * strides[1] - padding[2]), [sizes.positions, 1]);
  const images = tf.tensor1d(everywhere((m) => Math.floor(m / (height * width))), 'int32');
  const offsets = perTap(offset, sizes);
  return Array.from({ length: sizes.taps }, (_, tap) => ({
    rows: tf.add(offsets[2 * tap] as tf.Tensor2D, tf.add(rows, Math.floor(tap / kernel.shape[1]) * dilations[0])),
    columns: tf.add(offsets[2 * tap + 1] as tf.Tensor2D, tf.add(columns, (tap % kernel.shape[1]) * dilations[1])),
    images,
  }));
}

/** sum + term, both freed; the first term as it is. */
function addTo<T extends tf.Tensor>(sum: T | undefined, term: T): T {
  if (sum === undefined) return term;
  const total = tf.add(sum, term) as T;
  tf.dispose([sum, term]);
  return total;
}

/** One factor a sample and deformable group, where there is a mask: [M G, d] times [M, G]. */
function masked(values: tf.Tensor2D, factor: tf.Tensor2D | undefined): tf.Tensor2D {
  return factor === undefined ? values : tf.mul(values, tf.reshape(factor, [-1, 1]));
}

function forward(attributes: DeformableAttributes, x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, mask?: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const sizes = sizesOf(x, kernel, offset, attributes, mask);
    const native = nativeDeformableConvolution(x, kernel, offset, attributes, mask);
    if (native) return native;
    const table = pixelTable(x, sizes.deformableGroups);
    const matrices = tapMatrices(kernel, sizes);
    const factors = mask && perTap(mask, sizes);
    let y: tf.Tensor3D | undefined;
    tapPositions(kernel, offset, attributes, sizes).forEach((positions, tap) => {
      y = addTo(y, tf.tidy(() => {
        const samples = masked(sampleCorners(table, cornersOf(positions, x.shape)), factors?.[tap]);
        return tf.matMul(byGroup(tf.reshape(samples, [sizes.positions, -1]), sizes.groups), matrices[tap] as tf.Tensor3D);
      }));
    });
    return tf.reshape(fromGroups(y as tf.Tensor3D), [x.shape[0], ...sizes.output, sizes.filters]);
  });
}

/** Gradients of x, kernel, offset and mask. Samples are taken again: keeping them would hold kh kw inputs in memory. */
function backward(dy: tf.Tensor4D, attributes: DeformableAttributes, x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, mask?: tf.Tensor4D): tf.Tensor[] {
  return tf.tidy(() => {
    const native = nativeDeformableGradients(dy, x, kernel, offset, attributes, mask);
    if (native) return native;
    const sizes = sizesOf(x, kernel, offset, attributes, mask);
    const { groups, deformableGroups } = sizes;
    const table = pixelTable(x, deformableGroups);
    const matrices = tapMatrices(kernel, sizes);
    const factors = mask && perTap(mask, sizes);
    const outer = byGroup(dy, groups);
    let inputs: tf.Tensor2D | undefined;
    const taps = tapPositions(kernel, offset, attributes, sizes).map((positions, tap) => {
      const { input, ...rest } = tf.tidy(() => {
        const corners = cornersOf(positions, x.shape);
        const factor = factors?.[tap];
        const samples = masked(sampleCorners(table, corners), factor);
        const columns = tf.reshape(fromGroups(tf.matMul(outer, tf.transpose(matrices[tap] as tf.Tensor3D, [0, 2, 1]))), [-1, table.shape[1]]) as tf.Tensor2D;
        const moved = positionGradients(table, columns, corners);
        return {
          input: scatterCorners(masked(columns, factor), corners, table.shape),
          kernel: tf.matMul(tf.transpose(byGroup(tf.reshape(samples, [sizes.positions, -1]), groups), [0, 2, 1]), outer),
          offsets: [moved.rows, moved.columns].map((values) => tf.reshape(masked(values, factor), [-1, deformableGroups]) as tf.Tensor2D),
          mask: tf.reshape(moved.sample, [-1, deformableGroups]) as tf.Tensor2D,
        };
      });
      inputs = addTo(inputs, input);
      return rest;
    });
    return [
      tf.reshape(inputs as tf.Tensor2D, x.shape),
      tf.reshape(tf.transpose(tf.stack(taps.map((tap) => tap.kernel)), [0, 2, 1, 3]), kernel.shape),
      fromTaps(taps.flatMap((tap) => tap.offsets), offset.shape),
      ...(mask ? [fromTaps(taps.map((tap) => tap.mask), mask.shape)] : []),
    ];
  });
}

/**
 * Deformable 2-D convolution. With S the bilinear sample of the input, zero outside, and G the deformable group of channel c:
 *
 * y[n,i,j,f] = b[f] + sum over u, v, c of K[u,v,c,f] m_G(u,v,i,j) S(x[n,:,:,c], i s - pad + u d + dy_G(u,v,i,j), j s - pad + v d + dx_G(u,v,i,j)).
 *
 * Offsets are in input pixels. Differentiable, once, in all arguments and on every backend; at integer positions the
 * gradient of the offsets is the one from the right, as in torchvision.
 * @param x [N, H, W, C]
 * @param kernel [kh, kw, C/groups, F]; output channels of a group are contiguous.
 * @param offset [N, H', W', 2 G kh kw]; group g, tap t = u kw + v: channel 2 (g kh kw + t) is dy, the next one dx.
 * @param mask [N, H', W', G kh kw], used as given; group g, tap t: channel g kh kw + t. Default: all 1 (v1).
 * @param bias [F]
 * @returns [N, H', W', F], H' = floor((H + pads - d(kh - 1) - 1) / s) + 1.
 * @throws OptionError for shapes that do not fit each other.
 */
export function deformableConvolve2d(x: tf.Tensor4D, kernel: tf.Tensor4D, offset: tf.Tensor4D, attributes: DeformableAttributes, mask?: tf.Tensor4D, bias?: tf.Tensor1D): tf.Tensor4D {
  return tf.tidy(() => {
    type Arguments = [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D?];
    const tensors: tf.Tensor4D[] = mask ? [x, kernel, offset, mask] : [x, kernel, offset];
    const convolve = tf.customGrad((...args) => {
      const save = args.pop() as unknown as (values: tf.Tensor[]) => void;
      save(args as tf.Tensor[]);
      return {
        value: forward(attributes, ...(args as unknown as Arguments)),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy as tf.Tensor4D, attributes, ...(saved as Arguments)),
      };
    });
    const y = convolve(...tensors) as tf.Tensor4D;
    return bias ? tf.add(y, bias) : y;
  });
}
