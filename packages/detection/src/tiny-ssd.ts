/**
 * TinySSD of Dive into Deep Learning (d2l, chapter 14.7): five maps of a small network, four anchors a cell. Halving blocks are two
 * 3x3 convolutions with batch norm and ReLU and a max pool; the last map is a global maximum.
 */
import { PRIOR_ANCHORS } from '@convkit/anchors';
import { batchNorm, conv2d, globalMaxPool, maxPool, option, OptionError, readOptions, seedOption, type ImageShape } from '@convkit/core';
import { input, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { SSD_RULES, type Detector, type DetectorRules } from './detector.js';
import { ssdOn } from './ssd.js';

export interface TinySsdOptions {
  /** Kinds of objects, without the background. Default 1, as in the book. */
  classes?: number;
  /** [H, W, C]. Default [256, 256, 3]. */
  inputShape?: ImageShape;
  /** Filters of the halving blocks in front of the first map. Default [16, 32, 64]. */
  base?: readonly number[];
  /** Filters of the halving blocks behind it, a map each; the last map is the maximum of the last of these. Default [128, 128, 128]. */
  stages?: readonly number[];
  /** Of the anchors, shares of the height: two for each map. Default: the book's for five maps. */
  sizes?: readonly (readonly number[])[];
  /** Width / height. Default [1, 2, 1/2]. */
  ratios?: readonly number[];
  /** Default: anchors are matched as in the book, the losses are SSD's. */
  rules?: Partial<DetectorRules>;
  /** Default 'random'. */
  initialWeights?: 'random' | 'zeros';
  /** Default 0. */
  seed?: number;
}

/** Of the book's network with one class and with twenty. */
export const TINY_SSDS = {
  tiny_ssd: { classes: 1, params: 1_010_376, anchors: PRIOR_ANCHORS.tinySsd.anchors },
  tiny_ssd_voc: { classes: 20, params: 1_404_740, anchors: PRIOR_ANCHORS.tinySsd.anchors },
} as const;

const positives = option.list(option.integer(1));
const numbers = option.list(option.number({ above: 0 }));
const entries = {
  classes: option.withDefault(option.integer(1), 1),
  inputShape: option.withDefault(option.imageShape(), [256, 256, 3]),
  base: option.withDefault(positives, [16, 32, 64]),
  stages: option.withDefault(positives, [128, 128, 128]),
  sizes: option.optional(option.list(numbers)),
  ratios: option.withDefault(numbers, [1, 2, 0.5]),
  rules: option.withDefault(option.custom<Partial<DetectorRules>>((value) => typeof value === 'object' && value !== null, 'an object with rules'), {}),
  initialWeights: option.withDefault(option.oneOf(['random', 'zeros']), 'random'),
  seed: option.withDefault(seedOption, 0),
} as const;

/** Two convolutions of one width, then half the height and width. */
function halvingBlock(x: SymbolicTensor, filters: number, name: string, weights: { kernelInitializer: 'glorotUniform' | 'zeros'; seed: number }): SymbolicTensor {
  let y = x;
  for (const i of [0, 3]) {
    // The book's convolutions keep their biases in front of a batch norm.
    y = conv2d(y, { filters, kernelSize: 3, padding: 1, ...weights, name: `${name}.${i}` });
    y = batchNorm(y, { activation: 'relu', name: `${name}.${i + 1}` });
  }
  return maxPool(y, { poolSize: 2, name: `${name}.6` });
}

/**
 * The book's detector, or a smaller one of its kind: `tinySsd({ classes: 10, inputShape: [64, 64, 3], base: [16, 32], ... })`.
 * @throws OptionError for sizes that are not as many as the maps, and for images too small to be halved that often.
 */
export function tinySsd(options: TinySsdOptions = {}): Detector {
  const where = 'tinySsd';
  const { classes, inputShape, base, stages, sizes, ratios, rules, initialWeights, seed } = readOptions(where, entries, options);
  const halvings = base.length + stages.length;
  if (Math.min(inputShape[0], inputShape[1]) < 2 ** halvings) throw new OptionError(where, 'inputShape', inputShape, `at least ${2 ** halvings} high and wide: it is halved ${halvings} times`);
  const count = stages.length + 2;
  const scales: readonly (readonly number[])[] | undefined = sizes ?? (count === PRIOR_ANCHORS.tinySsd.sizes.length ? PRIOR_ANCHORS.tinySsd.sizes : undefined);
  if (scales?.length !== count) throw new OptionError(where, 'sizes', sizes, `a list for each of the ${count} maps`);
  const weights = { kernelInitializer: initialWeights === 'zeros' ? 'zeros' as const : 'glorotUniform' as const, seed };

  const x = input({ shape: [...inputShape], name: 'input' });
  const first = base.reduce((y, filters, i) => halvingBlock(y, filters, `blk_0.${i}`, weights), x);
  const maps = [first];
  for (const [i, filters] of stages.entries()) maps.push(halvingBlock(maps.at(-1) as SymbolicTensor, filters, `blk_${i + 1}`, weights));
  maps.push(globalMaxPool(maps.at(-1) as SymbolicTensor, { keepDims: true, name: `blk_${stages.length + 1}` }));
  return ssdOn(x, maps, { classes, boxes: { sizes: scales, ratios }, rules: { match: { ...SSD_RULES.match, kind: 'forced', threshold: 0.5 }, ...rules }, seed, initialWeights, name: 'tiny_ssd' });
}
