import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureStream } from '@convkit/testing';
import { install, uninstall } from './index.js';

interface Fault {
  backend: 'wasm' | 'cpu';
  run: () => tf.Tensor | tf.Tensor[];
  /** By hand. */
  right: readonly number[];
}

const negative = [-4, -1, -3, -2];
const image = (values: number[], shape: [number, number, number, number]) => tf.tensor4d(values, shape);
const gradient = (f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor) => tf.grad((input) => tf.sum(f(input)))(x);

/** One case a fault of TensorFlow.js 4.22. */
const FAULTS: Record<string, Fault> = {
  'max pooling: windows without a positive value pass their gradient': {
    backend: 'wasm',
    run: () => gradient((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'), image(negative, [1, 2, 2, 1])),
    right: [0, 1, 0, 0],
  },
  'max pooling: a value far below the others changes nothing': {
    backend: 'wasm',
    run: () => gradient((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'), image([-1e30, -1, -0.999, -2], [1, 2, 2, 1])),
    right: [0, 0, 1, 0],
  },
  'max pooling with positions: values and positions of such windows': {
    backend: 'wasm',
    run: () => {
      const { result, indexes } = tf.maxPoolWithArgmax(image([...negative, -8, -6, -7, -5], [1, 2, 4, 1]), 2, 2, 'valid');
      return [result as tf.Tensor, indexes as tf.Tensor];
    },
    right: [-1, -2, 1, 3],
  },
  '3-D max pooling: values of such windows': {
    backend: 'wasm',
    run: () => tf.maxPool3d(tf.tensor5d([...negative, -8, -6, -7, -5], [1, 2, 2, 2, 1]), [2, 2, 1], [1, 1, 1], 'same'),
    right: [-3, -1, -3, -2, -7, -5, -7, -5],
  },
  '3-D max pooling: gradients of such windows': {
    backend: 'wasm',
    run: () => gradient((x) => tf.maxPool3d(x as tf.Tensor5D, 2, 2, 'valid'), tf.tensor5d([...negative, -8, -6, -7, -5], [1, 2, 2, 2, 1])),
    right: [0, 1, 0, 0, 0, 0, 0, 0],
  },
  'grey-scale dilation: maxima of 0 and less': {
    backend: 'wasm',
    run: () => tf.dilation2d(image(negative, [1, 2, 2, 1]), tf.tensor3d([0, 0, 0.5, 0], [2, 2, 1]), 1, 'same'),
    // Filter [a, b] is added to the value a rows and b columns on; 'same' adds a row and a column of nothing at the end.
    right: [-1, -1, -2, -2],
  },
  'grey-scale dilation: the gradient of the image': {
    backend: 'wasm',
    run: () => tf.grads((x, f) => tf.sum(tf.dilation2d(x as tf.Tensor4D, f as tf.Tensor3D, 1, 'valid')))([image(negative, [1, 2, 2, 1]), tf.zeros([2, 2, 1])]),
    right: [0, 1, 0, 0, 0, 1, 0, 0],
  },
  '3-D convolution: the gradient of an input deeper than the filter': {
    backend: 'wasm',
    run: () => gradient((x) => tf.mul(tf.conv3d(x as tf.Tensor5D, tf.tensor5d([1, 10], [2, 1, 1, 1, 1]), 1, 'valid'), tf.tensor5d([1, 2, 4], [1, 3, 1, 1, 1])), tf.ones([1, 4, 1, 1, 1])),
    right: [1, 12, 24, 40],
  },
  'fused matrix product: the bias of a batch is added once': {
    backend: 'wasm',
    run: () => tf.fused.matMul({ a: tf.ones([2, 1, 100]), b: tf.ones([2, 100, 1]), bias: tf.tensor1d([-150]) }),
    right: [-50, -50],
  },
  'fused matrix product: relu is of the whole sum': {
    backend: 'wasm',
    run: () => tf.fused.matMul({ a: tf.tensor2d([...Array.from({ length: 100 }, (_, i) => (i < 50 ? -1 : 1.5))], [1, 100]), b: tf.ones([1, 100]), transposeB: true, bias: tf.tensor1d([1]), activation: 'relu' }),
    right: [26],
  },
  'nearest upsampling: the gradient of the second image': {
    backend: 'cpu',
    run: () => gradient((x) => tf.mul(tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [2, 2]), image([1, 2, 3, 4, 10, 20, 30, 40], [2, 2, 2, 1])), tf.ones([2, 1, 1, 1])),
    right: [10, 100],
  },
  ...Object.fromEntries((['wasm', 'cpu'] as const).flatMap((backend): [string, Fault][] => [
    [`average pooling with padding: the gradient divides as the pooling does, ${backend}`, {
      backend,
      run: () => gradient((x) => tf.avgPool(x as tf.Tensor4D, [2, 1], 1, 'same'), image([1, 2], [1, 2, 1, 1])),
      right: [0.5, 1.5],
    }],
    [`3-D average pooling with padding: the same, ${backend}`, {
      backend,
      run: () => gradient((x) => tf.avgPool3d(x as tf.Tensor5D, [2, 1, 2], 1, 'same'), tf.ones([1, 2, 1, 2, 1])),
      right: [0.25, 0.75, 0.75, 2.25],
    }],
    [`dilated convolution: its gradients, ${backend}`, {
      backend,
      run: () => tf.grads((x, filter) => tf.sum(tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid', 'NHWC', 2)))([image([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), image([1, 2, 3, 4], [2, 2, 1, 1])]),
      right: [1, 0, 2, 0, 0, 0, 3, 0, 4, 1, 3, 7, 9],
    }],
    [`dilated depthwise convolution: its gradients, ${backend}`, {
      backend,
      run: () => tf.grads((x, filter) => tf.sum(tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid', 'NHWC', 2)))([image([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), image([1, 2, 3, 4], [2, 2, 1, 1])]),
      right: [1, 0, 2, 0, 0, 0, 3, 0, 4, 1, 3, 7, 9],
    }],
    [`conv2d layer with dilationRate: its gradient, ${backend}`, {
      backend,
      run: () => withLayer(layers.conv2d({ filters: 1, kernelSize: 2, dilationRate: 2, kernelInitializer: 'ones', biasInitializer: 'ones' }), (layer) => gradient((x) => layer.apply(x) as tf.Tensor, tf.ones([1, 3, 3, 1]))),
      right: [1, 0, 1, 0, 0, 0, 1, 0, 1],
    }],
    [`batchNormalization without scale and center: training, ${backend}`, {
      backend,
      run: () => withLayer(layers.batchNormalization({ scale: false, center: false, epsilon: 3 }), (layer) => layer.apply(tf.tensor2d([[-1], [1]]), { training: true }) as tf.Tensor),
      right: [-0.5, 0.5],
    }],
  ])),
  'strided slice: integers stay integers': {
    backend: 'wasm',
    run: () => tf.stridedSlice(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32'), [1, 2], [0, 0], [-1, -2], 3, 3),
    right: [6, 4, 3, 1],
  },
  'gather: its gradient adds up what was taken twice': {
    backend: 'wasm',
    run: () => gradient((x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32')), tf.ones([3, 2])),
    right: [1, 1, 0, 0, 2, 2],
  },
  'sums by segment: ids outside of the segments are left out': {
    backend: 'wasm',
    run: () => tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4, 8]), tf.tensor1d([1, -1, 2, 1], 'int32'), 2),
    right: [0, 9],
  },
};

function withLayer(layer: layers.Layer, use: (layer: layers.Layer) => tf.Tensor): tf.Tensor {
  const y = use(layer);
  layer.dispose();
  return y;
}

/** The values of a case, or what it throws. */
async function outcome({ backend, run }: Fault): Promise<number[] | Error> {
  await tf.setBackend(backend);
  try {
    return tf.tidy(() => [run()].flat().flatMap((tensor) => [...tensor.dataSync()]));
  } catch (error) {
    return error as Error;
  }
}

const distance = (found: number[] | Error, right: readonly number[]) =>
  (Array.isArray(found) && found.length === right.length ? Math.max(...right.map((value, i) => Math.abs(value - (found[i] as number)))) : Number.POSITIVE_INFINITY);

describe('faults of the installed TensorFlow.js', () => {
  const stock = new Map<string, number[] | Error>();
  beforeAll(async () => {
    uninstall();
    for (const [name, fault] of Object.entries(FAULTS)) stock.set(name, await outcome(fault));
    await tf.setBackend('wasm');
    await install({ backends: ['wasm', 'cpu'] });
  });
  afterAll(uninstall);

  test.each(Object.entries(FAULTS))('%s', async (name, fault) => {
    expect(distance(stock.get(name) as number[] | Error, fault.right), 'stock').toBeGreaterThan(0.1);
    const found = await outcome(fault);
    if (found instanceof Error) throw found;
    expect(distance(found, fault.right), `[${found.join(', ')}]`).toBeLessThan(1e-5);
  });
});

test('strided slices of any axes and steps are those of cpu', async () => {
  const cases: [number[], number[], number[], number[]][] = [
    [[2, 7, 6, 3], [0, 1, 0, 0], [2, 7, 5, 3], [1, 2, 3, 1]], [[7, 6], [1, 0], [6, 6], [3, 1]], [[5, 4, 6], [0, 1, 0], [5, 4, 6], [2, 1, 4]],
    [[5, 4, 6], [4, 0, 5], [0, 4, 0], [-2, 2, -1]], [[3, 8], [0, 0], [3, 8], [1, 5]], [[9], [2], [9], [3]],
  ];
  const slices = async (backend: string) => {
    await tf.setBackend(backend);
    return tf.tidy(() => cases.map(([shape, ...slice]) => {
      const y = tf.stridedSlice(tf.tensor(fixtureStream('x', shape), shape), ...slice);
      return [y.shape, ...y.dataSync()];
    }));
  };
  const right = await slices('cpu');
  await tf.setBackend('wasm');
  await install();
  expect(await slices('wasm')).toEqual(right);
  uninstall();
});

test('sums and means over an image are those of cpu', async () => {
  const reductions = async (backend: string) => {
    await tf.setBackend(backend);
    return tf.tidy(() => [[0, 1, 2], [1, 2], [2, 1], [-2, -3], [0], [3], [0, 3]].flatMap((axes) => [true, false].flatMap((keepDims) => {
      const x = tf.tensor(fixtureStream('x', [2, 5, 6, 3]), [2, 5, 6, 3]);
      return [tf.sum(x, axes, keepDims), tf.mean(x, axes, keepDims)].map((y) => ({ shape: y.shape, values: [...y.dataSync()] }));
    })));
  };
  const right = await reductions('cpu');
  await tf.setBackend('wasm');
  await install();
  for (const [i, { shape, values }] of (await reductions('wasm')).entries()) {
    expect(shape).toEqual(right[i]?.shape);
    expect(distance(values, right[i]?.values ?? [])).toBeLessThan(2e-6);
  }
  uninstall();
});

describe('gradients agree with differences of the function', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
    await install({ backends: ['wasm', 'cpu'] });
  });
  afterAll(uninstall);

  const x = (...shape: number[]) => tf.tensor<tf.Rank>(fixtureStream('x', shape), shape) as tf.Tensor4D;
  const cases: Record<string, [(x: tf.Tensor4D) => tf.Tensor, number[]]> = {
    'conv2d, dilation [2, 3], same': [(input) => tf.conv2d(input, x(3, 2, 2, 3), 1, 'same', 'NHWC', [2, 3]), [2, 7, 6, 2]],
    'conv2d, stride 3, explicit padding': [(input) => tf.conv2d(input, x(3, 3, 2, 3), 3, [[0, 0], [1, 2], [0, 1], [0, 0]]), [2, 7, 6, 2]],
    'conv2d, stride that leaves a row over': [(input) => tf.conv2d(input, x(2, 2, 2, 3), [3, 2], 'valid'), [1, 7, 7, 2]],
    'depthwise, dilation 2, same, multiplier 2': [(input) => tf.depthwiseConv2d(input, x(3, 3, 2, 2), 1, 'same', 'NHWC', 2), [2, 5, 6, 2]],
    'depthwise, stride 2': [(input) => tf.depthwiseConv2d(input, x(3, 3, 2, 1), 2, 'same'), [2, 6, 5, 2]],
    'transposed convolution': [(input) => tf.conv2dTranspose(input, x(3, 3, 3, 2), [1, 7, 8, 3], 2, 'same'), [1, 4, 4, 2]],
    'average pooling 3x2, stride [2, 1], same': [(input) => tf.avgPool(input, [3, 2], [2, 1], 'same'), [2, 6, 5, 2]],
    'average pooling of one window that is padded': [(input) => tf.avgPool(input, 7, 7, 'same'), [1, 5, 6, 2]],
    '3-D average pooling, same': [(input) => tf.avgPool3d(tf.reshape<tf.Rank.R5>(input, [1, 4, 3, 3, 2]), [3, 2, 2], [2, 1, 2], 'same'), [4, 3, 3, 2]],
    '3-D convolution, stride [2, 1, 2], same': [(input) => tf.conv3d(tf.reshape<tf.Rank.R5>(input, [1, 5, 3, 4, 2]), tf.reshape<tf.Rank.R5>(x(3, 2, 3, 4), [3, 2, 3, 2, 2]), [2, 1, 2], 'same'), [5, 3, 4, 2]],
    'nearest upsampling': [(input) => tf.image.resizeNearestNeighbor(input, [7, 6]), [3, 3, 3, 2]],
    'batch normalization in all of its inputs': [(input) => {
      const [rows, channel] = [tf.reshape(input, [-1, 3]), (row: number) => tf.reshape(tf.slice(tf.reshape(input, [-1, 3]), [row, 0], [1, 3]), [3]) as tf.Tensor1D];
      return tf.batchNorm(tf.reshape<tf.Rank.R4>(rows, [1, 4, 4, 3]), channel(0), tf.add(channel(1), 3) as tf.Tensor1D, channel(2), channel(3), 0.5);
    }, [1, 4, 4, 3]],
    'leaky relu and relu6': [(input) => tf.add(tf.leakyRelu(tf.mul(input, 1e3), 0.3), tf.relu6(tf.mul(input, 1e3))), [1, 1, 1, 5]],
    'grey-scale dilation': [(input) => tf.dilation2d(input, tf.reshape(x(1, 3, 3, 2), [3, 3, 2]), 2, 'same'), [1, 5, 5, 2]],
  };

  /** Of s(x) = sum of f(x) times fixed weights, along one fixed direction: all elements of the gradient enter. */
  test.each(['wasm', 'cpu'].flatMap((backend) => Object.keys(cases).map((name) => [backend, name] as const)))('%s: %s', async (backend, name) => {
    await tf.setBackend(backend);
    const [f, shape] = cases[name] as (typeof cases)[string];
    const error = tf.tidy(() => {
      const scalar = (input: tf.Tensor) => {
        const y = f(input as tf.Tensor4D);
        return tf.sum(tf.mul(y, tf.tensor(fixtureStream('y', y.shape), y.shape)));
      };
      const [point, direction] = ['point', 'direction'].map((part) => tf.tensor(fixtureStream(part, shape), shape)) as [tf.Tensor, tf.Tensor];
      const [analytic] = tf.sum(tf.mul(tf.grad(scalar)(point), direction)).dataSync() as unknown as [number];
      const step = 2 ** -6;
      const at = (sign: number) => scalar(tf.add(point, tf.mul(direction, sign * step))).dataSync()[0] as number;
      return Math.abs(analytic - (at(1) - at(-1)) / (2 * step)) / Math.max(Math.abs(analytic), 1);
    });
    // The functions are linear (batch normalization is smooth, others have kinks elsewhere), so the difference is exact up to float32 sums.
    expect(error).toBeLessThan(2e-4);
  });
});
