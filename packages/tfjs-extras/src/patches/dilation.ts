/** tfjs-core's gradients of the convolutions assert a dilation of 1, on every backend (tensorflow/tfjs#7906). */
import * as tf from '@tensorflow/tfjs-core';
import { convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, type GradientAttributes } from '../composed/index.js';
import { replaceGradient, type Patch } from '../patch.js';
import { valueFault } from '../probe.js';
import { resolveAttributes } from './convolution.js';

type Gradient = (tensor: tf.Tensor4D, other: tf.Tensor4D, shape: [number, number, number, number], attributes: GradientAttributes) => tf.Tensor4D;

interface DilatedOperation {
  kernelName: string;
  depthwise: boolean;
  inputGradient: Gradient;
  filterGradient: Gradient;
}

/** Attributes of a convolution with dilation 2 of [1, 3, 3, 1] by [2, 2, 1, 1]: one output, of the four corners. */
const corners = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dilations: [2, 2] };

function dilationPatch({ kernelName, depthwise, inputGradient, filterGradient }: DilatedOperation): Patch {
  return {
    name: `gradient of ${kernelName}`,
    backends: 'any',
    // Not through tf.grad: where a gradient throws, it leaves the tensors that it has saved.
    probe: () => valueFault(`the gradient of ${kernelName} with dilation 2`, () => tf.tidy(() => {
      const saved = [tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])];
      const gradients = (tf.getGradient(kernelName) as tf.GradConfig | undefined)?.gradFunc(tf.ones([1, 1, 1, 1]), saved, corners);
      if (!gradients) throw new Error('there is none');
      return gradients['x']?.() ?? tf.zeros([1]);
    }), [1, 0, 1, 0, 0, 0, 1, 0, 1]),
    apply: () => replaceGradient(kernelName, (stock) => ({
      ...stock,
      inputsToSave: ['x', 'filter'],
      gradFunc: (dy, saved, attrs) => {
        const [x, filter] = saved as [tf.Tensor4D, tf.Tensor4D];
        const attributes = resolveAttributes(x.shape, filter.shape, attrs as unknown as Parameters<typeof resolveAttributes>[2], depthwise);
        if (stock && attributes.dilations.every((rate) => rate === 1)) return stock.gradFunc(dy, saved, attrs);
        return {
          x: () => inputGradient(dy as tf.Tensor4D, filter, x.shape, attributes),
          filter: () => filterGradient(x, dy as tf.Tensor4D, filter.shape, attributes),
        };
      },
    })),
  };
}

export const DILATION_PATCHES: readonly Patch[] = [
  dilationPatch({ kernelName: 'Conv2D', depthwise: false, inputGradient: convolutionInputGradient, filterGradient: convolutionFilterGradient }),
  dilationPatch({ kernelName: 'DepthwiseConv2dNative', depthwise: true, inputGradient: depthwiseInputGradient, filterGradient: depthwiseFilterGradient }),
];
