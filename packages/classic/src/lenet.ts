/**
 * LeNet-5: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition" (Proc. IEEE 86(11),
 * 1998), as it was, `lenet5_1998`: a table of connections, trainable subsampling, a scaled tanh behind every layer, and 10
 * radial basis functions over fixed codes; and in the forms in use today: every map of the second convolution sees all maps
 * below it, pools have no weights, and the output is a dense layer.
 *
 * `lenet5_1998` outputs the negative of the paper's distances, as logits. Its kernels start by Xavier's uniform rule, the paper's
 * at U(+-2.4 / fan in); the codes of the digits are drawn after the paper's (digit-codes.ts). C5 is the first dense layer.
 * `lenet5` is d2l's teaching form (sigmoid, average pools, 28x28 padded to 32x32), `lenet5_modern` the same with ReLU and
 * max pools, `lenet_cifar10` kuangliu/pytorch-cifar's, `lenet_caffe` Caffe's examples/mnist, whose only nonlinearities are
 * its pools and one ReLU. Kernels start by Xavier's uniform rule, as in d2l. Output: logits.
 *
 * Layer names are pytorch-cifar's: `conv1`, `conv2`, `fc1`, ...
 */
import { activation as activate, avgPool, conv2d, defineFamily, dense, dropout, flatten, maxPool, option, OptionError, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { radialBasis, scaledTanh, subsampling } from './lenet-layers.js';
import { tableConv, tableOption, type ConnectionTable } from './table-conv.js';

const NONLINEARITIES = ['sigmoid', 'tanh', 'relu', 'linear', 'scaledTanh'] as const;
type Nonlinearity = (typeof NONLINEARITIES)[number];

export interface LeNetSpec {
  /** Output channels of the 5x5 convolutions, each followed by a pool 2/2. */
  readonly filters: readonly number[];
  /** Widths of the hidden dense layers. */
  readonly hidden: readonly number[];
  /** Rows and columns of zeros around the image; the later convolutions have none. Default 0. */
  readonly padding?: number;
  /** 'trainable' has a coefficient and a bias for each map, and the activation behind it. */
  readonly pool: 'average' | 'max' | 'trainable';
  /** The maps that each map of the second convolution sees. Default: all. */
  readonly table?: ConnectionTable;
  /** After every hidden layer. */
  readonly activation: Nonlinearity;
  /** After the convolutions. Default: `activation`. */
  readonly convActivation?: Nonlinearity;
  /** What makes the logits: a dense layer, or the distances of the last hidden layer, 84 wide, to the codes of at most ten digits. Default 'dense'. */
  readonly output?: 'dense' | 'digitCodes';
}

/** Table I: three maps that follow each other (in a ring), four of these, four others, and all. */
const C3_TABLE = [
  [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5],
  [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
  [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5],
  [0, 1, 2, 3, 4, 5],
] as const;

const LENET5 = { filters: [6, 16], hidden: [120, 84] } as const;
const CAFFE = { filters: [20, 50], hidden: [500] } as const;

/** The paper's, the forms in use, and `lenet5_tiny` for tests and short runs. */
export const LENETS = {
  lenet5_1998: { ...LENET5, table: C3_TABLE, pool: 'trainable', activation: 'scaledTanh', output: 'digitCodes', input: [32, 32, 1], params: 60_000, macs: 326_520 },
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
  pool: option.oneOf(['average', 'max', 'trainable']),
  table: option.optional(tableOption),
  activation: option.oneOf(NONLINEARITIES),
  convActivation: option.optional(option.oneOf(NONLINEARITIES)),
  output: option.withDefault(option.oneOf(['dense', 'digitCodes']), 'dense'),
} as const;

/** A nonlinearity as a layer of its own, named after the layer it follows. */
function squash(y: SymbolicTensor, kind: Nonlinearity, after: string): SymbolicTensor {
  const name = `${after}.activation`;
  return kind === 'scaledTanh' ? scaledTanh(y, { name }) : activate(y, { kind, name });
}

function build(x: SymbolicTensor, spec: OptionOutput<typeof lenetSpec>, context: BuildContext): Built {
  const { filters, hidden, padding, pool, table, activation, convActivation = activation, output } = spec;
  if (table !== undefined && table.length !== filters[1]) throw new OptionError('lenet', 'table', table, `a list of ${filters[1] ?? 'no'} lists, one for each map of the second convolution`);
  const weights = context.weights('glorotUniform');
  const features: Record<string, SymbolicTensor> = {};
  /** Core's layers have all activations but the scaled tanh themselves. */
  const activated = (kind: Nonlinearity, name: string, layer: (activation: Exclude<Nonlinearity, 'scaledTanh'>) => SymbolicTensor) =>
    kind === 'scaledTanh' ? squash(layer('linear'), kind, name) : layer(kind);

  let y = x;
  filters.forEach((channels, i) => {
    const [conv, name, input] = [`conv${i + 1}`, `pool${i + 1}`, y];
    y = table !== undefined && i === 1
      ? squash(tableConv(input, { table, kernelSize: 5, name: conv, ...weights }), convActivation, conv)
      : activated(convActivation, conv, (kind) => conv2d(input, { filters: channels, kernelSize: 5, padding: i === 0 ? padding : 0, activation: kind, name: conv, ...weights }));
    y = pool === 'trainable' ? squash(subsampling(y, { name }), convActivation, name) : (pool === 'max' ? maxPool : avgPool)(y, { poolSize: 2, name });
    features[name] = y;
  });
  if (!context.includeTop) return { output: y, features };

  y = flatten(y, { name: 'flatten' });
  hidden.forEach((units, i) => {
    const [name, input] = [`fc${i + 1}`, y];
    y = activated(activation, name, (kind) => dense(input, { units, activation: kind, name, ...weights }));
  });
  const rate = context.dropout(0);
  if (rate > 0) y = dropout(y, { rate, name: 'dropout' });
  const name = `fc${hidden.length + 1}`;
  return { output: output === 'dense' ? dense(y, { units: context.classes, name, ...weights }) : radialBasis(y, { classes: context.classes, name }), features };
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
