/** GoogLeNet's auxiliary classifier (Szegedy et al. 2015, section 5): it feeds gradients into the middle of the network, and is left out afterwards. */
import { adaptiveAvgPool, avgPool, dense, dropout, flatten, option, type BuildContext } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { convolutionUnit, type ConvolutionStyle } from './branches.js';
import type { AuxiliaryNames, DenseInitializer } from './googlenet-names.js';

export interface AuxiliarySpec {
  /** Feature taps of the modules that have one behind them, from input to output. */
  readonly after: readonly string[];
  /** 'strided': 5x5 windows with stride 3, the paper's, 4x4 of 14x14; 'adaptive': 4x4 cells of any map, torchvision's. */
  readonly pool: (typeof POOLS)[number];
  /** Of the 1x1. Default 128. */
  readonly filters?: number;
  /** Of the hidden dense layer. Default 1024. */
  readonly units?: number;
}

const POOLS = ['strided', 'adaptive'] as const;
/** Behind the hidden layer, in the paper and both references. */
const DROPOUT = 0.7;

export const auxiliaryEntries = {
  after: option.list(option.text()),
  pool: option.oneOf(POOLS),
  filters: option.withDefault(option.integer(1), 128),
  units: option.withDefault(option.integer(1), 1024),
} as const;

interface AuxiliaryHeadOptions {
  readonly spec: Required<Omit<AuxiliarySpec, 'after'>>;
  readonly names: AuxiliaryNames;
  readonly initializer: DenseInitializer;
  readonly style: ConvolutionStyle;
  readonly context: BuildContext;
}

/** Average pool to 4x4, 1x1, dense, ReLU, dropout, classifier. [N, H, W, C] -> [N, classes]. */
export function auxiliaryHead(x: SymbolicTensor, { spec: { pool, filters, units }, names, initializer, style, context }: AuxiliaryHeadOptions): SymbolicTensor {
  const weights = context.weights(initializer);
  let y = pool === 'adaptive' ? adaptiveAvgPool(x, { outputSize: 4, name: names.pool }) : avgPool(x, { poolSize: 5, strides: 3, name: names.pool });
  y = convolutionUnit(y, { path: names.conv, filters, kernelSize: 1 }, style);
  y = flatten(y, { name: names.flatten });
  y = dense(y, { units, activation: 'relu', name: names.hidden, ...weights });
  const rate = context.dropout(DROPOUT);
  if (rate > 0) y = dropout(y, { rate, name: names.dropout });
  return dense(y, { units: context.classes, name: names.classifier, ...weights });
}
