/** Matrix products of wasm: slow with a transpose flag, wrong where a bias is fused into a batched or transposed one. */
import * as tf from '@tensorflow/tfjs-core';
import { WASM_BACKENDS, type Patch } from '../patch.js';
import { kernelPatch } from '../probe.js';

interface ProductAttributes {
  transposeA?: boolean;
  transposeB?: boolean;
  activation?: 'linear' | 'relu' | 'relu6' | 'sigmoid' | 'elu' | 'prelu' | 'leakyrelu';
  leakyreluAlpha?: number;
}

const batchOf = (x: tf.TensorInfo) => tf.util.sizeFromShape(x.shape.slice(0, -2));

function swapLast(x: tf.Tensor): tf.Tensor {
  const order = x.shape.map((_, axis) => axis);
  return tf.transpose(x, [...order.slice(0, -2), order.length - 1, order.length - 2]);
}

/** One matrix by one matrix goes through XNNPACK only without flags. */
const batchMatMul = kernelPatch({
  kernelName: 'BatchMatMul',
  backends: WASM_BACKENDS,
  slow: () => ({ inputs: { a: tf.ones([1, 256, 64]), b: tf.ones([1, 256, 64]) }, attrs: { transposeA: true, transposeB: false } }),
  make: (stock) => ({ inputs, backend, attrs }) => {
    if (!stock) throw new Error('the stock kernel is needed');
    const [a, b] = [inputs['a'] as tf.Tensor, inputs['b'] as tf.Tensor];
    const { transposeA = false, transposeB = false } = (attrs ?? {}) as ProductAttributes;
    if ((!transposeA && !transposeB) || batchOf(a) !== 1 || batchOf(b) !== 1) return stock({ inputs, backend, ...(attrs ? { attrs } : {}) });
    return tf.tidy(() => tf.matMul(transposeA ? swapLast(a) : a, transposeB ? swapLast(b) : b));
  },
});

function activate(x: tf.Tensor, { activation = 'linear', leakyreluAlpha = 0.2 }: ProductAttributes, slope: tf.Tensor | undefined): tf.Tensor {
  switch (activation) {
    case 'linear': return x;
    case 'relu': return tf.relu(x);
    case 'relu6': return tf.relu6(x);
    case 'sigmoid': return tf.sigmoid(x);
    case 'elu': return tf.elu(x);
    case 'leakyrelu': return tf.leakyRelu(x, leakyreluAlpha);
    case 'prelu': return tf.prelu(x, slope ?? 0);
  }
}

/** Stock adds the bias once for every 48 columns of the inner axis, and cuts partial sums off. */
const fusedMatMul = kernelPatch({
  kernelName: '_FusedMatMul',
  backends: WASM_BACKENDS,
  wrong: () => ({ inputs: { a: tf.ones([2, 1, 49]), b: tf.ones([2, 49, 1]), bias: tf.ones([1]) }, attrs: { transposeA: false, transposeB: false, activation: 'linear' }, expected: [50, 50] }),
  make: (stock) => ({ inputs, backend, attrs }) => {
    if (!stock) throw new Error('the stock kernel is needed');
    const [a, b] = [inputs['a'] as tf.Tensor, inputs['b'] as tf.Tensor];
    const product = (attrs ?? {}) as ProductAttributes;
    const { transposeA = false, transposeB = false } = product;
    if (!transposeA && !transposeB && batchOf(a) === 1 && batchOf(b) === 1) return stock({ inputs, backend, ...(attrs ? { attrs } : {}) });
    return tf.tidy(() => {
      const y = tf.matMul(a, b, transposeA, transposeB);
      const bias = inputs['bias'] as tf.Tensor | undefined;
      return activate(bias ? tf.add(y, bias) : y, product, inputs['preluActivationWeights'] as tf.Tensor | undefined);
    });
  },
});

export const MATRIX_PATCHES: readonly Patch[] = [batchMatMul, fusedMatMul];
