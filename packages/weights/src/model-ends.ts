import type { Layer } from '@convkit/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';

const hasWeights = (layer: Layer) => layer.weights.length > 0;

/** Goes back from a tensor through layers with one input and no weights. */
function lastWeighted(tensor: SymbolicTensor): SymbolicTensor {
  let at = tensor;
  while (!hasWeights(at.sourceLayer) && at.inputs.length === 1) at = at.inputs[0] as SymbolicTensor;
  return at;
}

/** Names of the classifiers: the layers with weights in front of the outputs. None where an output is a sum or a concatenation. */
export function headLayers(model: LayersModel): Set<string> {
  const layers = model.outputs.map((output) => lastWeighted(output).sourceLayer);
  return new Set(layers.filter(hasWeights).map((layer) => layer.name));
}

/** Names of the convolutions that see the model's input as it is: its channels are theirs. */
export function stemLayers(model: LayersModel): Set<string> {
  const stems = model.layers.filter((layer) => {
    const input = layer.inboundNodes[0]?.inputTensors[0] as SymbolicTensor | undefined;
    return input !== undefined && hasWeights(layer) && lastWeighted(input).inputs.length === 0 && !hasWeights(lastWeighted(input).sourceLayer);
  });
  return new Set(stems.map((layer) => layer.name));
}
