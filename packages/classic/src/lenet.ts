/**
 * LeNet-5: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition" (Proc. IEEE 86(11),
 * 1998), in the forms in use today: every map of the second convolution sees all maps below it, pools have no weights,
 * and the output is a dense layer. The 1998 network (a table of connections, trainable subsampling, 10 radial basis
 * functions over fixed codes) is none of these.
 *
 * `lenet5` is d2l's teaching form (sigmoid, average pools, 28x28 padded to 32x32), `lenet5_modern` the same with ReLU and
 * max pools, `lenet_cifar10` kuangliu/pytorch-cifar's, `lenet_caffe` Caffe's examples/mnist, whose only nonlinearities are
 * its pools and one ReLU. Kernels start by Xavier's uniform rule, as in d2l. Output: logits.
 *
 * Layer names are pytorch-cifar's: `conv1`, `conv2`, `fc1`, ...
 */
import { avgPool, conv2d, defineFamily, dense, dropout, flatten, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';

const NONLINEARITIES = ['sigmoid', 'tanh', 'relu', 'linear'] as const;
type Nonlinearity = (typeof NONLINEARITIES)[number];

export interface LeNetSpec {
  /** Output channels of the 5x5 convolutions, each followed by a pool 2/2. */
  readonly filters: readonly number[];
  /** Widths of the hidden dense layers. */
  readonly hidden: readonly number[];
  /** Rows and columns of zeros around the image; the later convolutions have none. Default 0. */
  readonly padding?: number;
  readonly pool: 'average' | 'max';
  /** After every hidden layer. */
  readonly activation: Nonlinearity;
  /** After the convolutions. Default: `activation`. */
  readonly convActivation?: Nonlinearity;
}

const LENET5 = { filters: [6, 16], hidden: [120, 84] } as const;
const CAFFE = { filters: [20, 50], hidden: [500] } as const;

/** The forms in use, and `lenet5_tiny` for tests and short runs. */
export const LENETS = {
  lenet5: { ...LENET5, padding: 2, pool: 'average', activation: 'sigmoid', params: 61_706, macs: 416_520 },
  lenet5_modern: { ...LENET5, padding: 2, pool: 'max', activation: 'relu', params: 61_706, macs: 416_520 },
  lenet_cifar10: { ...LENET5, pool: 'max', activation: 'relu', input: [32, 32, 3], params: 62_006, macs: 651_720 },
  lenet_caffe: { ...CAFFE, pool: 'max', activation: 'relu', convActivation: 'linear', params: 431_080, macs: 2_293_000 },
  lenet5_tiny: { filters: [6, 12], hidden: [32], padding: 2, pool: 'max', activation: 'relu' },
} as const satisfies Record<string, LeNetSpec & VariantRow>;

const count = option.integer(1);

const lenetSpec = {
  filters: option.list(count),
  hidden: option.list(count, 0),
  padding: option.withDefault(option.integer(0), 0),
  pool: option.oneOf(['average', 'max']),
  activation: option.oneOf(NONLINEARITIES),
  convActivation: option.optional(option.oneOf(NONLINEARITIES)),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof lenetSpec>, context: BuildContext): Built {
  const { filters, hidden, padding, pool, activation, convActivation = activation } = spec;
  const weights = context.weights('glorotUniform');
  const downsample = pool === 'max' ? maxPool : avgPool;
  const features: Record<string, SymbolicTensor> = {};

  let y = x;
  filters.forEach((channels, i) => {
    y = conv2d(y, { filters: channels, kernelSize: 5, padding: i === 0 ? padding : 0, activation: convActivation, name: `conv${i + 1}`, ...weights });
    y = downsample(y, { poolSize: 2, name: `pool${i + 1}` });
    features[`pool${i + 1}`] = y;
  });
  if (!context.includeTop) return { output: y, features };

  y = flatten(y, { name: 'flatten' });
  hidden.forEach((units, i) => {
    y = dense(y, { units, activation, name: `fc${i + 1}`, ...weights });
  });
  const rate = context.dropout(0);
  if (rate > 0) y = dropout(y, { rate, name: 'dropout' });
  return { output: dense(y, { units: context.classes, name: `fc${hidden.length + 1}`, ...weights }), features };
}

/** The family: `lenet.build('lenet5')`. Feature taps: pool1, pool2. */
export const lenet = defineFamily({
  id: 'lenet',
  paper: {
    title: 'Gradient-Based Learning Applied to Document Recognition',
    authors: 'Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner',
    year: 1998,
    url: 'https://doi.org/10.1109/5.726791',
  },
  input: [28, 28, 1],
  classes: 10,
  variants: LENETS,
  spec: lenetSpec,
  build,
});
