/**
 * SSD300 and SSD512 on VGG-16 (Liu et al. 2016, figure 2 and section 3.5): the dense layers fc6 and fc7 are a dilated 3x3 and a 1x1
 * convolution, pool5 has stride 1. Layer names are torchvision's (ssd300_vgg16).
 */
import { DEFAULT_BOXES } from '@convkit/anchors';
import { conv2d, maxPool, option, readOptions, seedOption, unknownName, type ImageShape } from '@convkit/core';
import { convUnit, VGGS } from '@convkit/vgg';
import { input, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { channelNorm } from './channel-norm.js';
import type { Detector, DetectorRules } from './detector.js';
import { extraMap, type ExtraMap } from './extra-map.js';
import { ssdOn } from './ssd.js';

export interface VggSsdSpec {
  /** [H, W, C] */
  readonly input: ImageShape;
  readonly extras: readonly ExtraMap[];
  /** A name in anchors' table. */
  readonly boxes: keyof typeof DEFAULT_BOXES;
  /** Kinds of objects, without background. */
  readonly classes: number;
  /** Trainable, with these classes. */
  readonly params: number;
  /** Multiply-accumulates of convolutions, one image. */
  readonly macs: number;
}

const HALVED = [{ filters: 512, reduce: 256 }, { filters: 256, reduce: 128 }] as const;
const VALID = { filters: 256, reduce: 128, stride: 1, padding: 0 } as const;

/**
 * COCO's 90 classes (torchvision counts 91 with the background). `ssd300_vgg16`: torchvision, params exactly, multiply-accumulates to the
 * three digits it prints (34.858 G). `ssd512_vgg16`: derived from the authors' layers, no other source.
 */
export const VGG_SSDS = {
  ssd300_vgg16: { input: [300, 300, 3], extras: [...HALVED, VALID, VALID], boxes: 'ssd300', classes: 90, params: 35_641_826, macs: 34_858_153_472 },
  ssd512_vgg16: {
    input: [512, 512, 3],
    extras: [...HALVED, { filters: 256, reduce: 128 }, { filters: 256, reduce: 128 }, { filters: 256, reduce: 128, kernelSize: 4, stride: 1 }],
    boxes: 'ssd512', classes: 90, params: 37_513_116, macs: 100_032_441_344,
  },
} as const satisfies Record<string, VggSsdSpec>;

export interface VggSsdOptions {
  /** Kinds of objects. Default: the row's. */
  classes?: number;
  /** Where training and reading differ from SSD's. */
  rules?: Partial<DetectorRules>;
  /** Default 'random'. */
  initialWeights?: 'random' | 'zeros';
  /** Default 0. */
  seed?: number;
}

const entries = {
  classes: option.optional(option.integer(1)),
  rules: option.withDefault(option.custom<Partial<DetectorRules>>((value) => typeof value === 'object' && value !== null, 'an object with rules'), {}),
  initialWeights: option.withDefault(option.oneOf(['random', 'zeros']), 'random'),
  seed: option.withDefault(seedOption, 0),
} as const;

/** conv4_3 normalised, and fc7: [N, 300, 300, 3] -> [N, 38, 38, 512], [N, 19, 19, 1024]. */
function vggMaps(x: SymbolicTensor, weights: { kernelInitializer: 'heNormalFanOut' | 'zeros'; seed: number }): SymbolicTensor[] {
  const maps: SymbolicTensor[] = [];
  let y = x;
  let [name, index] = ['backbone.features', 0];
  VGGS.vgg16.stages.forEach(({ filters, kernels }, stage) => {
    for (const kernelSize of kernels) {
      y = convUnit(y, { filters, kernelSize, name, index, ...weights });
      index += 2;
    }
    if (stage === 3) {
      maps.push(channelNorm(y, { name: 'backbone.scale' }));
      [name, index] = ['backbone.extra.0', 0];
    }
    // pool3 takes the 75 rows to 38.
    if (stage < 4) y = maxPool(y, { poolSize: 2, ceilMode: stage === 2, name: `${name}.${index++}` });
  });
  y = maxPool(y, { poolSize: 3, strides: 1, padding: 1, name: 'backbone.extra.0.7.0' });
  y = conv2d(y, { filters: 1024, kernelSize: 3, dilationRate: 6, padding: 6, activation: 'relu', ...weights, name: 'backbone.extra.0.7.1' });
  y = conv2d(y, { filters: 1024, kernelSize: 1, activation: 'relu', ...weights, name: 'backbone.extra.0.7.3' });
  return [...maps, y];
}

/**
 * SSD300 or SSD512: `vggSsd('ssd300_vgg16', { classes: 20 })`.
 * @throws OptionError for an unknown variant and impossible options.
 */
export function vggSsd(variant: keyof typeof VGG_SSDS, options: VggSsdOptions = {}): Detector {
  const row: VggSsdSpec | undefined = Object.hasOwn(VGG_SSDS, variant) ? VGG_SSDS[variant] : undefined;
  if (row === undefined) throw unknownName('vggSsd', 'variant', variant, Object.keys(VGG_SSDS));
  const { classes = row.classes, rules, initialWeights, seed } = readOptions(variant, entries, options);
  const zeros = initialWeights === 'zeros';
  const x = input({ shape: [...row.input], name: 'input' });
  const maps = vggMaps(x, { kernelInitializer: zeros ? 'zeros' : 'heNormalFanOut', seed });
  for (const [i, extra] of row.extras.entries()) {
    maps.push(extraMap(maps.at(-1) as SymbolicTensor, { ...extra, kernelInitializer: zeros ? 'zeros' : 'glorotUniform', seed, name: `backbone.extra.${i + 1}` }));
  }
  const { ratios, scales, steps } = DEFAULT_BOXES[row.boxes];
  return ssdOn(x, maps, { classes, boxes: { ratios, scales, steps }, rules, seed, initialWeights, name: variant });
}
