/** Layers of tfjs-layers that throw in fit on every backend. Their classes are not exported; an instance leads to them. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, type LayerVariable } from '@tensorflow/tfjs-layers';
import type { Patch, Undo } from '../patch.js';
import { valueFault } from '../probe.js';

type Call = (this: layers.Layer, inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }) => tf.Tensor | tf.Tensor[];

/** Wraps `call` of the class of `instance`, and of that class only. */
function wrapCall(instance: layers.Layer, wrap: (stock: Call) => Call): Undo {
  const prototype = Object.getPrototypeOf(instance) as { call: Call };
  const own = Object.hasOwn(prototype, 'call');
  const stock = prototype.call;
  prototype.call = wrap(stock);
  return () => {
    if (own) prototype.call = stock;
    else delete (prototype as { call?: Call }).call;
  };
}

/** What `use` makes of a layer. The layer's weights go, and what a gradient has kept and does not release when it throws. */
function withLayer(layer: layers.Layer, use: (layer: layers.Layer) => tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  const kept: tf.Tensor[] = [];
  const keep = engine.keep;
  engine.keep = (tensor) => {
    kept.push(tensor);
    return keep.call(engine, tensor) as typeof tensor;
  };
  try {
    return tf.tidy(() => use(layer));
  } catch (error) {
    tf.dispose(kept.filter((tensor) => !tensor.isDisposed));
    throw error;
  } finally {
    delete (engine as { keep?: unknown }).keep;
    if (layer.built) layer.dispose();
  }
}

const one = (inputs: tf.Tensor | tf.Tensor[]) => (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;

interface BatchNormalization {
  axis: number;
  gamma?: Pick<LayerVariable, 'read'>;
  beta?: Pick<LayerVariable, 'read'>;
}

/** `call` reads gamma and beta in training also where `scale` or `center` is false (tensorflow/tfjs#2868). */
const batchNormalization: Patch = {
  name: 'batchNormalization without scale or center',
  backends: 'any',
  probe: () => valueFault('training of batchNormalization with scale: false', () => withLayer(layers.batchNormalization({ scale: false, epsilon: 1e-6 }),
    (layer) => layer.apply(tf.tensor2d([[-1], [1]]), { training: true }) as tf.Tensor), [-1, 1]),
  apply: () => wrapCall(layers.batchNormalization(), (stock) => function call(inputs, kwargs) {
    const layer = this as unknown as BatchNormalization;
    const { gamma, beta } = layer;
    if (!kwargs?.training || (gamma && beta)) return stock.call(this, inputs, kwargs);
    const { shape } = one(inputs);
    const size = shape[layer.axis >= 0 ? layer.axis : shape.length + layer.axis] ?? 1;
    try {
      // For the time of this call: elsewhere their absence is what says that there is no scale or offset.
      layer.gamma ??= { read: () => tf.ones([size]) };
      layer.beta ??= { read: () => tf.zeros([size]) };
      return stock.call(this, inputs, kwargs);
    } finally {
      if (!gamma) delete layer.gamma;
      if (!beta) delete layer.beta;
    }
  }),
};

interface Convolution {
  kernel: Pick<LayerVariable, 'read'>;
  bias: Pick<LayerVariable, 'read'> | null;
  strides: [number, number];
  padding: 'same' | 'valid';
  dataFormat: 'channelsFirst' | 'channelsLast';
  dilationRate: [number, number];
  activation: { apply(x: tf.Tensor): tf.Tensor } | null;
}

/**
 * `call` takes the fused convolution, whose gradient is out of reach and refuses dilation; with the plain one the patched
 * gradient of Conv2D does it.
 */
const dilatedConvolution: Patch = {
  name: 'conv2d with dilationRate',
  backends: 'any',
  probe: () => valueFault('the gradient of a conv2d layer with dilationRate 2', () => withLayer(layers.conv2d({ filters: 1, kernelSize: 2, dilationRate: 2, kernelInitializer: 'ones' }),
    (layer) => tf.grad((x) => tf.sum(layer.apply(x) as tf.Tensor))(tf.ones([1, 3, 3, 1]))), [1, 0, 1, 0, 0, 0, 1, 0, 1]),
  apply: () => wrapCall(layers.conv2d({ filters: 1, kernelSize: 1 }), (stock) => function call(inputs, kwargs) {
    const layer = this as unknown as Convolution;
    if (tf.engine().state.gradientDepth === 0 || layer.dilationRate.every((rate) => rate === 1)) return stock.call(this, inputs, kwargs);
    return tf.tidy(() => {
      const first = layer.dataFormat === 'channelsFirst';
      const x = one(inputs) as tf.Tensor4D;
      const y = tf.conv2d(first ? tf.transpose(x, [0, 2, 3, 1]) : x, layer.kernel.read() as tf.Tensor4D, layer.strides, layer.padding, 'NHWC', layer.dilationRate);
      const biased = layer.bias ? tf.add(y, layer.bias.read()) : y;
      const output = first ? tf.transpose(biased, [0, 3, 1, 2]) : biased;
      return layer.activation ? layer.activation.apply(output) : output;
    });
  }),
};

export const LAYER_PATCHES: readonly Patch[] = [batchNormalization, dilatedConvolution];
