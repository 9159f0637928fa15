import type { Layer } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, SymbolicTensor } from '@tensorflow/tfjs-layers';

/** One weight of a model under its PyTorch name, with the change of layout both ways. */
export interface TorchParameter {
  /** state_dict key: the layer's name and weight, bias, running_mean or running_var. */
  name: string;
  /** torch's shape: OIHW, [out, in] or [C]. */
  shape: number[];
  variable: LayerVariable;
  /** A tensor in torch's layout as the layer holds it. The caller disposes it. */
  fromTorch(tensor: tf.Tensor): tf.Tensor;
  /** A tensor in the layer's layout as torch has it. The caller disposes it. */
  toTorch(tensor: tf.Tensor): tf.Tensor;
}

type Layout = Pick<TorchParameter, 'shape' | 'fromTorch' | 'toTorch'>;

/** torch's name of each of a layer's weights. */
const TORCH_NAMES: Readonly<Record<string, string>> = {
  kernel: 'weight', depthwise_kernel: 'weight', gamma: 'weight', bias: 'bias', beta: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var', gate: 'weight', fixed_kernel: 'weight',
};

/**
 * The weights of a model by the rule state_dict key = layer name + torch's name of the weight, in the model's order.
 * Layouts: convolutions OIHW <-> HWIO (1-D OIL <-> LIO), depthwise [C*m, 1, kh, kw] <-> [kh, kw, C, m], dense [out, in] <-> [in, out], where
 * a dense layer after a flattening of [H, W, C] has its inputs permuted from torch's (C, H, W) order.
 * @throws Error for a layer whose weights have no counterpart in torch, and for a model inside the model.
 */
export function torchParameters(model: LayersModel): TorchParameter[] {
  return model.layers.flatMap((layer) => {
    // All weights of a nested model would get the one name of that model.
    if ('layers' in layer) throw new Error(`layer "${layer.name}" is a model: read its weights by itself`);
    return layer.weights.map((variable) => {
      const own = variable.originalName.split('/').at(-1) ?? '';
      const name = TORCH_NAMES[own];
      if (name === undefined) throw new Error(`layer "${layer.name}" (${layer.getClassName()}): the weight ${own} has no counterpart in a PyTorch state_dict`);
      return { name: `${layer.name}.${name}`, variable, ...layoutOf(layer, own, variable.shape as number[]) };
    });
  });
}

function layoutOf(layer: Layer, own: string, shape: number[]): Layout {
  if (own === 'depthwise_kernel') return depthwiseLayout(shape as [number, number, number, number]);
  if (own === 'kernel' && shape.length === 3) return sequenceLayout(shape as [number, number, number]);
  if (own === 'kernel' && shape.length === 4) return convolutionLayout(shape as [number, number, number, number]);
  if (own === 'kernel' && shape.length === 2) return denseLayout(shape as [number, number], flattenedMap(layer));
  return { shape, fromTorch: (tensor) => tf.clone(tensor), toTorch: (tensor) => tf.clone(tensor) };
}

function convolutionLayout([kh, kw, inputs, outputs]: [number, number, number, number]): Layout {
  return {
    shape: [outputs, inputs, kh, kw],
    fromTorch: (tensor) => tf.transpose(tensor, [2, 3, 1, 0]),
    toTorch: (tensor) => tf.transpose(tensor, [3, 2, 0, 1]),
  };
}

function sequenceLayout([k, inputs, outputs]: [number, number, number]): Layout {
  const exchange = (tensor: tf.Tensor) => tf.transpose(tensor, [2, 1, 0]);
  return { shape: [outputs, inputs, k], fromTorch: exchange, toTorch: exchange };
}

function depthwiseLayout([kh, kw, channels, multiplier]: [number, number, number, number]): Layout {
  return {
    shape: [channels * multiplier, 1, kh, kw],
    fromTorch: (tensor) => tf.tidy(() => tf.transpose(tf.reshape(tensor, [channels, multiplier, kh, kw]), [2, 3, 0, 1])),
    toTorch: (tensor) => tf.tidy(() => tf.reshape(tf.transpose(tensor, [2, 3, 0, 1]), [channels * multiplier, 1, kh, kw])),
  };
}

function denseLayout([inputs, outputs]: [number, number], map: [number, number, number] | undefined): Layout {
  if (map === undefined) {
    return { shape: [outputs, inputs], fromTorch: (tensor) => tf.transpose(tensor), toTorch: (tensor) => tf.transpose(tensor) };
  }
  const [h, w, c] = map;
  return {
    shape: [outputs, inputs],
    fromTorch: (tensor) => tf.tidy(() => tf.reshape(tf.transpose(tf.reshape(tensor, [outputs, c, h, w]), [2, 3, 1, 0]), [inputs, outputs])),
    toTorch: (tensor) => tf.tidy(() => tf.reshape(tf.transpose(tf.reshape(tensor, [h, w, c, outputs]), [3, 2, 0, 1]), [outputs, inputs])),
  };
}

/** Layers that change values but not their order. */
const ORDER_KEEPING = new Set(['Dropout', 'Activation', 'ReLU', 'ConvkitActivation']);

/** [H, W, C] of the map that is flattened in front of a dense layer; undefined where there is none or it is 1x1. */
function flattenedMap(layer: Layer): [number, number, number] | undefined {
  let tensor = layer.inboundNodes[0]?.inputTensors[0] as SymbolicTensor | undefined;
  while (tensor !== undefined && ORDER_KEEPING.has(tensor.sourceLayer.getClassName())) tensor = tensor.inputs[0];
  if (tensor?.sourceLayer.getClassName() !== 'Flatten') return undefined;
  const [, h, w, c] = tensor.inputs[0]?.shape ?? [];
  return typeof h === 'number' && typeof w === 'number' && typeof c === 'number' && h * w > 1 ? [h, w, c] : undefined;
}
