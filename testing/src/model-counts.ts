import type { LayersModel } from '@tensorflow/tfjs-layers';

const product = (shape: readonly (number | null)[]) => shape.reduce<number>((elements, n) => elements * (n ?? 1), 1);

/** Elements of all weights that training changes: without the running statistics of batch norms. */
export function trainableParams(model: LayersModel): number {
  return model.trainableWeights.reduce((sum, { shape }) => sum + product(shape), 0);
}

/**
 * Multiply-accumulates of convolutions and dense layers for one image: elements of each kernel times the positions of its
 * layer's output. Read off the layers of tf.layers, so that it can contradict `@convkit/profile`, which reads the graph.
 */
export function kernelMacs(model: LayersModel): number {
  return model.layers.reduce((sum, { weights, outputShape }) => {
    const kernel = weights.find(({ originalName }) => /\/(depthwise_)?kernel$/.test(originalName));
    return kernel === undefined ? sum : sum + product(kernel.shape) * product((outputShape as (number | null)[]).slice(1, -1));
  }, 0);
}
