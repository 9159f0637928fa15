import { convolve2d, effectiveKernel } from '@convkit/core';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { convolutionForm, writeConvolution, writeConvolutionGradients } from '../onnx/convolution.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, expectChannels, inputShape, known } from '../op.js';
import { windowedShape } from './windowed-shape.js';

export const conv2d = defineOp<'conv2d'>({
  kind: 'conv2d',
  fuses: true,
  shape: (inputs, { strides, padding, dilations, groups }) => {
    const [x, kernel] = [inputShape(inputs, 0), inputShape(inputs, 1)];
    expectChannels(x, known(kernel, 2) * groups);
    const extent = [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])] as const;
    return windowedShape(x, extent, strides, padding, known(kernel, 3));
  },
  cost: (inputs, _, output) => ({ macs: (elements(output) / known(output, 3)) * elements([1, ...inputShape(inputs, 1)]), elementwise: inputs.length > 2 ? elements(output) : 0 }),
  evaluate: ([x, kernel, bias], attributes, fused) => convolve2d(x as Tensor4D, kernel as Tensor4D, attributes, bias as Tensor1D | undefined, fused?.kind),
  window: (inputs, { strides, padding, dilations }) => {
    const kernel = inputShape(inputs, 1);
    return { size: [effectiveKernel(known(kernel, 0), dilations[0]), effectiveKernel(known(kernel, 1), dilations[1])], strides, before: [padding[0], padding[2]] };
  },
  onnx: (w, inputs, attributes, shape) => writeConvolution(w, inputs, attributes, convolutionForm(w, kernelOf(inputs), attributes.groups), shape),
  gradient: (w, context) => writeConvolutionGradients(w, context, context.attributes.groups, convolutionForm(w, kernelOf(context.inputs), context.attributes.groups)),
});

const kernelOf = (inputs: readonly OnnxValue[]) => (inputs[1] as OnnxValue).shape as number[];
