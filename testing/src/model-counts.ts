import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';

const product = (shape: readonly (number | null)[]) => shape.reduce<number>((elements, n) => elements * (n ?? 1), 1);

/** Elements of all weights that training changes: without the running statistics of batch norms. */
export function trainableParams(model: LayersModel): number {
  return model.trainableWeights.reduce((sum, { shape }) => sum + product(shape), 0);
}

/**
 * Multiply-accumulates of convolutions and dense layers for one image: what one output takes of its kernel times the
 * outputs, for each use of a layer. Read off the layers of tf.layers, so that it can contradict `@convkit/profile`, which
 * reads the graph.
 */
export function kernelMacs(model: LayersModel): number {
  return model.layers.reduce((sum, layer) => {
    const { weights, outputShape, inboundNodes } = layer;
    const kernel = weights.find(({ originalName }) => /\/((depthwise|fixed)_)?kernel$/.test(originalName));
    if (kernel === undefined) return sum;
    // A transposed convolution takes its whole kernel once for each input position.
    if (/Transpose$/.test(layer.getClassName())) return sum + inboundNodes.length * product(kernel.shape) * product((layer.input as SymbolicTensor).shape.slice(1, -1));
    const channels = kernel.shape.slice(kernel.originalName.endsWith('depthwise_kernel') ? -2 : -1);
    const outputs = product((outputShape as (number | null)[]).slice(1));
    return sum + inboundNodes.length * (product(kernel.shape) / product(channels)) * outputs;
  }, 0);
}
