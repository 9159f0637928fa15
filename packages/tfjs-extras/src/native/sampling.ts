import type * as tf from '@tensorflow/tfjs-core';
import type { GradientAttributes } from '../composed/index.js';
import { blocksOf, packBias, packedBytes, packWeights } from './convolution.js';
import { nativeKernel, windowFields, type NativeKernel, type Shape4D } from './kernel.js';
import type { Native } from './module.js';

interface Positions {
  x: tf.Tensor4D;
  /** [M, G] */
  rows: tf.Tensor2D;
  columns: tf.Tensor2D;
  /** int32 [M] */
  images: tf.Tensor1D;
}

/** Bytes of what a sample's gradients are written to, with room to spare. */
const MOVED = 16;

function sampleFields({ heap }: Native, { x, rows, columns, images }: Positions, y: tf.TensorInfo, outputs: readonly tf.TensorInfo[], scratch: number) {
  const [imageCount, height, width, channels] = x.shape;
  const [dx, dRows, dColumns] = outputs.map((output) => heap.pointer(output));
  return {
    x: heap.pointer(x), rows: heap.pointer(rows), columns: heap.pointer(columns), images: heap.pointer(images), y: heap.pointer(y),
    dx: dx ?? 0, dRows: dRows ?? 0, dColumns: dColumns ?? 0, scratch, count: rows.shape[0], imageCount, height, width, channels, groups: rows.shape[1],
  };
}

const bilinearSample = nativeKernel<Positions, object>('bilinearSample', (native, inputs) => {
  const y = native.heap.output([inputs.rows.shape[0], inputs.x.shape[3]]);
  native.run(native.kernels.bilinearSample, sampleFields(native, inputs, y, [], 0));
  return y;
});

const bilinearSampleGradient = nativeKernel<Positions & { dy: tf.Tensor2D }, object>('bilinearSampleGradients', (native, { dy, ...inputs }) => {
  const outputs = [inputs.x, inputs.rows, inputs.columns].map(({ shape }) => native.heap.output(shape));
  native.heap.withScratch([MOVED], ([scratch]) => native.run(native.kernels.bilinearSampleGradient, sampleFields(native, inputs, dy, outputs, scratch)));
  return outputs;
});

interface DeformableInputs {
  x: tf.Tensor4D;
  kernel: tf.Tensor4D;
  offset: tf.Tensor4D;
  mask?: tf.Tensor4D;
}

/** Pointers of the kernel's own memory, and where its results go. */
interface DeformableBuffers {
  weights: number;
  bias: number;
  scratch: number;
  y: tf.TensorInfo;
  dx?: tf.TensorInfo | undefined;
  dKernel?: tf.TensorInfo | undefined;
  dOffset?: tf.TensorInfo | undefined;
  dMask?: tf.TensorInfo | undefined;
}

function deformableFields({ heap }: Native, { x, kernel, offset, mask }: DeformableInputs, attributes: GradientAttributes, { weights, bias, scratch, y, dx, dKernel, dOffset, dMask }: DeformableBuffers) {
  const [images, height, width, channels] = x.shape;
  const [kernelRows, kernelColumns, inner, filters] = kernel.shape;
  const [, rows, columns, offsets] = offset.shape;
  const at = (tensor: tf.TensorInfo | undefined) => (tensor ? heap.pointer(tensor) : 0);
  return {
    x: at(x), offset: at(offset), mask: at(mask), weights, bias, y: at(y), dx: at(dx), dKernel: at(dKernel), dOffset: at(dOffset), dMask: at(dMask), scratch,
    images, height, width, channels, rows, columns, kernelRows, kernelColumns, ...windowFields(attributes),
    deformableGroups: offsets / (2 * kernelRows * kernelColumns), groups: channels / inner, outer: filters / (channels / inner),
  };
}

const deformable = nativeKernel<DeformableInputs, GradientAttributes>('deformableConvolution', (native, inputs, attributes) => {
  const { heap, kernels } = native;
  const { x, kernel, offset } = inputs;
  const [kh, kw, inner, filters] = kernel.shape;
  const [taps, groups] = [kh * kw, x.shape[3] / inner];
  const outer = filters / groups;
  const y = heap.output([...offset.shape.slice(0, 3), filters]);
  const layout = { groups, taps, inner, outer, strides: [outer, inner * filters, filters, 1] } as const;
  heap.withScratch([packedBytes(layout), packedBytes({ groups, taps: 1, inner: 1, outer }), kernels.deformableScratch(taps, x.shape[3])], ([weights, bias, scratch]) => {
    packWeights(native, heap.pointer(kernel), weights, layout);
    packBias(native, undefined, bias, groups, outer);
    native.run(kernels.deformableConvolve, deformableFields(native, inputs, attributes, { weights, bias, scratch, y }));
  });
  return y;
});

const deformableGradient = nativeKernel<DeformableInputs & { dy: tf.Tensor4D }, GradientAttributes>('deformableGradients', (native, { dy, ...inputs }, attributes) => {
  const { heap, kernels } = native;
  const { x, kernel, offset, mask } = inputs;
  const [kh, kw, inner, filters] = kernel.shape as Shape4D;
  const [taps, groups] = [kh * kw, x.shape[3] / inner];
  const outer = filters / groups;
  const [dx, dKernel, dOffset, dMask] = [x, kernel, offset, mask].map((tensor) => tensor && heap.output(tensor.shape));
  // The transposed kernel, tap by tap: it takes dy to the gradients of the samples.
  const layout = { groups, taps: 1, inner: outer, outer: inner, strides: [outer, 0, 1, filters] } as const;
  const tapBytes = packedBytes(layout);
  heap.withScratch([taps * tapBytes, packedBytes({ groups: 1, taps: 1, inner: 1, outer: 1 }), kernels.deformableScratch(taps, x.shape[3])], ([weights, bias, scratch]) => {
    for (let t = 0; t < taps; t++) packWeights(native, heap.pointer(kernel) + t * inner * filters * 4, weights + t * tapBytes, layout);
    packBias(native, undefined, bias, 1, blocksOf(1));
    native.run(kernels.deformableGradient, deformableFields(native, inputs, attributes, { weights, bias, scratch, y: dy, dx, dKernel, dOffset, dMask }));
  });
  return [dx, dKernel, dOffset, dMask].filter((tensor) => tensor !== undefined);
});

export const SAMPLING_KERNELS: readonly NativeKernel[] = [bilinearSample, bilinearSampleGradient, deformable, deformableGradient];
