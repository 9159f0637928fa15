/**
 * SSD: Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016, arXiv 1512.02325), on the feature maps of any network, and SSDLite
 * (Sandler et al. 2018, arXiv 1801.04381, section 6.2) with `kind: 'separable'`. Layer names are torchvision's.
 */
import { defaultBoxes, priorAnchors, type DefaultBoxOptions, type PriorAnchorOptions } from '@convkit/anchors';
import { option, OptionError, readOptions, seedOption, type ImageShape, type KernelInitializer } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { backboneMaps, type Backbone } from './backbone.js';
import { makeDetector, mapSizes, SSD_RULES, type Detector, type DetectorRules } from './detector.js';
import { extraMap, extraMapEntries, type ExtraMap } from './extra-map.js';
import { predictionHead } from './prediction-head.js';

/** SSD's default boxes, or the anchors of Dive into Deep Learning. What is left out of the former is as in torchvision. */
export type SsdBoxes = Partial<Pick<DefaultBoxOptions, 'ratios' | 'scales' | 'steps' | 'clip'>> | Pick<PriorAnchorOptions, 'sizes' | 'ratios'>;

export interface SsdOptions {
  /** A model, or what builds one: `zoo.get('mobilenet_v2')`. */
  backbone: Backbone;
  /** Its taps, from the largest map to the smallest. Default for a model: its outputs. */
  features?: readonly string[];
  /** Kinds of objects, without the background. */
  classes: number;
  /** [H, W, C] for something that builds. Default: its own. */
  inputShape?: ImageShape;
  /** Maps behind the last one of the backbone. Default none. */
  extras?: readonly ExtraMap[];
  /** Of extras and heads; 'separable' is SSDLite. Default 'convolution'. */
  kind?: 'convolution' | 'separable';
  /** Default: ratios 1, 2, 3 on every map, scales from 0.15 to 0.9. */
  boxes?: SsdBoxes;
  /** Where training and reading differ from SSD's. */
  rules?: Partial<DetectorRules>;
  /** Of the heads, and of a backbone that is built. Default 'random'. */
  initialWeights?: 'random' | 'zeros';
  /** Default 0. */
  seed?: number;
  /** Of the model. Default 'ssd'. */
  name?: string;
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null;
export const commonEntries = {
  backbone: option.custom<Backbone>(isObject, 'a tf.LayersModel or { build(options) => tf.LayersModel }'),
  features: option.optional(option.list(option.text())),
  classes: option.integer(1),
  inputShape: option.optional(option.imageShape()),
  rules: option.withDefault(option.custom<Partial<DetectorRules>>(isObject, 'an object with rules'), {}),
  initialWeights: option.withDefault(option.oneOf(['random', 'zeros']), 'random'),
  seed: option.withDefault(seedOption, 0),
} as const;

const entries = {
  ...commonEntries,
  extras: option.withDefault(option.list(option.object(extraMapEntries), 0), []),
  kind: option.withDefault(option.oneOf(['convolution', 'separable']), 'convolution'),
  boxes: option.withDefault(option.custom<SsdBoxes>(isObject, '{ ratios, scales, steps, clip } or { sizes, ratios }'), {}),
  name: option.withDefault(option.text(), 'ssd'),
} as const;

/** torchvision's DefaultBoxGenerator: evenly spaced from 0.15 to 0.9, then 1. */
const evenScales = (maps: number) => [...Array.from({ length: maps }, (_, k) => (maps === 1 ? 0.15 : 0.15 + (0.75 * k) / (maps - 1))), ...(maps === 1 ? [0.9] : [1])];

/** How new layers start, as in torchvision. */
function startOf(kind: 'convolution' | 'separable', initialWeights: 'random' | 'zeros' | undefined): KernelInitializer {
  if (initialWeights === 'zeros') return 'zeros';
  return kind === 'separable' ? { kind: 'normal', deviation: 0.03 } : 'glorotUniform';
}

/** Anchors of maps, normalised, and how many a cell of each has. */
function boxesOf(maps: readonly SymbolicTensor[], boxes: SsdBoxes, image: readonly [number, number]): { anchors: Float32Array; perCell: number[] } {
  const sizes = mapSizes(maps);
  if ('sizes' in boxes) return { anchors: priorAnchors({ ...boxes, maps: sizes }), perCell: boxes.sizes.map((scales) => scales.length + boxes.ratios.length - 1) };
  const { ratios = maps.map(() => [2, 3]), scales = evenScales(maps.length), ...rest } = boxes;
  return { anchors: defaultBoxes({ ...rest, image, maps: sizes, ratios, scales }), perCell: ratios.map((list) => 2 + 2 * list.length) };
}

/** Heads on maps: what every kind of SSD ends in. */
export function ssdOn(x: SymbolicTensor, maps: readonly SymbolicTensor[], options: Pick<SsdOptions, 'classes' | 'kind' | 'rules' | 'seed' | 'initialWeights'> & { boxes: SsdBoxes; name: string }): Detector {
  const { classes, kind = 'convolution', rules, seed = 0, initialWeights, boxes, name } = options;
  const { anchors, perCell } = boxesOf(maps, boxes, [x.shape[1] as number, x.shape[2] as number]);
  const weights = { kernelInitializer: startOf(kind, initialWeights), seed };
  const head = (part: string, columns: number) => predictionHead(maps, { anchors: perCell, columns, kind, ...weights, name: `head.${part}_head.module_list` });
  return makeDetector({ name, x, logits: head('classification', classes + 1), offsets: head('regression', 4), anchors, classes, rules: { ...SSD_RULES, ...rules } });
}

/**
 * A detector on the maps of a network: extra feature layers, a location and a confidence convolution for each map, and default boxes.
 * @throws OptionError for options and maps that do not fit.
 */
export function ssd(options: SsdOptions): Detector {
  const where = 'ssd';
  const { backbone, features, inputShape, extras, kind, boxes, initialWeights, seed, ...rest } = readOptions(where, entries, options);
  const { x, maps } = backboneMaps(where, { backbone, features, inputShape, initialWeights, seed });
  let last = maps.at(-1);
  if (last === undefined) throw new OptionError(where, 'features', features, 'at least one');
  for (const [i, extra] of extras.entries()) {
    last = extraMap(last, { ...extra, kind, kernelInitializer: startOf(kind, initialWeights), seed, name: `backbone.extra.${i}` });
    maps.push(last);
  }
  return ssdOn(x, maps, { ...rest, kind, boxes, seed, initialWeights });
}
